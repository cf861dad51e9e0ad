"""テスト用データセットアップ: cards, categories, and what another facility may not touch."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from tests.eligibility.bench import SERIAL, Bench, hash_of
from zaitaku.audit.model import Act
from zaitaku.audit.store import audit_entry
from zaitaku.core.errors import InvalidField
from zaitaku.eligibility.bindings import Category, DataState, card_serial, pmh_id
from zaitaku.eligibility.errors import CardTaken
from zaitaku.eligibility.kinds import SandboxKind
from zaitaku.eligibility.set_up import MOST_BINDINGS
from zaitaku.eligibility.store import sandbox_binding, sandbox_card
from zaitaku.eligibility.synthetic.people import invented_person

FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")


@given(st.integers(1, (1 << 160) - 1))
def test_a_serial_is_read_in_either_width(serial: int) -> None:
    assert card_serial(f" {serial} ") == serial
    assert card_serial(str(serial).translate(FULL_WIDTH)) == serial


@pytest.mark.parametrize(
    ("typed", "rule"),
    [
        ("", "missing"),
        ("　", "missing"),
        ("0x1f", "not-decimal"),
        ("1F", "not-decimal"),
        ("-5", "not-decimal"),
        ("1.5", "not-decimal"),
        ("٣", "not-decimal"),
        ("0", "out-of-range"),
        (str(1 << 160), "out-of-range"),
        ("9" * 50, "out-of-range"),
        ("9" * 5000, "out-of-range"),
    ],
)
def test_what_is_no_serial_is_refused(typed: str, rule: str) -> None:
    with pytest.raises(InvalidField) as refused:
        card_serial(typed)
    assert (refused.value.field, refused.value.rule) == ("serial", rule)


def test_a_pmh_id_has_letters_digits_and_hyphens() -> None:
    assert pmh_id("　ｐｍｈ－１２ ") == "PMH-12"
    assert pmh_id("") == ""
    for typed, rule in (("PMH_1", "characters"), ("あ", "characters"), ("1" * 21, "too-long")):
        with pytest.raises(InvalidField, match=rule):
            pmh_id(typed)


def test_a_bound_card_is_listed_without_its_number(any_bench: Bench) -> None:
    made = any_bench.bind(SandboxKind.UNDISCLOSED, pmh_id="PMH-1")
    assert any_bench.set_up.bindings(any_bench.facility) == (made,)
    with any_bench.database.reading() as connection:
        kept = [
            *connection.execute(select(sandbox_binding)).mappings(),
            *connection.execute(select(sandbox_card.c.binding_id)).mappings(),
        ]
    assert str(SERIAL) not in str(kept)


def test_a_card_that_is_bound_anew_is_the_same_person_of_another_kind(any_bench: Bench) -> None:
    first = any_bench.bind(SandboxKind.INSURED)
    second = any_bench.bind(SandboxKind.NOT_INSURED)
    assert any_bench.set_up.bindings(any_bench.facility) == (second,)
    assert (second.person, second.kind) == (first.person, SandboxKind.NOT_INSURED)


def test_a_card_of_the_operators_people_stays_that_person(bench: Bench) -> None:
    person = invented_person("someone else")
    bench.eligibility.bind(hash_of(SERIAL), person)
    assert bench.bind(SandboxKind.INSURED).person == person
    bench.set_up.unbind_all(bench.facility, actor="test")
    assert bench.eligibility.find((hash_of(SERIAL),)) == person


def test_deleting_all_is_of_ones_own_alone(any_bench: Bench) -> None:
    any_bench.bind(serial=1)
    any_bench.bind(serial=2)
    theirs = any_bench.bind(serial=3, facility=any_bench.other)
    assert any_bench.set_up.unbind_all(any_bench.facility, actor="test") == 2
    assert any_bench.set_up.bindings(any_bench.facility) == ()
    assert any_bench.set_up.bindings(any_bench.other) == (theirs,)
    assert any_bench.eligibility.find((hash_of(1),)) is None


def test_another_facilitys_card_is_not_taken_away(bench: Bench) -> None:
    theirs = bench.bind(facility=bench.other)
    with pytest.raises(CardTaken):
        bench.bind(SandboxKind.WITHHELD)
    assert bench.eligibility.find((hash_of(SERIAL),)) == theirs.person


def test_there_is_a_most_and_binding_anew_is_still_possible(bench: Bench) -> None:
    for serial in range(1, MOST_BINDINGS + 1):
        bench.bind(serial=serial)
    with pytest.raises(InvalidField, match="too-many"):
        bench.bind(serial=MOST_BINDINGS + 1)
    bench.bind(SandboxKind.NOT_INSURED, serial=1)
    assert len(bench.set_up.bindings(bench.facility)) == MOST_BINDINGS


def state_of(bench: Bench, category: Category) -> DataState:
    (found,) = [each for each in bench.set_up.data(bench.facility) if each.category is category]
    return found


@pytest.mark.parametrize("category", sorted({*Category} - {Category.EMERGENCY}))
def test_a_category_is_deleted_and_registered_again(bench: Bench, category: Category) -> None:
    bench.bind()
    before = state_of(bench, category)
    assert before.is_registered
    assert before.count > 0
    bench.set_up.delete(bench.facility, category, actor="test")
    assert state_of(bench, category) == DataState(category, is_registered=False, count=0)
    others = {*Category} - {category, Category.EMERGENCY}
    assert all(state_of(bench, each).is_registered for each in others)
    bench.set_up.register(bench.facility, category, serial=None, actor="test")
    assert state_of(bench, category) == before


def test_what_is_counted_is_what_is_shown(bench: Bench) -> None:
    key, months = bench.bind().person.person_key, bench.months
    surgery = bench.medical.surgeries(key, months, with_shared=True)
    clinical = bench.medical.clinical(key, months, with_shared=True)
    drugs = bench.medical.medications(key, months, with_shared=True)
    charts = (surgery.conditions, surgery.infections, clinical.allergies, clinical.tests)
    assert {each.category: each.count for each in bench.set_up.data(bench.facility)} == {
        Category.SURGERY: len(surgery.surgeries),
        Category.CLINICAL: len(clinical.treatments),
        Category.MEDICATION: len(drugs.dispensings),
        Category.CHECKUP: len(bench.medical.checkups(key, months)),
        Category.CHART: sum(map(len, charts)) + len(drugs.prescriptions),
        Category.EMERGENCY: 0,
    }


def test_what_is_deleted_is_shown_no_more(bench: Bench) -> None:
    key = bench.bind().person.person_key
    bench.set_up.delete(bench.facility, Category.MEDICATION, actor="test")
    bench.set_up.delete(bench.facility, Category.CHART, actor="test")
    drugs = bench.medical.medications(key, bench.months, with_shared=True)
    assert (drugs.dispensings, drugs.prescriptions) == ((), ())
    assert bench.medical.checkups(key, bench.months)


def test_another_facilitys_data_stay(bench: Bench) -> None:
    theirs = bench.bind(facility=bench.other).person.person_key
    bench.set_up.delete(bench.facility, Category.CHECKUP, actor="test")
    assert bench.medical.checkups(theirs, bench.months)


def test_emergency_data_need_a_card_of_ones_own(bench: Bench) -> None:
    bench.bind(serial=1)
    bench.bind(serial=2, facility=bench.other)
    for serial, rule in ((None, "missing"), (2, "not-bound"), (3, "not-bound")):
        with pytest.raises(InvalidField, match=rule):
            bench.set_up.register(bench.facility, Category.EMERGENCY, serial=serial, actor="test")
    assert state_of(bench, Category.EMERGENCY).is_registered is False
    for _ in range(2):
        bench.set_up.register(bench.facility, Category.EMERGENCY, serial=1, actor="test")
    assert state_of(bench, Category.EMERGENCY) == DataState(
        Category.EMERGENCY, is_registered=True, count=1
    )
    bench.set_up.delete(bench.facility, Category.EMERGENCY, actor="test")
    assert state_of(bench, Category.EMERGENCY).is_registered is False


def test_every_act_is_recorded_and_none_names_the_card(bench: Bench) -> None:
    bench.bind()
    bench.set_up.delete(bench.facility, Category.SURGERY, actor="test")
    bench.set_up.register(bench.facility, Category.SURGERY, serial=None, actor="test")
    bench.set_up.unbind_all(bench.facility, actor="test")
    with bench.database.reading() as connection:
        own = audit_entry.c.facility_id == bench.facility
        query = select(audit_entry).where(own).order_by(audit_entry.c.sequence)
        entries = list(connection.execute(query).mappings())
    assert [entry["act"] for entry in entries][-4:] == [
        Act.BIND_TEST_CARD,
        Act.DELETE_TEST_DATA,
        Act.REGISTER_TEST_DATA,
        Act.UNBIND_TEST_CARDS,
    ]
    assert str(SERIAL) not in str(entries)
