"""Registering: once, whole, for the right patient and facility, until the right moment."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from tests.consent.world import VISIT_DAY, World
from zaitaku.consent.errors import (
    ChallengeReused,
    ForeignDocument,
    JourneyRegistered,
    MalformedDocument,
    UnknownWording,
    VisitDateOver,
)
from zaitaku.consent.model import ConsentItem, Decision, Operator
from zaitaku.consent.tables import consent, consent_item, consent_record, credential, patient
from zaitaku.core.clock import JST
from zaitaku.core.errors import StoreUnavailable
from zaitaku.core.ids import ChallengeId, JourneyId, new_secret_name
from zaitaku.core.languages import Language
from zaitaku.core.ruby import plain
from zaitaku.eligibility.model import Insured
from zaitaku.facilities.model import Channel
from zaitaku.identity.model import VerifiedCard
from zaitaku.reception.errors import ChannelOff, UrlRetired
from zaitaku.reception.model import UrlAct

TABLES = (patient, credential, consent_record, consent, consent_item)


def _states(world: World) -> dict[str, str]:
    return {row["item"]: row["state"] for row in world.rows(consent_item)}


def test_a_home_visit_consent_holds_until_withdrawn(any_world: World) -> None:
    document = any_world.document(decisions={ConsentItem.CHECKUP: Decision.REFUSE})
    done = any_world.consent.register(any_world.sign(document))
    receipt = done.receipt
    assert done.is_new
    assert receipt.valid_until is None
    assert receipt.last_day is None
    assert (receipt.facility_name, receipt.facility_phone) == ("みどり坂クリニック", "03-0000-1234")
    assert (receipt.facility_code, receipt.channel) == (any_world.facility.code, Channel.HOME_VISIT)
    assert (receipt.operator, receipt.language) == (Operator.SELF, Language.JAPANESE)
    assert receipt.document_sha256 == document.sha256()
    assert receipt.recorded_at == any_world.clock.now()
    assert {line.item: line.answer for line in receipt.lines} == {
        ConsentItem.SURGERY: "同意する",
        ConsentItem.CLINICAL: "同意する",
        ConsentItem.CHECKUP: "同意しない",
        ConsentItem.SPECIFIC_DISEASE: "同意する",
        ConsentItem.HIGH_COST_LIMIT: "同意する",
    }
    assert any_world.consent.receipt_of(document.journey) == receipt


@pytest.mark.parametrize("days", [0, 1, 7])
def test_an_online_consent_holds_to_the_end_of_a_day_in_japan(any_world: World, days: int) -> None:
    service = any_world.service(any_world.database, online_validity_days=days)
    done = service.register(any_world.sign(any_world.document(Channel.ONLINE)))
    last = VISIT_DAY + timedelta(days=days)
    assert done.receipt.last_day == last
    end = datetime(last.year, last.month, last.day, tzinfo=JST) + timedelta(days=1)
    assert done.receipt.valid_until == end
    assert done.receipt.visit_date == VISIT_DAY
    assert [row["valid_until"] for row in any_world.rows(consent)] == [end]


def test_an_online_consent_that_is_over_is_refused(any_world: World) -> None:
    card = any_world.sign(any_world.document(Channel.ONLINE))
    any_world.clock.moment = datetime(2026, 11, 21, 23, 59, 59, tzinfo=JST)
    late = any_world.sign(any_world.document(Channel.ONLINE))
    assert any_world.consent.register(late).is_new
    any_world.clock.moment = datetime(2026, 11, 22, 0, 0, tzinfo=JST)
    with pytest.raises(VisitDateOver):
        any_world.consent.register(card)
    assert any_world.count(consent_record) == 1


def test_the_reference_is_dated_in_japan_and_no_twelve_digits(any_world: World) -> None:
    any_world.clock.moment = datetime(2026, 12, 31, 16, 0, tzinfo=JST) - timedelta(hours=1)
    reference = any_world.register().receipt.reference
    assert re.fullmatch(r"261231-\d{3}-\d{4}", reference)
    any_world.clock.moment = datetime(2027, 1, 1, 0, 30, tzinfo=JST)
    assert any_world.register().receipt.reference.startswith("270101-")


both_ways = pytest.mark.parametrize("seems_new", [False, True], ids=["asked first", "under lock"])
"""Whether a registration asks first if there is one already."""


@both_ways
def test_the_same_proof_again_gives_the_same_receipt(any_world: World, *, seems_new: bool) -> None:
    card = any_world.sign(any_world.document())
    first = any_world.consent.register(card, seems_new=True)
    any_world.clock.advance(timedelta(minutes=1))
    again = any_world.consent.register(card, seems_new=seems_new)
    assert not again.is_new
    assert again.receipt == first.receipt
    assert any_world.count(consent_record) == 1


@both_ways
def test_a_registered_journey_is_answered_whatever_became_of_its_url(
    any_world: World, *, seems_new: bool
) -> None:
    card = any_world.sign(any_world.document())
    first = any_world.consent.register(card)
    _rotate(any_world)
    assert any_world.consent.register(card, seems_new=seems_new).receipt == first.receipt


@both_ways
def test_another_proof_of_a_registered_journey_gets_no_receipt(
    any_world: World, *, seems_new: bool
) -> None:
    card = any_world.sign(any_world.document())
    reference = any_world.consent.register(card).receipt.reference
    other = replace(card, challenge=ChallengeId(new_secret_name()))
    with pytest.raises(JourneyRegistered) as refused:
        any_world.consent.register(other, seems_new=seems_new)
    assert refused.value.reference == reference
    assert any_world.count(consent_record) == 1


def _rotate(world: World) -> None:
    current = world.reception.show(world.facility.id, Channel.HOME_VISIT).current.id
    world.reception.change(
        UrlAct.ROTATE,
        world.facility.id,
        Channel.HOME_VISIT,
        expected=current,
        actor="test",
        reason="test",
    )


def test_a_retired_url_registers_nothing(any_world: World) -> None:
    card = any_world.sign(any_world.document())
    _rotate(any_world)
    with pytest.raises(UrlRetired):
        any_world.consent.register(card)
    assert [any_world.count(table) for table in TABLES] == [0] * len(TABLES)


def test_a_channel_that_was_switched_off_registers_nothing(any_world: World) -> None:
    card = any_world.sign(any_world.document())
    any_world.change_settings(home_visit=False)
    with pytest.raises(ChannelOff):
        any_world.consent.register(card)
    assert any_world.count(patient) == 0


def test_settings_that_changed_meanwhile_leave_the_statement_as_it_was_made(world: World) -> None:
    card = world.sign(world.document())
    world.change_settings(surgery=False, clinical=False, medication=True, chart_sharing=True)
    done = world.consent.register(card)
    assert [line.item for line in done.receipt.lines][:2] == [
        ConsentItem.SURGERY,
        ConsentItem.CLINICAL,
    ]
    assert world.record(card.journey).document == card.document


def test_a_later_refusal_replaces_a_grant_in_the_same_consent(any_world: World) -> None:
    any_world.register()
    second = any_world.register(decisions={ConsentItem.SURGERY: Decision.REFUSE})
    assert any_world.count(patient) == any_world.count(consent) == 1
    assert any_world.count(consent_record) == 2
    assert _states(any_world)["surgery"] == "refuse"
    assert _states(any_world)["checkup"] == "grant"
    assert {row["since"] for row in any_world.rows(consent_item)} == {second.receipt.recorded_at}


def test_an_item_that_is_not_asked_any_more_keeps_its_state_and_time(any_world: World) -> None:
    first = any_world.register()
    any_world.change_settings(surgery=False)
    any_world.register(decisions={ConsentItem.CHECKUP: Decision.REFUSE})
    items = {row["item"]: row for row in any_world.rows(consent_item)}
    assert (items["surgery"]["state"], items["checkup"]["state"]) == ("grant", "refuse")
    assert items["surgery"]["since"] == first.receipt.recorded_at
    assert items["surgery"]["record_id"] != items["checkup"]["record_id"]


def test_clinical_contains_medication(any_world: World) -> None:
    any_world.register()
    assert _states(any_world)["medication"] == "grant"
    any_world.register(decisions={ConsentItem.CLINICAL: Decision.REFUSE})
    assert _states(any_world)["medication"] == "refuse"


@pytest.mark.parametrize(
    ("decision", "clinical"), [(Decision.REFUSE, "refuse"), (Decision.GRANT, "grant")]
)
def test_refusing_medication_later_ends_what_contains_it(
    any_world: World, decision: Decision, clinical: str
) -> None:
    any_world.register()
    any_world.change_settings(clinical=False, medication=True)
    any_world.register(decisions={ConsentItem.MEDICATION: decision})
    assert _states(any_world)["clinical"] == clinical


def test_medication_alone_says_nothing_about_clinical(world: World) -> None:
    world.change_settings(clinical=False, medication=True)
    world.register(decision=Decision.REFUSE)
    assert "clinical" not in _states(world)


def test_each_visit_day_and_channel_has_a_consent_of_its_own(any_world: World) -> None:
    any_world.register()
    any_world.register(Channel.ONLINE)
    any_world.register(Channel.ONLINE, visit_date=VISIT_DAY + timedelta(days=7))
    any_world.register(Channel.ONLINE, decision=Decision.REFUSE)
    assert any_world.count(patient) == 1
    keys = {(row["channel"], row["visit_key"]) for row in any_world.rows(consent)}
    assert keys == {("home-visit", ""), ("online", "2026-11-20"), ("online", "2026-11-27")}
    assert any_world.count(consent) == 3


def test_each_facility_has_a_consent_of_its_own_for_the_same_patient(any_world: World) -> None:
    any_world.register()
    any_world.register(facility=any_world.other, decision=Decision.REFUSE)
    assert any_world.count(patient) == 1
    owners = {row["facility_id"] for row in any_world.rows(consent)}
    assert owners == {any_world.facility.id, any_world.other.id}


def test_a_receipt_in_easy_japanese_keeps_its_readings_and_its_exact_words(world: World) -> None:
    receipt = world.register(language=Language.EASY_JAPANESE).receipt
    line = receipt.lines[0]
    assert "|" in line.label
    assert plain(line.answer) == "はい（同意する）"
    assert line.wording == world.wordings.current("surgery", Language.EASY_JAPANESE)
    assert receipt.notice == world.wordings.notice(Language.EASY_JAPANESE)


def test_an_unknown_journey_has_no_receipt(world: World) -> None:
    assert world.consent.receipt_of(JourneyId("never-registered")) is None


def _foreign_facility(world: World) -> VerifiedCard:
    document = world.document()
    version = world.context(Channel.HOME_VISIT, world.other).version.id
    return world.sign(replace(document, url_version=version))


def _foreign_channel(world: World) -> VerifiedCard:
    document = world.document()
    version = world.context(Channel.ONLINE).version.id
    return world.sign(replace(document, url_version=version))


def _foreign_journey(world: World) -> VerifiedCard:
    return replace(world.sign(world.document()), journey=JourneyId("another"))


@pytest.mark.parametrize("make", [_foreign_facility, _foreign_channel, _foreign_journey])
def test_a_document_of_another_place_or_journey_is_refused(
    world: World, make: Callable[[World], VerifiedCard]
) -> None:
    with pytest.raises(ForeignDocument):
        world.consent.register(make(world))
    assert world.count(consent_record) == 0


def test_a_text_that_is_not_canonical_is_refused(world: World) -> None:
    card = world.sign(world.document())
    with pytest.raises(MalformedDocument, match="canonical"):
        world.consent.register(replace(card, document=card.document.replace(":", ": ", 1)))


def test_a_wording_that_was_never_published_is_refused(world: World) -> None:
    document = world.document()
    forged = replace(document.notice, sha256="0" * 64)
    with pytest.raises(UnknownWording):
        world.consent.register(world.sign(replace(document, notice=forged)))


def test_a_challenge_goes_into_one_record_alone(any_world: World) -> None:
    card = any_world.sign(any_world.document())
    any_world.consent.register(card)
    other = any_world.sign(any_world.document())
    with pytest.raises(ChallengeReused):
        any_world.consent.register(replace(other, challenge=card.challenge))
    assert any_world.count(consent_record) == 1


def test_a_reference_that_is_taken_is_drawn_again(any_world: World) -> None:
    drawn = iter(["1234567", "1234567", "1234567", "7654321"])
    any_world.consent = any_world.service(any_world.database, digits=lambda _: next(drawn))
    assert any_world.register().receipt.reference == "261120-123-4567"
    assert any_world.register().receipt.reference == "261120-765-4321"
    assert any_world.count(consent_record) == 2


def test_two_facilities_may_have_the_same_reference(world: World) -> None:
    world.consent = world.service(world.database, digits=lambda _: "1234567")
    world.register()
    world.register(facility=world.other)
    assert {row["reference"] for row in world.rows(consent_record)} == {"261120-123-4567"}


def test_references_that_never_come_free_end_in_a_plain_failure(world: World) -> None:
    world.consent = world.service(world.database, digits=lambda _: "0000000")
    world.register()
    with pytest.raises(StoreUnavailable):
        world.register()
    assert world.count(consent_record) == 1


class _Failing:
    def __init__(self, error: Exception) -> None:
        self.error = error

    def find(self, subject_hashes: tuple[str, ...]) -> Insured | None:
        raise self.error


@pytest.mark.parametrize("error", [TimeoutError(), StoreUnavailable(), KeyError("氏名")])
def test_an_eligibility_check_that_fails_never_stops_a_consent(
    world: World, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    failing = world.service(world.database, eligibility=_Failing(error))
    assert failing.register(world.sign(world.document())).is_new
    assert world.rows(patient)[0]["name"] is None
    assert type(error).__name__ in caplog.text
    assert "氏名" not in caplog.text
    world.register()
    assert [row["name"] for row in world.rows(patient)] == ["在宅　太郎"]


def test_a_facility_that_asks_for_one_thing_gets_one_answer(world: World) -> None:
    world.change_settings(surgery=False, clinical=False, checkup=False, specific_disease=False)
    done = world.register()
    assert [line.item for line in done.receipt.lines] == [ConsentItem.HIGH_COST_LIMIT]
