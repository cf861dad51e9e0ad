"""資格情報の再照会: who is asked about, what is kept of the answer, and what nobody may see."""

from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import select

from tests.consent.test_withdrawal import withdraw
from tests.consent.world import TARO, TAROS_CARD, Card, World
from tests.records.viewers import desk_at
from zaitaku.audit.model import Act
from zaitaku.audit.store import audit_entry
from zaitaku.consent.model import ConsentItem, ConsentState, Decision
from zaitaku.consent.patients import PatientStore
from zaitaku.consent.tables import consent, consent_gram, consent_item, patient
from zaitaku.core.ephemeral import EphemeralStore
from zaitaku.core.errors import NotFound
from zaitaku.core.ids import ConsentId
from zaitaku.eligibility.errors import EligibilityFailed, EligibilityTimedOut, PersonUnknown
from zaitaku.eligibility.kinds import SandboxKind
from zaitaku.eligibility.medical import MedicalInformationWithheld
from zaitaku.eligibility.model import EligibilityResult, Identified, SpecificDisease, Withheld
from zaitaku.eligibility.provider import EligibilityProvider
from zaitaku.eligibility.sandbox import SandboxEligibility
from zaitaku.eligibility.sandbox_medical import SandboxMedicalInformation
from zaitaku.eligibility.set_up import NewBinding, SandboxSetUp
from zaitaku.facilities.model import Channel
from zaitaku.records.consented import ConsentedPatients
from zaitaku.records.eligibility import EligibilityChecks
from zaitaku.records.errors import RequeryOver
from zaitaku.records.learning import keep_learnt
from zaitaku.records.listing import ListQuery
from zaitaku.records.view_kinds import ViewKind
from zaitaku.records.viewing import ViewingService

SERIAL = 7


def bind(world: World, kind: SandboxKind, card: Card = TAROS_CARD) -> None:
    """Bind a card at the first facility to a kind."""
    set_up = SandboxSetUp(world.database, world.clock, lambda _: (card.subject_hashes,))
    new = NewBinding(SERIAL, kind, is_insurance_card=True, pmh_id="")
    set_up.bind(world.facility.id, new, actor="test")


def only_consent(world: World) -> ConsentId:
    (row,) = world.rows(consent)
    return ConsentId(row["id"])


def checks_of(world: World, provider: EligibilityProvider | None = None) -> EligibilityChecks:
    known = provider or SandboxEligibility(world.database, world.clock)
    return EligibilityChecks(world.database, world.clock, known)


def requery(
    world: World, provider: EligibilityProvider | None = None
) -> EligibilityResult | Withheld:
    checks = checks_of(world, provider)
    return checks.requery(world.facility.id, only_consent(world), actor="ippan みどり")


def names_in_list(world: World, search: str = "") -> list[str | None]:
    with world.database.reading() as connection:
        listed = ConsentedPatients(connection, world.facility.id)
        page = listed.page(ListQuery(search=search), now=world.clock.now())
    return [line.name for line in page.rows]


def acts(world: World) -> list[tuple[str, str]]:
    with world.database.reading() as connection:
        query = select(audit_entry.c.act, audit_entry.c.subject)
        asked = query.where(audit_entry.c.act == Act.CHECK_ELIGIBILITY)
        return [(row.act, row.subject) for row in connection.execute(asked)]


@dataclass
class Broken:
    """A provider that knew the card and fails at what comes after."""

    world: World
    error: Exception

    def find(self, subject_hashes: tuple[str, ...]) -> Identified | None:
        return TARO

    def check(self, person_key: str) -> EligibilityResult | Withheld:
        assert acts(self.world), "it was recorded before anybody was asked"
        raise self.error


def test_a_home_visit_patient_is_asked_about_without_the_card(any_world: World) -> None:
    reference = any_world.register().receipt.reference
    any_world.clock.advance(timedelta(days=900))
    answer = requery(any_world)
    assert isinstance(answer, EligibilityResult)
    assert (answer.person, answer.checked_at) == (TARO, any_world.clock.now())
    assert acts(any_world) == [(Act.CHECK_ELIGIBILITY, reference)]


def test_an_online_patient_is_asked_about_until_the_consent_is_over(world: World) -> None:
    world.register(Channel.ONLINE)
    assert isinstance(requery(world), EligibilityResult)
    world.clock.advance(timedelta(days=3))
    with pytest.raises(RequeryOver):
        requery(world)
    assert len(acts(world)) == 1


