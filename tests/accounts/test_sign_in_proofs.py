"""What a login, and changing the ways to log in, must have proved; and what a lock ends."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.accounts.conftest import PASSWORD, attempt
from tests.accounts.door import ORIGIN, Door, door
from tests.accounts.software_key import SoftwareKey
from zaitaku.accounts.errors import SessionEnd, SessionEnded, WrongPassword
from zaitaku.accounts.own_sign_in import AddedPasskey
from zaitaku.accounts.passwords import Passwords
from zaitaku.accounts.sessions import (
    PROOF_LASTS,
    Entrance,
    Session,
)
from zaitaku.accounts.sign_in_model import (
    NeedsOwnPasskey,
    PasskeyRefused,
    ProofNeeded,
    RecoveryCodeRefused,
    SecondStepLocked,
    Stage,
)
from zaitaku.accounts.sign_in_store import SignInStore
from zaitaku.audit.model import Act
from zaitaku.core.clock import FixedClock
from zaitaku.core.database import Database
from zaitaku.core.ephemeral import EphemeralStore


@pytest.fixture(name="door")
def small_door(
    database: Database, ephemeral: EphemeralStore, clock: FixedClock, passwords: Passwords
) -> Door:
    return door(database, ephemeral, clock, passwords)


@pytest.fixture
def any_door(
    any_database: Database, ephemeral: EphemeralStore, clock: FixedClock, passwords: Passwords
) -> Door:
    return door(any_database, ephemeral, clock, passwords)


@pytest.fixture
def key() -> SoftwareKey:
    return SoftwareKey(ORIGIN)


def test_a_login_is_complete_only_with_its_last_step(door: Door, key: SoftwareKey) -> None:
    codes = door.register(key).codes
    first = door.last_login()
    door.clock.advance(timedelta(days=2))
    door.accounts.authenticate(attempt(PASSWORD))
    assert door.acts()[-1] is Act.PASS_PASSWORD
    assert door.last_login() == first
    door.second.pass_by_code(door.staff.account, codes[0])
    assert door.acts()[-2:] == [Act.PASS_SECOND_FACTOR, Act.LOGIN]
    assert door.last_login() == door.clock.now()
    door.clock.advance(timedelta(days=2))
    door.log_in(key)
    assert door.acts()[-1] is Act.LOGIN
    assert door.last_login() == door.clock.now()


def test_a_login_that_begins_with_registering_is_complete_with_the_passkey(
    door: Door, key: SoftwareKey
) -> None:
    door.register(key)
    door.own.decide(door.staff.account, door.session(), needs_second_factor=True, seen=0)
    with door.database.transaction() as connection:
        SignInStore(connection, door.staff.facility.id).remove_all(door.staff.account.id)
    door.clock.advance(timedelta(days=2))
    door.accounts.authenticate(attempt(PASSWORD))
    assert door.acts()[-1] is Act.PASS_PASSWORD
    door.register(SoftwareKey(ORIGIN), entrance=Entrance(Stage.FIRST_PASSKEY))
    assert door.acts()[-2:] == [Act.REGISTER_PASSKEY, Act.LOGIN]
    assert door.last_login() == door.clock.now()


def test_ways_in_are_changed_only_after_a_fresh_proof(door: Door, key: SoftwareKey) -> None:
    account, old = door.staff.account, door.session()
    new = door.register(key)
    door.clock.advance(PROOF_LASTS)
    changes: list[Callable[[Session], object]] = [
        lambda session: door.own.remove(account, session, new.passkey.id),
        lambda session: door.own.renew_codes(account, session),
        lambda session: door.own.decide(account, session, needs_second_factor=True, seen=0),
        lambda session: door.own.register(account, session, ceremony="", answer="", name="x"),
    ]
    before = door.acts()
    for change in changes:
        with pytest.raises(ProofNeeded):
            change(old)
    assert door.acts() == before
    door.accounts.confirm_password(account, PASSWORD)
    door.sessions.note_proof(old)
    assert door.acts()[-1] is Act.CONFIRM_SELF
    door.own.renew_codes(account, door.sessions.resume(old.name, by_person=True))


def test_a_passkey_proves_once_more_and_another_challenge_does_not(
    door: Door, key: SoftwareKey
) -> None:
    door.register(key)
    account, session = door.staff.account, door.session()
    asked = door.second.begin_confirmation(account, session)
    answer = key.get(asked.options)
    door.second.confirm_by_passkey(account, session, ceremony=asked.name, answer=answer)
    assert door.acts()[-1] is Act.CONFIRM_SELF
    step = door.second.begin_second_step(account, session)
    with pytest.raises(PasskeyRefused):
        door.second.confirm_by_passkey(
            account, session, ceremony=step.name, answer=key.get(step.options)
        )


def test_wrong_proofs_lock_and_a_lock_ends_all_sessions(door: Door, key: SoftwareKey) -> None:
    door.register(key)
    account, sessions = door.staff.account, [door.session(), door.session()]
    for _ in range(4):
        with pytest.raises(WrongPassword):
            door.accounts.confirm_password(account, "wrong")
    with pytest.raises(WrongPassword) as caught:
        door.accounts.confirm_password(account, "wrong")
    assert caught.value.is_locked
    assert door.acts()[-1] is Act.LOCK_ACCOUNT
    door.accounts.unlock(account.facility_id, account.user_id, actor="test")
    for session in sessions:
        with pytest.raises(SessionEnded):
            door.sessions.resume(session.name, by_person=True)


def test_wrong_second_steps_end_all_sessions_too(door: Door, key: SoftwareKey) -> None:
    door.register(key)
    session = door.session()
    for _ in range(5):
        with pytest.raises((RecoveryCodeRefused, SecondStepLocked)):
            door.second.pass_by_code(door.staff.account, "wrong")
    with pytest.raises(SessionEnded):
        door.sessions.resume(session.name, by_person=True)


def test_a_locked_account_is_nobodys_session(door: Door) -> None:
    session = door.session()
    door.change_account(locked_at=door.clock.now())
    with pytest.raises(SessionEnded) as caught:
        door.accounts.present(session)
    assert caught.value.reason is SessionEnd.LOCKED


def test_removing_a_passkey_ends_the_other_sessions(door: Door, key: SoftwareKey) -> None:
    new, here, there = door.register(key), door.session(), door.session()
    door.own.remove(door.staff.account, here, new.passkey.id)
    with pytest.raises(SessionEnded):
        door.sessions.resume(there.name, by_person=True)
    door.sessions.resume(here.name, by_person=True)


def test_a_suspended_passkey_does_not_count_as_ones_own(door: Door, key: SoftwareKey) -> None:
    key.count = 7
    door.register(key)
    with pytest.raises(PasskeyRefused):
        door.log_in(key)
    assert door.acts()[-1] is Act.SUSPEND_PASSKEY
    account, session = door.staff.account, door.session()
    with pytest.raises(NeedsOwnPasskey):
        door.own.decide(account, session, needs_second_factor=True, seen=0)
    door.register(SoftwareKey(ORIGIN))
    door.own.decide(account, session, needs_second_factor=True, seen=0)


def test_what_was_added_since_is_found_with_its_device(any_door: Door, key: SoftwareKey) -> None:
    former = any_door.clock.now()
    any_door.clock.advance(timedelta(hours=1))
    new = any_door.register(key, entrance=Entrance(device="Windows・Edge"))
    now = any_door.clock.now()
    account = any_door.staff.account
    added = any_door.own.added_between(account, former, now)
    assert added == (AddedPasskey(new.passkey, "Windows・Edge"),)
    assert any_door.own.added_between(account, None, now) == added
    assert any_door.own.added_between(account, now, now) == ()
    assert any_door.own.added_between(account, former, former) == ()
