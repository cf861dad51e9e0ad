"""Who waits for whom: a registration goes on from what the one before it has written."""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, select, text

from tests.consent.world import TARO, TAROS_CARD, Card, World
from zaitaku.consent.joining import join_patients
from zaitaku.consent.model import Decision
from zaitaku.consent.patients import PatientMoved
from zaitaku.consent.present import PresentConsents
from zaitaku.consent.registering import look
from zaitaku.consent.service import Registration
from zaitaku.consent.store import registered_record
from zaitaku.consent.tables import consent, consent_item, consent_record, patient
from zaitaku.core.ids import ConsentId, PatientId
from zaitaku.eligibility.model import Insured
from zaitaku.eligibility.sandbox import SandboxEligibility
from zaitaku.facilities.model import Channel

RENEWED = Card.named("taro-renewed")
PATIENCE = 20.0
A_MOMENT = 0.3


def _wait_until_it_waits(world: World, started: Future[Any]) -> None:
    """Return when another transaction waits for ours; on SQLite it does from its first word."""
    if world.database.is_sqlite:
        time.sleep(A_MOMENT)
        return
    end = time.monotonic() + PATIENCE
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    while time.monotonic() < end and not started.done():
        with world.database.reading() as connection:
            if connection.execute(waiting).scalar_one():
                return
        time.sleep(0.02)


def _patients(connection: Connection) -> list[UUID]:
    rows = connection.execute(select(patient.c.id).order_by(patient.c.id).with_for_update())
    return list(rows.scalars())


def test_a_registration_waits_for_the_patients_other_one(any_world: World) -> None:
    any_world.register()
    card = any_world.sign(any_world.document(decision=Decision.REFUSE))
    with ThreadPoolExecutor(1) as pool:
        with any_world.database.transaction() as connection:
            _patients(connection)
            started = pool.submit(any_world.consent.register, card)
            _wait_until_it_waits(any_world, started)
            assert not started.done()
        assert started.result(PATIENCE).is_new
    assert {row["state"] for row in any_world.rows(consent_item)} == {"refuse"}


def test_a_patient_joined_meanwhile_is_not_registered_on_the_sign_post(any_world: World) -> None:
    any_world.register()
    any_world.register(card=RENEWED)
    card = any_world.sign(any_world.document(decision=Decision.REFUSE), RENEWED)
    with ThreadPoolExecutor(1) as pool:
        with any_world.database.transaction() as connection:
            target, source = (PatientId(name) for name in _patients(connection))
            started = pool.submit(any_world.consent.register, card)
            _wait_until_it_waits(any_world, started)
            join_patients(connection, source=source, target=target, now=any_world.clock.now())
        assert started.result(PATIENCE).is_new
    (row,) = any_world.rows(consent)
    assert row["patient_id"] == target
    assert row["recorded_at"] == any_world.clock.now()
    assert {row["state"] for row in any_world.rows(consent_item)} == {"refuse"}


def test_a_consent_whose_patient_is_joined_before_the_lock_is_not_held(any_world: World) -> None:
    any_world.register(Channel.ONLINE)
    any_world.register(card=RENEWED)
    (name,) = [row["id"] for row in any_world.rows(consent) if row["visit_date"] is None]

    def hold() -> PatientId:
        with any_world.database.transaction() as connection:
            consents = PresentConsents(connection, any_world.facility.id)
            return consents.hold(ConsentId(name), to_change=True).patient_id

    with ThreadPoolExecutor(1) as pool:
        with any_world.database.transaction() as connection:
            target, source = (PatientId(each) for each in _patients(connection))
            started = pool.submit(hold)
            _wait_until_it_waits(any_world, started)
            join_patients(connection, source=source, target=target, now=any_world.clock.now())
        if any_world.database.is_sqlite:  # one writer at a time: it looked after the joining
            assert started.result(PATIENCE) == target
        else:
            with pytest.raises(PatientMoved):
                started.result(PATIENCE)
    assert hold() == target


def test_a_card_moves_only_after_what_is_held_by_its_patient(any_world: World) -> None:
    any_world.register()
    give = SandboxEligibility(any_world.database).bind
    give(TAROS_CARD.subject_hashes[0], replace(TARO, person_key="person-1b"))
    (row,) = any_world.rows(consent)
    card = any_world.sign(any_world.document(decision=Decision.REFUSE))
    with ThreadPoolExecutor(1) as pool:
        with any_world.database.transaction() as connection:
            consents = PresentConsents(connection, any_world.facility.id)
            held = consents.hold(ConsentId(row["id"]), to_change=False)
            started = pool.submit(any_world.consent.register, card)
            _wait_until_it_waits(any_world, started)
            assert not started.done()
            assert held.granted(any_world.clock.now())
        assert started.result(PATIENCE).is_new
    with any_world.database.reading() as connection:
        consents = PresentConsents(connection, any_world.facility.id)
        assert consents.find(ConsentId(row["id"])).granted(any_world.clock.now()) == ()


def test_a_journey_recorded_after_the_first_look_gives_its_receipt(
    any_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process records the very same proof after we have found nothing."""
    card = any_world.sign(any_world.document())
    done: list[Registration] = []

    def look(*arguments: Any) -> object:
        found = registered_record(*arguments)
        monkeypatch.undo()
        done.append(any_world.consent.register(card))
        return found

    monkeypatch.setattr("zaitaku.consent.service.registered_record", look)
    late = any_world.consent.register(card)
    assert not late.is_new
    assert [late.receipt] == [registration.receipt for registration in done]


def test_a_journey_recorded_after_the_second_look_gives_its_receipt(
    any_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second look is taken in the transaction, on SQLite as the one writer."""
    if any_world.database.is_sqlite:
        pytest.skip("the second look is taken as the one writer")
    card = any_world.sign(any_world.document())
    done: list[Registration] = []

    def second_look(*arguments: Any) -> object:
        found = look(*arguments)
        monkeypatch.undo()
        done.append(any_world.consent.register(card))
        return found

    monkeypatch.setattr("zaitaku.consent.service.look", second_look)
    late = any_world.consent.register(card)
    assert not late.is_new
    assert [late.receipt] == [registration.receipt for registration in done]


class _Counting:
    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []

    def find(self, subject_hashes: tuple[str, ...]) -> Insured | None:
        self.asked.append(subject_hashes)
        return TARO


def test_a_retry_asks_nobody_who_the_patient_is(world: World) -> None:
    counting = _Counting()
    service = world.service(world.database, eligibility=counting)
    card = world.sign(world.document())
    for _ in range(3):
        service.register(card)
    assert counting.asked == [TAROS_CARD.subject_hashes]
    assert world.count(consent_record) == 1
