"""Many at once, and ends in the middle: one record, one receipt, or nothing at all."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier, Event
from typing import Any

import pytest
from sqlalchemy import Connection

from tests.consent.world import TAROS_CARD, Card, World
from tests.futures import waits
from zaitaku.consent.errors import JourneyRegistered
from zaitaku.consent.model import ConsentItem, Decision
from zaitaku.consent.registering import write
from zaitaku.consent.service import ConsentService, Registration
from zaitaku.consent.tables import consent, consent_item, consent_record, credential, patient
from zaitaku.core.database import Database
from zaitaku.core.errors import StoreUnavailable
from zaitaku.eligibility.model import Insured
from zaitaku.facilities.model import Channel
from zaitaku.identity.model import VerifiedCard
from zaitaku.reception.errors import UrlRetired
from zaitaku.reception.model import ReceptionUrl, UrlAct, UrlVersion
from zaitaku.reception.store import ReceptionStore

THREADS = 16
TABLES = (patient, credential, consent_record, consent, consent_item)


def _at_once(acts: list[Callable[[], Registration]]) -> list[Registration]:
    barrier = Barrier(len(acts))

    def run(act: Callable[[], Registration]) -> Registration:
        barrier.wait(30)
        return act()

    with ThreadPoolExecutor(len(acts)) as pool:
        return [future.result(60) for future in [pool.submit(run, act) for act in acts]]


def _registering(service: ConsentService, card: VerifiedCard) -> Callable[[], Registration]:
    return lambda: service.register(card)


def test_one_journey_registered_by_many_is_one_record(any_world: World) -> None:
    document = any_world.document()
    cards = [any_world.sign(document) for _ in range(THREADS)]
    barrier = Barrier(THREADS)

    def register(card: VerifiedCard) -> tuple[bool, str]:
        barrier.wait(30)
        try:
            done = any_world.consent.register(card)
        except JourneyRegistered as told:
            return False, told.reference
        return done.is_new, done.receipt.reference

    with ThreadPoolExecutor(THREADS) as pool:
        done = list(pool.map(register, cards))
    assert {reference for _, reference in done} == {any_world.record(document.journey).reference}
    assert [is_new for is_new, _ in done].count(True) == 1
    assert [any_world.count(table) for table in TABLES[:4]] == [1, 1, 1, 1]


def test_one_proof_registered_by_many_is_one_record(any_world: World) -> None:
    card = any_world.sign(any_world.document())
    done = _at_once([_registering(any_world.consent, card) for _ in range(THREADS)])
    assert all(registration.receipt == done[0].receipt for registration in done)
    assert any_world.count(consent_record) == 1


def test_a_new_patient_in_many_journeys_at_once_is_one_patient(any_world: World) -> None:
    cards = [any_world.sign(any_world.document()) for _ in range(6)]
    done = _at_once([_registering(any_world.consent, card) for card in cards])
    assert len({registration.receipt.reference for registration in done}) == 6
    assert [any_world.count(table) for table in TABLES[:4]] == [1, 1, 6, 1]
    assert {row["record_id"] for row in any_world.rows(consent_item)} == {
        any_world.rows(consent)[0]["record_id"]
    }


def test_two_cards_of_a_new_person_at_once_are_one_patient(any_world: World) -> None:
    person = any_world.eligibility.find(TAROS_CARD.subject_hashes)
    assert isinstance(person, Insured)
    cards = [Card.named(f"new-{number}") for number in range(6)]
    any_world.consent = any_world.service(any_world.database, eligibility=_Always(person))
    signed = [any_world.sign(any_world.document(), card) for card in cards]
    _at_once([_registering(any_world.consent, card) for card in signed])
    assert [any_world.count(table) for table in TABLES[:4]] == [1, 6, 6, 1]


class _Always:
    def __init__(self, person: Insured) -> None:
        self._person = person

    def find(self, subject_hashes: tuple[str, ...]) -> Insured | None:
        return self._person


def test_opposite_answers_at_once_leave_the_state_of_the_last_record(any_world: World) -> None:
    grant = any_world.sign(any_world.document(Channel.ONLINE))
    refuse = any_world.sign(any_world.document(Channel.ONLINE, decision=Decision.REFUSE))
    _at_once([_registering(any_world.consent, card) for card in (grant, refuse)])
    assert any_world.count(consent_record) == 2
    (present,) = any_world.rows(consent)
    last = next(row for row in any_world.rows(consent_record) if row["id"] == present["record_id"])
    expected = "grant" if last["journey"] == grant.journey else "refuse"
    assert {row["state"] for row in any_world.rows(consent_item)} == {expected}


def _rotate(world: World, expected: UrlVersion) -> ReceptionUrl:
    return world.reception.change(
        UrlAct.ROTATE,
        world.facility.id,
        Channel.HOME_VISIT,
        expected=expected.id,
        actor="t",
        reason="t",
    )


def test_a_registration_waits_for_a_rotation_and_is_refused(any_world: World) -> None:
    first = any_world.reception.show(any_world.facility.id, Channel.HOME_VISIT).current
    _rotate(any_world, first)
    card = any_world.sign(any_world.document())
    with ThreadPoolExecutor() as pool:
        with any_world.database.transaction() as connection:
            store = ReceptionStore(connection, any_world.facility.id)
            store.lock(Channel.HOME_VISIT)
            store.move_pointer(first)
            registering = pool.submit(any_world.consent.register, card)
            assert waits(registering)
        with pytest.raises(UrlRetired):
            registering.result(30)
    assert any_world.count(consent_record) == 0


def test_a_rotation_waits_for_a_registration_and_comes_after_it(
    any_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_looked, may_write = Event(), Event()

    def write_later(*arguments: Any) -> None:
        has_looked.set()
        assert may_write.wait(30)
        write(*arguments)

    monkeypatch.setattr("zaitaku.consent.service.write", write_later)
    current = any_world.reception.show(any_world.facility.id, Channel.HOME_VISIT).current
    late = any_world.sign(any_world.document())
    with ThreadPoolExecutor() as pool:
        registering = pool.submit(any_world.consent.register, any_world.sign(any_world.document()))
        assert has_looked.wait(30)
        rotating = pool.submit(_rotate, any_world, current)
        assert waits(rotating)
        may_write.set()
        assert registering.result(30).is_new
        assert rotating.result(30).current.number == 2
    with pytest.raises(UrlRetired):
        any_world.consent.register(late)


class _Crash(Exception):
    pass


def test_a_crash_before_the_commit_leaves_nothing(
    any_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = any_world.sign(any_world.document())

    def crash(*_: object) -> None:
        raise _Crash

    with monkeypatch.context() as patch:
        patch.setattr("zaitaku.consent.registering.Entry.state_works", crash)
        with pytest.raises(_Crash):
            any_world.consent.register(card)
    assert [any_world.count(table) for table in TABLES] == [0] * len(TABLES)
    assert any_world.consent.receipt_of(card.journey) is None
    assert any_world.consent.register(card).is_new


class _LosesAnswers(Database):
    """Commits, and then loses the answer, as a connection that breaks at that moment does."""

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        with super().transaction() as connection:
            yield connection
        raise StoreUnavailable("connection lost after the commit")


def test_a_lost_answer_after_the_commit_is_found_by_the_retry(any_world: World) -> None:
    card = any_world.sign(any_world.document())
    losing = _LosesAnswers(any_world.database.url.render_as_string(hide_password=False))
    try:
        with pytest.raises(StoreUnavailable):
            any_world.service(losing).register(card)
    finally:
        losing.close()
    assert any_world.count(consent_record) == 1
    retry = any_world.consent.register(card)
    assert not retry.is_new
    assert retry.receipt.reference == any_world.record(card.journey).reference


def test_a_record_is_read_back_as_it_was_written(any_world: World) -> None:
    card = any_world.sign(any_world.document(decisions={ConsentItem.SURGERY: Decision.REFUSE}))
    any_world.consent.register(card)
    record = any_world.record(card.journey)
    assert record.evidence.signature == card.signature
    assert record.evidence.public_key == card.public_key
    assert record.evidence.nonce == card.nonce
    assert record.evidence.certificate_expires == card.certificate_expires
    assert record.document == card.document
