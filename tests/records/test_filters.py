"""Narrowing the list: states, items, 受診日, one letter, beginnings of numbers, and its end."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event, true

from tests.consent.world import HANAKO, TARO, VISIT_DAY, Card, World
from tests.migrating import downgrade
from zaitaku.consent.grams import beginning_with, grams_of, pair, pairs_in
from zaitaku.consent.lines import keep_lines
from zaitaku.consent.model import ConsentItem, Decision
from zaitaku.consent.tables import consent, consent_gram, consent_item, patient
from zaitaku.eligibility.model import Insured, Sex
from zaitaku.eligibility.sandbox import SandboxEligibility
from zaitaku.facilities.model import Channel
from zaitaku.records import consented
from zaitaku.records.consented import ConsentedPatients
from zaitaku.records.listing import Cut, ItemState, LineState, ListQuery, Page, SortKey
from zaitaku.schema import upgrade

HANAKOS_CARD = Card.named("hanako")


def _page(world: World, **asked: Any) -> Page:
    with world.database.reading() as connection:
        listed = ConsentedPatients(connection, world.facility.id)
        return listed.page(ListQuery(**asked), now=world.clock.now())


def _names(world: World, **asked: Any) -> list[str | None]:
    return [row.name for row in _page(world, **asked).rows]


def _take_back(world: World, *items: str) -> None:
    with world.database.transaction() as connection:
        chosen = consent_item.update().where(consent_item.c.item.in_(items))
        connection.execute(chosen.values(state="withdrawn"))
        keep_lines(connection, true())


def test_what_was_taken_back_has_no_mark(any_world: World) -> None:
    any_world.register()
    _take_back(any_world, "checkup")
    (row,) = _page(any_world).rows
    assert (row.checkup, row.surgery, row.state) == (
        ItemState.WITHDRAWN,
        ItemState.GRANTED,
        LineState.VALID,
    )
    assert row.checkup.mark == ""
    _take_back(any_world, *(item.value for item in ConsentItem))
    assert _page(any_world).rows[0].state is LineState.WITHDRAWN


def test_each_line_is_found_under_its_state_and_no_other(any_world: World) -> None:
    any_world.register()
    _take_back(any_world, *(item.value for item in ConsentItem))
    any_world.register(Channel.ONLINE, card=HANAKOS_CARD)
    any_world.clock.advance(timedelta(days=3))
    any_world.register(card=Card.named("valid"))
    any_world.register(card=Card.named("refused"), decision=Decision.REFUSE)
    for state in LineState:
        (row,) = _page(any_world, state=state).rows
        assert row.state is state


def test_an_item_finds_who_granted_it(any_world: World) -> None:
    any_world.register(decisions={ConsentItem.CHECKUP: Decision.REFUSE})
    any_world.register(card=HANAKOS_CARD)
    assert _names(any_world, item=ConsentItem.CHECKUP) == [HANAKO.name]
    assert _names(any_world, item=ConsentItem.SURGERY) == [HANAKO.name, TARO.name]


def test_visit_days_narrow_and_order_the_list(any_world: World) -> None:
    later = VISIT_DAY + timedelta(days=2)
    any_world.register(Channel.ONLINE, visit_date=later)
    any_world.register(Channel.ONLINE, card=HANAKOS_CARD)
    any_world.register(card=Card.named("somebody"))
    asked = ListQuery.from_mapping({"visit-from": "2026-11-20", "visit-to": "2026-11-22"})
    assert asked.sort is SortKey.VISIT_DATE
    assert _names(any_world, visit_from=VISIT_DAY, sort=asked.sort) == [TARO.name, HANAKO.name]
    assert _names(any_world, visit_to=VISIT_DAY) == [HANAKO.name]
    assert _names(any_world, visit_from=date(2026, 11, 23)) == []


@pytest.mark.parametrize("many", [2, 1_000])
def test_one_letter_finds_a_part_as_well(
    any_world: World, many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consented, "MOST_EXAMINED", many)
    any_world.register()
    any_world.register(card=HANAKOS_CARD)
    assert _names(any_world, search="宅") == [TARO.name]
    assert _names(any_world, search="ハ") == [HANAKO.name]
    assert _names(any_world, search="ウ") == [HANAKO.name, TARO.name]
    assert _names(any_world, search="在ハ") == []


def test_a_number_is_found_by_its_beginning_alone(any_world: World) -> None:
    reference = any_world.register().receipt.reference
    any_world.register(card=HANAKOS_CARD, facility=any_world.other)
    digits = reference.replace("-", "")
    for length in range(1, 14):
        assert _names(any_world, search=digits[:length]) == [TARO.name]
    for typed in (digits + "0", "9" * 13, "9" * 20, "27", f"{(int(digits) + 1) % 10**13:013d}"):
        assert _names(any_world, search=typed) == []


def test_digits_in_a_name_are_found_as_well(any_world: World) -> None:
    person = Insured("person-9", "試験　２６０１", "シケン", date(1950, 1, 1), Sex.FEMALE)
    SandboxEligibility(any_world.database).bind(Card.named("digits").subject_hashes[0], person)
    any_world.register(card=Card.named("digits"), facility=any_world.facility)
    any_world.register()
    assert set(_names(any_world, search="26")) == {person.name, TARO.name}
    assert _names(any_world, search="2601") == [person.name]
    assert _names(any_world, search="0") == [person.name]


def test_a_new_name_is_found_and_the_old_one_is_not(any_world: World) -> None:
    any_world.register()
    renamed = Insured("person-1", "山田　太郎", "ヤマダ　タロウ", TARO.birth_date, Sex.MALE)
    provider = SandboxEligibility(any_world.database)
    provider.bind(Card.named("taro").subject_hashes[0], renamed)
    any_world.register(Channel.ONLINE)
    assert _names(any_world, search="山田") == [renamed.name] * 2
    assert _names(any_world, search="在宅") == []


def test_who_was_nobody_yet_is_found_once_the_name_is_known(any_world: World) -> None:
    card = Card.named("later")
    any_world.register(card=card)
    assert _names(any_world, search="在宅") == []
    SandboxEligibility(any_world.database).bind(card.subject_hashes[0], TARO)
    any_world.register(Channel.ONLINE, card=card)
    assert _names(any_world, search="在宅") == [TARO.name] * 2
    any_world.register()
    assert _names(any_world, search="ザイタク", sort=SortKey.KANA) == [TARO.name] * 2


def test_a_long_list_is_counted_to_its_end_and_no_further(
    any_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consented, "MOST_COUNTED", 4)
    monkeypatch.setattr(consented, "MOST_FOUND", 2)
    monkeypatch.setattr(consented, "MOST_EXAMINED", 3)
    for number in range(5):
        any_world.register(Channel.ONLINE, visit_date=VISIT_DAY + timedelta(days=number))
    whole = _page(any_world, size=2, page=9)
    assert (whole.total, whole.pages, whole.number, whole.is_capped) == (4, 2, 2, True)
    found = _page(any_world, size=2, search="在宅")
    assert (found.total, found.pages, found.is_capped) == (2, 1, True)
    exact = _page(any_world, visit_to=VISIT_DAY + timedelta(days=3), sort=SortKey.VISIT_DATE)
    assert (exact.total, exact.is_capped) == (4, False)


def test_a_short_stretch_in_its_order_is_looked_at_as_far_as_its_last_page(
    any_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a name that more lines fit than have a page, the newest; in another order all of them."""
    monkeypatch.setattr(consented, "MOST_FOUND", 2)
    days = [VISIT_DAY + timedelta(days=number) for number in range(4)]
    for day in days:
        any_world.register(Channel.ONLINE, visit_date=day)
    newest = _page(any_world, search="在宅")
    assert (newest.total, newest.cut) == (2, Cut.COUNT)
    assert [line.visit_date for line in newest.rows] == days[:1:-1]
    monkeypatch.setattr(consented, "MOST_FOUND", 4)
    whole = _page(any_world, search="在宅")
    assert (whole.total, whole.cut) == (4, None)
    sorted_otherwise = _page(any_world, search="在宅", sort=SortKey.VISIT_DATE, descending=False)
    assert [line.visit_date for line in sorted_otherwise.rows] == days