def test_another_facilitys_patient_is_not_there(world: World) -> None:
    world.register()
    with pytest.raises(NotFound):
        checks_of(world).requery(world.other.id, only_consent(world), actor="test")
    assert acts(world) == []


def test_at_home_nobody_is_asked_about_who_agrees_to_nothing(any_world: World) -> None:
    any_world.register()
    withdraw(any_world, ConsentItem.SURGERY)
    assert isinstance(requery(any_world), EligibilityResult)
    withdraw(any_world)
    with pytest.raises(RequeryOver):
        requery(any_world)
    any_world.register(decision=Decision.REFUSE)
    with pytest.raises(RequeryOver):
        requery(any_world)
    assert len(acts(any_world)) == 1
    any_world.register(decision=Decision.REFUSE, decisions={ConsentItem.CHECKUP: Decision.GRANT})
    assert isinstance(requery(any_world), EligibilityResult)


def test_online_a_refusal_of_medical_information_does_not_stop_the_check(world: World) -> None:
    world.register(Channel.ONLINE, decision=Decision.REFUSE)
    answer = requery(world)
    assert isinstance(answer, EligibilityResult)
    assert answer.insurance is not None


@pytest.mark.parametrize("decision", list(Decision))
def test_the_certificates_are_shown_only_where_the_patient_agreed(
    world: World, decision: Decision
) -> None:
    world.register(
        decisions={ConsentItem.HIGH_COST_LIMIT: decision, ConsentItem.SPECIFIC_DISEASE: decision}
    )
    answer = requery(world, Certified(world))
    assert isinstance(answer, EligibilityResult)
    assert answer.insurance is not None
    shown = (answer.insurance.high_cost_limit, answer.insurance.specific_disease)
    assert [each is not None for each in shown] == [decision is Decision.GRANT] * 2


class Certified(SandboxEligibility):
    """Everybody has both certificates."""

    def __init__(self, world: World) -> None:
        super().__init__(world.database, world.clock)
        self._today = world.clock.now().date()

    def check(self, person_key: str) -> EligibilityResult | Withheld:
        answer = super().check(person_key)
        assert isinstance(answer, EligibilityResult)
        assert answer.insurance is not None
        disease = SpecificDisease("慢性腎不全", 10_000, self._today, None)
        return replace(answer, insurance=replace(answer.insurance, specific_disease=disease))


@pytest.mark.parametrize("error", [EligibilityTimedOut(), EligibilityFailed("away")])
def test_a_failure_is_told_and_the_asking_stays_recorded(
    world: World, error: EligibilityFailed
) -> None:
    world.register()
    with pytest.raises(type(error)):
        requery(world, Broken(world, error))
    assert len(acts(world)) == 1
    assert names_in_list(world) == [TARO.name]


def test_a_name_that_timed_out_at_registration_comes_with_the_next_check(any_world: World) -> None:
    bind(any_world, SandboxKind.FIRST_TIMES_OUT)
    any_world.register()
    assert names_in_list(any_world) == [None]
    answer = requery(any_world)
    assert isinstance(answer, EligibilityResult)
    assert names_in_list(any_world) == [TARO.name]
    assert names_in_list(any_world, "太郎") == [TARO.name]


def test_somebody_whom_nobody_knows_is_told_so(world: World) -> None:
    world.register(card=Card.named("stranger"))
    with pytest.raises(PersonUnknown):
        requery(world)


@pytest.mark.parametrize("kind", [SandboxKind.WITHHELD, SandboxKind.ASSISTED_WITHHELD])
def test_of_a_withheld_patient_nothing_is_kept_and_nothing_found(
    any_world: World, kind: SandboxKind
) -> None:
    bind(any_world, kind)
    any_world.register()
    assert_nothing_shows(any_world)


def test_a_name_goes_when_the_patient_is_withheld_and_returns_after_that(any_world: World) -> None:
    any_world.register()
    assert names_in_list(any_world, "太郎") == [TARO.name]
    bind(any_world, SandboxKind.WITHHELD)
    assert requery(any_world) == Withheld(TARO.person_key)
    assert_nothing_shows(any_world)
    bind(any_world, SandboxKind.INSURED)
    assert isinstance(requery(any_world), EligibilityResult)
    assert names_in_list(any_world, "太郎") == [TARO.name]


