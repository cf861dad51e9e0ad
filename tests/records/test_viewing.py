"""Viewing: only where consent stands at that moment, item by item, and recorded first."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError

from tests.consent.test_withdrawal import asked, present, withdraw
from tests.consent.world import HANAKO, TARO, TAROS_CARD, Card, World
from tests.records.viewers import CONDITION, MONTHS, SURGERY, Desk, desk_at
from zaitaku.consent.model import ConsentItem, Decision
from zaitaku.consent.present import PresentConsents
from zaitaku.consent.tables import consent_record
from zaitaku.consent.withdrawing import WithdrawalStore
from zaitaku.core.database import Database
from zaitaku.core.ephemeral import EphemeralStore
from zaitaku.core.errors import NotFound, StoreUnavailable
from zaitaku.eligibility.medical import MedicalInformationFailed
from zaitaku.eligibility.sandbox import SandboxEligibility
from zaitaku.facilities.model import Channel
from zaitaku.records.errors import Refusal, ViewRefused
from zaitaku.records.store import view_record
from zaitaku.records.view_history import HistoryQuery, ViewHistory
from zaitaku.records.view_kinds import BRACKETED, PARTS, Part, ViewKind, items_of, open_parts

ITEM = ConsentItem
items = st.frozensets(st.sampled_from(ConsentItem))


@pytest.fixture
def desk(any_world: World, ephemeral: EphemeralStore) -> Desk:
    """Somebody who may view, on each engine."""
    return desk_at(any_world, ephemeral)


@pytest.fixture
def quick(world: World, ephemeral: EphemeralStore) -> Iterator[Desk]:
    """Somebody who may view, on SQLite."""
    yield desk_at(world, ephemeral)


def refusal(desk: Desk, kind: ViewKind, channel: Channel = Channel.HOME_VISIT) -> Refusal:
    with pytest.raises(ViewRefused) as caught:
        desk.open(kind, channel)
    assert desk.world.count(view_record) == 0
    assert desk.provider.asked == []
    return caught.value.reason


@given(st.sampled_from(ViewKind), items, items)
def test_nothing_opens_without_its_item_and_nothing_bracketed_without_its_wording(
    kind: ViewKind, granted: frozenset[ConsentItem], widened: frozenset[ConsentItem]
) -> None:
    parts = open_parts(kind, granted=granted, widened=widened)
    assert set(parts) <= set(PARTS[kind])
    if not items_of(kind) & granted:
        assert parts == ()
    if not widened & granted:
        assert not set(parts) & BRACKETED


@given(st.sampled_from(ViewKind))
def test_with_every_consent_everything_is_open(kind: ViewKind) -> None:
    assert open_parts(kind, granted=list(ITEM), widened=list(ITEM)) == PARTS[kind]


def test_a_view_is_recorded_with_who_whose_what_and_when(desk: Desk) -> None:
    receipt = desk.world.register().receipt
    view = desk.open()
    (row,) = desk.world.rows(view_record)
    assert row["facility_id"] == desk.world.facility.id
    assert row["account_id"] == desk.viewer.account_id
    assert row["actor"] == "etsuran みどり"
    assert row["record_id"] == desk.world.record(view_journey(desk)).id
    assert (row["kind"], row["parts"]) == ("treatment", ["surgery", "clinical", "medication"])
    assert (row["first_month"], row["last_month"]) == ("2026-01", "2026-11")
    assert row["viewed_at"] == view.viewed_at == desk.world.clock.now()
    assert receipt.reference == view.consent.reference
    assert "在宅" not in str(row)


def view_journey(desk: Desk) -> str:
    (row,) = desk.world.rows(consent_record)
    return str(row["journey"])


def test_a_card_that_is_another_persons_later_changes_no_history(quick: Desk, world: World) -> None:
    quick.world.register()
    quick.open()
    SandboxEligibility(world.database).bind(TAROS_CARD.subject_hashes[0], HANAKO)
    quick.world.register()
    quick.open()
    with world.database.reading() as connection:
        rows = list(ViewHistory(connection, world.facility.id).stream(HistoryQuery()))
    assert {row.person.name for row in rows} == {TARO.name, HANAKO.name}


def test_the_record_is_committed_before_anything_is_asked_for(desk: Desk) -> None:
    desk.world.register()
    seen: list[int] = []
    desk.provider.before = lambda: seen.append(desk.world.count(view_record))
    view = desk.open()
    assert desk.provider.asked == []
    told = desk.viewing.show(view)
    assert seen == [1, 1, 1]
    assert desk.provider.asked == [
        ("surgeries", "person-1", False),
        ("clinical", "person-1", False),
        ("medications", "person-1", False),
    ]
    assert told.surgery is not None
    assert told.surgery.surgeries == (SURGERY,)
    assert told.checkups is None


def test_only_what_was_agreed_to_is_asked_for(quick: Desk) -> None:
    quick.world.register(decisions={ITEM.CLINICAL: Decision.REFUSE})
    view = quick.open()
    assert view.parts == (Part.SURGERY,)
    told = quick.viewing.show(view)
    assert (told.clinical, told.medication) == (None, None)
    assert [what for what, *_ in quick.provider.asked] == ["surgeries"]
    assert refused_medication(quick) is Refusal.NOT_GRANTED


def refused_medication(desk: Desk) -> Refusal:
    with pytest.raises(ViewRefused) as caught:
        desk.open(ViewKind.MEDICATION)
    return caught.value.reason


def test_clinical_includes_medication(quick: Desk) -> None:
    quick.world.register()
    assert quick.open(ViewKind.MEDICATION).parts == (Part.MEDICATION,)


def test_medication_alone_opens_no_clinical_information(quick: Desk) -> None:
    quick.world.change_settings(clinical=False, medication=True, surgery=False)
    quick.world.register()
    assert quick.open(ViewKind.TREATMENT).parts == (Part.MEDICATION,)


def test_a_refusal_is_respected_at_once(quick: Desk) -> None:
    quick.world.register()
    quick.world.register(decision=Decision.REFUSE)
    for kind in ViewKind:
        assert refusal(quick, kind) is Refusal.NOT_GRANTED


def test_a_withdrawal_is_respected_from_its_commit_on(desk: Desk) -> None:
    desk.world.register()
    withdraw(desk.world, ITEM.CHECKUP)
    assert refusal(desk, ViewKind.CHECKUP) is Refusal.WITHDRAWN
    assert desk.open(ViewKind.TREATMENT).parts[0] is Part.SURGERY


def test_a_view_waits_for_a_withdrawal_under_way_and_respects_it(desk: Desk) -> None:
    desk.world.register()
    seen = present(desk.world)
    request = asked(seen, ITEM.CHECKUP)
    items = (ITEM.CHECKUP,)
    with ThreadPoolExecutor(1) as pool:
        with desk.world.database.transaction() as connection:
            held = PresentConsents(connection, desk.world.facility.id).hold(seen.id, to_change=True)
            store = WithdrawalStore(connection, desk.world.facility.id)
            store.append(held, request, items, actor="t", at=desk.world.clock.now())
            viewing = pool.submit(desk.open, ViewKind.CHECKUP)
            with pytest.raises(TimeoutError):
                viewing.result(0.3)
        with pytest.raises(ViewRefused):
            viewing.result(30)
    assert desk.world.count(view_record) == 0


def test_an_expired_consent_opens_nothing(quick: Desk) -> None:
    quick.world.register(Channel.ONLINE)
    quick.world.clock.advance(timedelta(days=2) - timedelta(hours=10, seconds=2))
    assert quick.open(ViewKind.CHECKUP, Channel.ONLINE).parts == (Part.CHECKUP,)
    quick.world.clock.advance(timedelta(seconds=1))
    with pytest.raises(ViewRefused) as caught:
        quick.open(ViewKind.CHECKUP, Channel.ONLINE)
    assert caught.value.reason is Refusal.EXPIRED
    assert quick.world.count(view_record) == 1


def test_a_consent_on_one_channel_opens_nothing_on_the_other(quick: Desk) -> None:
    quick.world.register(Channel.ONLINE)
    quick.world.register(decision=Decision.REFUSE)
    assert refusal(quick, ViewKind.CHECKUP) is Refusal.NOT_GRANTED


def test_the_narrower_wording_never_opens_the_bracketed_part(quick: Desk) -> None:
    quick.world.register()
    quick.world.change_settings(chart_sharing=True)
    quick.viewer = replace(quick.viewer, shares_charts=True)
    assert refusal(quick, ViewKind.CHART) is Refusal.NOT_GRANTED
    assert quick.open(ViewKind.MEDICATION).parts == (Part.MEDICATION,)


def test_the_wider_wording_opens_it_while_the_facility_shares_charts(desk: Desk) -> None:
    desk.world.change_settings(chart_sharing=True)
    desk.world.register()
    assert refusal(desk, ViewKind.CHART) is Refusal.NOT_GRANTED
    desk.viewer = replace(desk.viewer, shares_charts=True)
    view = desk.open(ViewKind.CHART)
    assert view.parts == (Part.CONDITIONS, Part.TESTS)
    told = desk.viewing.show(view)
    assert told.surgery is not None
    assert (told.surgery.surgeries, told.surgery.conditions) == ((), (CONDITION,))
    assert desk.open(ViewKind.MEDICATION).parts == (Part.MEDICATION, Part.PRESCRIPTIONS)


def test_whom_nobody_knows_nothing_is_asked_about(quick: Desk) -> None:
    quick.world.register(card=Card.named("unknown"))
    assert refusal(quick, ViewKind.CHECKUP) is Refusal.NOT_OBTAINED


def test_another_facilitys_consent_is_not_found(
    quick: Desk, ephemeral: EphemeralStore, world: World
) -> None:
    quick.world.register()
    stranger = desk_at(world, ephemeral, world.other)
    with pytest.raises(NotFound):
        stranger.viewing.open(stranger.viewer, quick.consent_id(), ViewKind.CHECKUP, MONTHS)
    assert world.count(view_record) == 0


def test_a_record_that_cannot_be_written_shows_nothing(
    quick: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick.world.register()

    def away(*_: object) -> None:
        raise StoreUnavailable

    monkeypatch.setattr("zaitaku.records.viewing._record", away)
    with pytest.raises(StoreUnavailable):
        quick.open()
    assert quick.provider.asked == []


def test_the_record_stays_when_nobody_answers(quick: Desk) -> None:
    quick.world.register()

    def fail() -> None:
        raise MedicalInformationFailed

    quick.provider.before = fail
    with pytest.raises(MedicalInformationFailed):
        quick.viewing.show(quick.open())
    assert quick.world.count(view_record) == 1


def test_view_records_never_change(any_database: Database, desk: Desk) -> None:
    desk.world.register()
    desk.open()
    for statement in ("UPDATE view_record SET actor = ''", "DELETE FROM view_record"):
        with (
            pytest.raises(IntegrityError, match="append-only"),
            any_database.transaction() as connection,
        ):
            connection.exec_driver_sql(statement)