def test_what_was_not_looked_at_is_told(any_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consented, "MOST_EXAMINED", 2)
    monkeypatch.setattr(consented, "MOST_REFERENCES", 2)
    reference = [any_world.register(card=HANAKOS_CARD).receipt.reference for _ in range(3)][-1]
    for number in range(3):
        any_world.register(Channel.ONLINE, visit_date=VISIT_DAY + timedelta(days=number))
    some = _page(any_world, search="ザイタク", item=ConsentItem.CHECKUP)
    assert (some.total, some.cut, some.is_reordered) == (2, Cut.LINES, False)
    assert _page(any_world, search="ホウモン").cut is None
    other = _page(any_world, search="ザイタク", sort=SortKey.KANA, descending=False)
    assert (other.total, other.cut, other.is_reordered) == (2, Cut.LINES, True)
    assert _page(any_world, search=reference[:6]).cut is Cut.REFERENCES
    assert _page(any_world, search=reference).cut is None


def test_filters_join_whichever_way_is_taken(
    any_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    any_world.register(Channel.ONLINE)
    any_world.register(card=HANAKOS_CARD)
    any_world.register(card=Card.named("refused"), decision=Decision.REFUSE)
    asked = ListQuery(search="タク", visit_from=VISIT_DAY, channel=Channel.ONLINE)
    for most in (2_000, 1):
        monkeypatch.setattr(consented, "MOST_EXAMINED", most)
        assert _names(any_world, **vars(asked)) == [TARO.name]
        assert _names(any_world, **{**vars(asked), "search": "ホウモン"}) == []
        assert _names(any_world, state=LineState.REFUSED, item=ConsentItem.SURGERY) == []


names = st.text("在宅訪問太郎花子アイウ髙𠮷", min_size=1, max_size=6)


@given(names, names)
def test_whatever_is_in_a_name_is_among_its_pairs(name: str, reading: str) -> None:
    grams = grams_of(f"{name}\n{reading}")
    for part in (name, reading):
        for start in range(len(part)):
            for end in range(start + 2, len(part) + 1):
                assert set(pairs_in(part[start:end])) <= grams
            assert any(gram in beginning_with(part[start]) for gram in grams)
    assert len(grams) <= len(name) + len(reading)


@given(st.characters(exclude_categories=["Cs"]), st.characters(exclude_categories=["Cs"]))
def test_pairs_are_told_apart(first: str, second: str) -> None:
    if second != "\0":
        assert pair(first, second) != pair(first)
    assert pair(first, second) in beginning_with(first)
    assert 0 <= pair(first, second) < 2**42


@contextmanager
def _heard(world: World) -> Iterator[list[tuple[str, Any]]]:
    heard: list[tuple[str, Any]] = []

    def hear(
        _connection: object, _cursor: object, statement: str, parameters: Any, *_rest: object
    ) -> None:
        heard.append((statement, parameters))

    event.listen(world.database.engine, "before_cursor_execute", hear)
    yield heard
    event.remove(world.database.engine, "before_cursor_execute", hear)


@pytest.mark.parametrize(
    ("asked", "index"),
    [
        ({"search": "在宅"}, "ix_consent_gram_found"),
        ({"search": "ザイタク"}, "ix_consent_gram_found"),
        ({"search": "ザイタク", "recorded_to": VISIT_DAY}, "ix_consent_gram_found"),
        ({"channel": Channel.ONLINE}, "ix_consent_list_channel"),
        ({"state": LineState.REFUSED}, "ix_consent_standing"),
        ({"state": LineState.WITHDRAWN, "descending": False}, "ix_consent_standing"),
        ({"state": LineState.VALID}, "ix_consent_standing"),
        ({"state": LineState.REFUSED, "sort": SortKey.KANA}, "ix_consent_standing"),
        ({"sort": SortKey.KANA, "descending": False}, "ix_consent_list_kana_key"),
        ({"sort": SortKey.BIRTH_DATE}, "ix_consent_list_birth_date"),
        ({"sort": SortKey.VISIT_DATE}, "ix_consent_list_visit_date"),
        ({"sort": SortKey.VALID_UNTIL, "descending": False}, "ix_consent_list_valid_until"),
        ({"sort": SortKey.REFERENCE}, "ix_consent_list_reference"),
        ({"item": ConsentItem.SURGERY, "sort": SortKey.KANA}, "ix_consent_list_kana_key"),
        (
            {"visit_from": VISIT_DAY, "sort": SortKey.VISIT_DATE},
            "ix_consent_list_visit_date",
        ),
    ],
)
def test_narrowing_reads_an_index_in_its_order(
    world: World, asked: dict[str, Any], index: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consented, "MOST_EXAMINED", 0)
    world.register(card=HANAKOS_CARD)
    _take_back(world, *(item.value for item in ConsentItem))
    world.register(Channel.ONLINE)
    world.register(card=Card.named("refused"), decision=Decision.REFUSE)
    with _heard(world) as heard:
        _page(world, **asked)
    statement, parameters = next(
        each
        for each in heard
        if "consent" in each[0] and "ORDER BY" in each[0] and "count(" not in each[0]
    )
    with world.database.reading() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
    # Of what is walked and then sieved, the walk decides: it ends after so many lines.
    walk = [row[0] for row in plan if row[3] == "CO-ROUTINE walked"]
    lines = [row[3] for row in plan if not walk or row[1] in walk]
    assert any(index in line for line in lines), lines
    assert not any("TEMP B-TREE" in line or line.startswith("SCAN") for line in lines), lines


def test_what_is_there_already_becomes_findable_by_upgrading(any_world: World) -> None:
    any_world.register()
    any_world.register(Channel.ONLINE, card=HANAKOS_CARD)
    any_world.register(card=Card.named("unknown"))
    any_world.register(card=Card.named("refused"), decision=Decision.REFUSE)
    any_world.register(card=Card.named("once"))
    any_world.register(card=Card.named("once"), decision=Decision.REFUSE)

    def derived() -> tuple[object, ...]:
        letters = {(row["consent_id"], row["gram"]) for row in any_world.rows(consent_gram)}
        times = {(row["consent_id"], row["recorded_at"]) for row in any_world.rows(consent_gram)}
        told = ("id", "standing", "is_listed", "kana_key", "birth_date")
        lines = {tuple(row[name] for name in told) for row in any_world.rows(consent)}
        return letters, times, lines, {row["kana_key"] for row in any_world.rows(patient)}

    before = derived()
    downgrade(any_world.database, "202611220106")
    upgrade(any_world.database)
    assert derived() == before
    assert _names(any_world, search="在宅") == [TARO.name]
