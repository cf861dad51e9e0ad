"""The fourteen kinds of domain.md §9: what the check, and the medical information, tell of each."""

from collections.abc import Callable

import pytest

from tests.eligibility.bench import SERIAL, Bench, hash_of
from zaitaku.core.clock import japan_date
from zaitaku.eligibility.errors import EligibilityTimedOut, PersonUnknown
from zaitaku.eligibility.kinds import KIND_NAMES, SandboxKind
from zaitaku.eligibility.medical import (
    ClinicalInformation,
    MedicalInformationWithheld,
    MedicationInformation,
    SurgeryInformation,
)
from zaitaku.eligibility.model import Address, EligibilityResult, Insured, TicketKind, Withheld
from zaitaku.eligibility.sandbox_medical import SandboxMedicalInformation

Asking = Callable[[str, Bench], object]

CARD = (hash_of(SERIAL),)
WITHHELD = (SandboxKind.WITHHELD, SandboxKind.ASSISTED_WITHHELD)
UNDISCLOSED = (SandboxKind.UNDISCLOSED, SandboxKind.ASSISTED_UNDISCLOSED)
ASSISTED_ALONE = (
    SandboxKind.ASSISTED_MEDICAL,
    SandboxKind.ASSISTED_DISPENSING,
    SandboxKind.NOT_ASSISTED,
    SandboxKind.ASSISTED_NOT_ENTRUSTED,
    SandboxKind.ASSISTED_UNDISCLOSED,
)
BOTH = (SandboxKind.INSURED_AND_ASSISTED, SandboxKind.INSURED_AND_ASSISTED_NO_TICKET)
SHOWN = tuple(kind for kind in SandboxKind if kind not in WITHHELD)
TICKETS = {
    SandboxKind.ASSISTED_MEDICAL: (TicketKind.MEDICAL,),
    SandboxKind.ASSISTED_DISPENSING: (TicketKind.DISPENSING,),
    SandboxKind.INSURED_AND_ASSISTED: (TicketKind.MEDICAL, TicketKind.DISPENSING),
    SandboxKind.ASSISTED_UNDISCLOSED: (TicketKind.MEDICAL,),
}


def test_there_are_fourteen_kinds_with_names_of_their_own() -> None:
    assert len(set(KIND_NAMES.values())) == len(KIND_NAMES) == len(SandboxKind) == 14


@pytest.mark.parametrize("kind", SHOWN)
def test_insurance_and_assistance_are_what_the_kind_says(bench: Bench, kind: SandboxKind) -> None:
    result, today = bench.result(kind), japan_date(bench.clock.now())
    assert (result.insurance is None) == (kind in ASSISTED_ALONE)
    assert (result.assistance is None) == (kind not in ASSISTED_ALONE + BOTH)
    if result.insurance:
        assert result.insurance.is_valid(today) == (kind is not SandboxKind.NOT_INSURED)
    if result.assistance:
        assert result.assistance.is_valid(today) == (kind is not SandboxKind.NOT_ASSISTED)
        assert result.assistance.is_entrusted == (kind is not SandboxKind.ASSISTED_NOT_ENTRUSTED)
        kinds = tuple(each.kind for each in result.assistance.tickets)
        assert kinds == TICKETS.get(kind, ())


@pytest.mark.parametrize("kind", SHOWN)
def test_the_undisclosed_have_neither_postcode_nor_address(bench: Bench, kind: SandboxKind) -> None:
    result = bench.result(kind)
    assert result.is_undisclosed == (kind in UNDISCLOSED)
    assert (result.address is None) == (kind in UNDISCLOSED)


def test_an_undisclosed_result_cannot_be_made_with_an_address(bench: Bench) -> None:
    plain = bench.result(SandboxKind.INSURED)
    with pytest.raises(ValueError, match="undisclosed"):
        EligibilityResult(
            checked_at=plain.checked_at,
            person=plain.person,
            is_undisclosed=True,
            address=Address("000-0000", "架空県"),
            insurance=plain.insurance,
        )


@pytest.mark.parametrize("kind", WITHHELD)
def test_of_the_withheld_nothing_is_told(bench: Bench, kind: SandboxKind) -> None:
    key = bench.bind(kind).person.person_key
    assert bench.eligibility.find(CARD) == Withheld(key)
    assert bench.eligibility.check(key) == Withheld(key)
    for ask in all_of(bench.medical):
        with pytest.raises(MedicalInformationWithheld):
            ask(key, bench)