def test_a_withheld_patients_card_takes_the_name_away_as_well(world: World) -> None:
    world.register()
    bind(world, SandboxKind.WITHHELD)
    world.register()
    assert_nothing_shows(world)


def test_a_view_that_finds_the_patient_withheld_takes_the_name_away(
    world: World, ephemeral: EphemeralStore
) -> None:
    world.register()
    bind(world, SandboxKind.WITHHELD)
    desk = desk_at(world, ephemeral)
    medical = SandboxMedicalInformation(world.database, world.clock)
    view = desk.open(ViewKind.CHECKUP)
    with pytest.raises(MedicalInformationWithheld):
        ViewingService(world.database, medical, world.clock).show(view)
    assert_nothing_shows(world)


def test_a_late_answer_does_not_bring_a_name_back(world: World) -> None:
    world.register()
    asked_at = world.clock.now()
    world.clock.advance(timedelta(seconds=1))
    bind(world, SandboxKind.WITHHELD)
    requery(world)
    keep_learnt(world.database, asked_at, lambda patients: patients.learn(TARO))
    assert_nothing_shows(world)


def test_the_same_answer_anew_counts_as_well(any_world: World) -> None:
    any_world.register()
    for second, told in ((1, Withheld(TARO.person_key)), (9, Withheld(TARO.person_key)), (5, TARO)):
        at = any_world.clock.now() + timedelta(seconds=second)
        learn = partial(PatientStore.learn, identified=told)
        keep_learnt(any_world.database, at, learn)
    assert_nothing_shows(any_world)


@pytest.mark.parametrize("hours", [0, 1, 23, 24 * 365])
def test_a_clock_that_ran_ahead_does_not_keep_a_name(any_world: World, hours: int) -> None:
    """A machine a day, or years, ahead has told who it is; the provider withholds them now."""
    ahead = any_world.clock.now() + timedelta(hours=hours + 1)
    any_world.register()
    keep_learnt(any_world.database, ahead, partial(PatientStore.learn, identified=TARO))
    for _ in range(2):
        at = any_world.clock.now()
        told = partial(PatientStore.learn, identified=Withheld(TARO.person_key))
        keep_learnt(any_world.database, at, told)
        assert_nothing_shows(any_world)
        any_world.clock.advance(timedelta(minutes=1))


@dataclass
class Overtaken:
    """Knows the card, and tells so only after another question was asked and answered."""

    world: World

    def find(self, subject_hashes: tuple[str, ...]) -> Identified | None:
        self.world.clock.advance(timedelta(seconds=1))
        bind(self.world, SandboxKind.WITHHELD)
        requery(self.world)
        self.world.clock.advance(timedelta(seconds=1))
        return TARO


def test_a_registration_whose_answer_is_late_does_not_bring_a_name_back(any_world: World) -> None:
    any_world.register()
    any_world.consent = any_world.service(any_world.database, eligibility=Overtaken(any_world))
    any_world.register()
    assert_nothing_shows(any_world)


class Withdrawing(Certified):
    """The patient withdraws while the answer is on its way."""

    def check(self, person_key: str) -> EligibilityResult | Withheld:
        with self._database.transaction() as connection:
            connection.execute(consent_item.update().values(state=ConsentState.WITHDRAWN.value))
        return super().check(person_key)


def test_what_is_withdrawn_while_the_answer_is_on_its_way_is_not_shown(world: World) -> None:
    world.register()
    answer = requery(world, Withdrawing(world))
    assert isinstance(answer, EligibilityResult)
    assert answer.insurance is not None
    assert (answer.insurance.high_cost_limit, answer.insurance.specific_disease) == (None, None)


def assert_nothing_shows(world: World) -> None:
    assert names_in_list(world) == [None]
    for part in ("太郎", "ザイタク", "在宅"):
        assert names_in_list(world, part) == []
    (kept,) = world.rows(patient)
    assert kept["person_key"] == TARO.person_key
    told = {name: kept[name] for name in ("name", "kana", "birth_date", "sex", "kana_key")}
    assert set(told.values()) == {None}
    assert kept["search"] == ""
    assert world.rows(consent_gram) == []