def all_of(medical: SandboxMedicalInformation) -> tuple[Asking, ...]:
    return (
        lambda key, bench: medical.surgeries(key, bench.months, with_shared=True),
        lambda key, bench: medical.clinical(key, bench.months, with_shared=True),
        lambda key, bench: medical.medications(key, bench.months, with_shared=True),
        lambda key, bench: medical.checkups(key, bench.months),
    )


@pytest.mark.parametrize("kind", sorted({*SHOWN} - {SandboxKind.FIRST_TIMES_OUT}))
def test_the_others_are_found_by_their_card(bench: Bench, kind: SandboxKind) -> None:
    assert bench.eligibility.find(CARD) is None
    person = bench.bind(kind).person
    assert bench.eligibility.find(CARD) == person
    assert isinstance(person, Insured)


def test_the_first_time_times_out_and_the_next_succeeds(any_bench: Bench) -> None:
    person = any_bench.bind(SandboxKind.FIRST_TIMES_OUT).person
    with pytest.raises(EligibilityTimedOut):
        any_bench.eligibility.find(CARD)
    assert any_bench.eligibility.find(CARD) == person
    assert any_bench.eligibility.find(CARD) == person


def test_binding_anew_makes_the_first_time_come_again(bench: Bench) -> None:
    bench.bind(SandboxKind.FIRST_TIMES_OUT)
    with pytest.raises(EligibilityTimedOut):
        bench.eligibility.find(CARD)
    bench.bind(SandboxKind.FIRST_TIMES_OUT)
    with pytest.raises(EligibilityTimedOut):
        bench.eligibility.find(CARD)


def test_without_information_there_is_none_and_otherwise_there_is(bench: Bench) -> None:
    key = bench.bind(SandboxKind.WITHOUT_INFORMATION).person.person_key
    assert bench.medical.surgeries(key, bench.months, with_shared=True) == SurgeryInformation()
    assert bench.medical.clinical(key, bench.months, with_shared=True) == ClinicalInformation()
    empty = MedicationInformation()
    assert bench.medical.medications(key, bench.months, with_shared=True) == empty
    assert bench.medical.checkups(key, bench.months) == ()
    bench.bind(SandboxKind.INSURED)
    assert bench.medical.checkups(key, bench.months)


def test_the_bracketed_part_comes_only_when_it_is_asked_for(bench: Bench) -> None:
    key, medical = bench.bind().person.person_key, bench.medical
    wide = medical.surgeries(key, bench.months, with_shared=True)
    narrow = medical.surgeries(key, bench.months, with_shared=False)
    assert wide.conditions
    assert narrow == SurgeryInformation(wide.surgeries)
    clinical = medical.clinical(key, bench.months, with_shared=True)
    assert clinical.tests
    assert medical.clinical(key, bench.months, with_shared=False) == ClinicalInformation(
        clinical.treatments
    )
    drugs = medical.medications(key, bench.months, with_shared=True)
    assert drugs.prescriptions
    assert medical.medications(key, bench.months, with_shared=False) == MedicationInformation(
        drugs.dispensings
    )


def test_a_card_that_is_no_insurance_card_is_nobodys(bench: Bench) -> None:
    key = bench.bind(is_insurance_card=False).person.person_key
    assert bench.eligibility.find(CARD) is None
    with pytest.raises(PersonUnknown):
        bench.eligibility.check(key)
    assert bench.medical.checkups(key, bench.months) == ()


def test_nobody_is_known_by_a_key_that_nobody_has(bench: Bench) -> None:
    with pytest.raises(PersonUnknown):
        bench.eligibility.check("nobody")
    assert bench.medical.surgeries("nobody", bench.months, with_shared=True) == SurgeryInformation()


def test_a_pmh_id_finds_a_subsidy(bench: Bench) -> None:
    assert bench.result(SandboxKind.INSURED).subsidies == ()
    (found,) = bench.result(SandboxKind.INSURED, pmh_id="PMH-1").subsidies
    assert found.ends_on > japan_date(bench.clock.now())
