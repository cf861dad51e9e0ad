"""Console sessions: names, limits, seals, drafts."""

from datetime import timedelta

import pytest

from tests.accounts.conftest import PASSWORD, attempt
from tests.accounts.test_service import register
from tests.conftest import NOW
from zaitaku.accounts.errors import SessionEnd, SessionEnded
from zaitaku.accounts.service import AccountService, Staff
from zaitaku.accounts.sessions import MOST_SESSIONS, Entrance, SessionName, Sessions
from zaitaku.accounts.sign_in_model import Method, Stage
from zaitaku.accounts.store import account
from zaitaku.core.clock import FixedClock
from zaitaku.core.database import Database
from zaitaku.core.ephemeral import EphemeralStore
from zaitaku.facilities.model import EnvironmentSettings, Facility
from zaitaku.facilities.service import FacilityService


@pytest.fixture
def staff(accounts: AccountService, facility: Facility) -> Staff:
    register(accounts, facility)
    return accounts.authenticate(attempt(PASSWORD))


def opened(sessions: Sessions, staff: Staff) -> SessionName:
    return sessions.open(staff.account, staff.facility.settings_version)


def end_of(sessions: Sessions, accounts: AccountService, name: SessionName) -> SessionEnd:
    with pytest.raises(SessionEnded) as caught:
        accounts.present(sessions.resume(name, by_person=True))
    return caught.value.reason


def test_a_session_tells_whose_it_is(
    sessions: Sessions, accounts: AccountService, staff: Staff
) -> None:
    session = sessions.resume(opened(sessions, staff), by_person=True)
    assert accounts.present(session) == staff


def test_each_login_has_its_own_name_and_the_store_knows_only_its_hash(
    sessions: Sessions, staff: Staff, ephemeral: EphemeralStore
) -> None:
    name, other = opened(sessions, staff), opened(sessions, staff)
    assert name != other
    assert len(name) == 22
    assert ephemeral.read(f"console:{name}") is None


def test_an_idle_session_ends_after_thirty_minutes(
    sessions: Sessions, accounts: AccountService, staff: Staff, clock: FixedClock
) -> None:
    name = opened(sessions, staff)
    for _ in range(3):
        clock.advance(timedelta(minutes=29))
        sessions.resume(name, by_person=True)
    clock.advance(timedelta(minutes=31))
    assert end_of(sessions, accounts, name) is SessionEnd.IDLE


def test_a_timer_does_not_keep_a_session_alive(
    sessions: Sessions, accounts: AccountService, staff: Staff, clock: FixedClock
) -> None:
    name = opened(sessions, staff)
    clock.advance(timedelta(minutes=20))
    sessions.resume(name, by_person=False)
    clock.advance(timedelta(minutes=11))
    assert end_of(sessions, accounts, name) is SessionEnd.IDLE


def test_no_session_lives_longer_than_twelve_hours(
    sessions: Sessions, accounts: AccountService, staff: Staff, clock: FixedClock
) -> None:
    name = opened(sessions, staff)
    for _ in range(12 * 3 - 1):
        clock.advance(timedelta(minutes=20))
        sessions.resume(name, by_person=True)
    clock.advance(timedelta(minutes=20))
    assert end_of(sessions, accounts, name) is SessionEnd.TOO_LONG
    assert end_of(sessions, accounts, name) is SessionEnd.IDLE


def test_a_session_begun_by_a_clock_ahead_ends_and_proves_nothing(
    sessions: Sessions, accounts: AccountService, staff: Staff, clock: FixedClock
) -> None:
    clock.advance(timedelta(hours=11))
    name = opened(sessions, staff)
    clock.advance(timedelta(hours=-11))
    assert not sessions.resume(name, by_person=True).is_proved(clock.now())
    clock.advance(timedelta(hours=-1))
    assert end_of(sessions, accounts, name) is SessionEnd.TOO_LONG


def test_a_closed_session_is_gone(
    sessions: Sessions, accounts: AccountService, staff: Staff
) -> None:
    name = opened(sessions, staff)
    sessions.close(name)
    assert end_of(sessions, accounts, name) is SessionEnd.IDLE
    sessions.close(name)


def test_a_made_up_name_opens_nothing(sessions: Sessions, accounts: AccountService) -> None:
    assert end_of(sessions, accounts, SessionName("x" * 22)) is SessionEnd.IDLE


def test_changed_settings_log_everybody_of_the_facility_out(
    sessions: Sessions,
    accounts: AccountService,
    staff: Staff,
    database: Database,
    clock: FixedClock,
) -> None:
    name = opened(sessions, staff)
    FacilityService(database=database, clock=clock).change_settings(
        staff.facility.id, EnvironmentSettings(checkup=False), expected_version=1, actor="test"
    )
    assert end_of(sessions, accounts, name) is SessionEnd.CHANGED


def test_a_changed_password_ends_all_sessions_of_the_account(
    sessions: Sessions, accounts: AccountService, staff: Staff, clock: FixedClock
) -> None:
    names = opened(sessions, staff), opened(sessions, staff)
    clock.advance(timedelta(seconds=1))
    changed = accounts.change_password(staff.account, current=PASSWORD, new="another-good-one")
    for name in names:
        assert end_of(sessions, accounts, name) is SessionEnd.CHANGED
    fresh = sessions.resume(opened(sessions, changed), by_person=True)
    assert accounts.present(fresh).account.id == staff.account.id


@pytest.mark.parametrize("values", [{"is_enabled": False}, {"deleted_at": NOW}])
def test_an_account_that_is_off_loses_its_sessions_at_once(
    sessions: Sessions,
    accounts: AccountService,
    staff: Staff,
    database: Database,
    values: dict[str, object],
) -> None:
    name = opened(sessions, staff)
    with database.transaction() as connection:
        connection.execute(account.update().values(values))
    assert end_of(sessions, accounts, name) is SessionEnd.CHANGED


def test_a_draft_stays_with_its_session_and_can_be_cleared(
    sessions: Sessions, staff: Staff
) -> None:
    name, other = opened(sessions, staff), opened(sessions, staff)
    sessions.keep_draft(sessions.resume(name, by_person=True), {"act": "rotate", "reason": "x"})
    sessions.keep_draft(sessions.resume(name, by_person=True), {"reason": ""})
    assert sessions.resume(name, by_person=True).draft == {"act": "rotate"}
    assert sessions.resume(other, by_person=True).draft == {}


def test_a_draft_does_not_bring_an_ended_session_back(
    sessions: Sessions, accounts: AccountService, staff: Staff
) -> None:
    name = opened(sessions, staff)
    session = sessions.resume(name, by_person=True)
    sessions.close(name)
    with pytest.raises(SessionEnded):
        sessions.keep_draft(session, {"act": "rotate"})
    assert end_of(sessions, accounts, name) is SessionEnd.IDLE


def test_the_owner_sees_the_living_sessions_the_last_used_first(
    sessions: Sessions, staff: Staff, clock: FixedClock
) -> None:
    entrance = Entrance(method=Method.PASSKEY, device="Windows・Edge")
    first = sessions.open(staff.account, staff.facility.settings_version, entrance)
    clock.advance(timedelta(minutes=5))
    second = opened(sessions, staff)
    clock.advance(timedelta(minutes=5))
    mine = sessions.resume(first, by_person=True)
    shown = sessions.beside(mine)
    assert shown[0].id == mine.id
    assert (shown[0].device, shown[0].method) == ("Windows・Edge", Method.PASSKEY)
    assert shown[0].seen_at - shown[0].started_at == timedelta(minutes=10)
    sessions.close(second)
    assert len(sessions.beside(mine)) == 1


def test_half_open_logins_and_those_of_a_former_password_are_not_listed(
    sessions: Sessions, accounts: AccountService, staff: Staff, clock: FixedClock
) -> None:
    opened(sessions, staff)
    clock.advance(timedelta(seconds=1))
    changed = accounts.change_password(staff.account, current=PASSWORD, new="another-good-one")
    version = changed.facility.settings_version
    sessions.open(changed.account, version, Entrance(stage=Stage.SECOND_STEP))
    mine = sessions.resume(opened(sessions, changed), by_person=True)
    assert [listed.id for listed in sessions.beside(mine)] == [mine.id]


def test_one_session_is_ended_from_afar_and_only_the_accounts_own(
    sessions: Sessions, accounts: AccountService, facility: Facility, staff: Staff
) -> None:
    register(accounts, facility, user_id="staff2")
    colleague = opened(sessions, accounts.authenticate(attempt(PASSWORD, user_id="staff2")))
    theirs = sessions.resume(colleague, by_person=True)
    there = opened(sessions, staff)
    mine = sessions.resume(opened(sessions, staff), by_person=True)
    other = sessions.resume(there, by_person=True)
    assert not sessions.end(mine, theirs.id)
    assert sessions.end(mine, other.id)
    assert not sessions.end(mine, other.id)
    assert end_of(sessions, accounts, there) is SessionEnd.IDLE
    assert sessions.end_others(mine) == 0
    assert sessions.resume(colleague, by_person=True).id == theirs.id


def test_an_account_has_twenty_sessions_at_most(
    sessions: Sessions, accounts: AccountService, staff: Staff, clock: FixedClock
) -> None:
    names = []
    for _ in range(MOST_SESSIONS + 2):
        names.append(opened(sessions, staff))
        clock.advance(timedelta(seconds=1))
    mine = sessions.resume(names[-1], by_person=True)
    assert len(sessions.beside(mine)) == MOST_SESSIONS
    for name in names[:2]:
        assert end_of(sessions, accounts, name) is SessionEnd.IDLE
    assert sessions.end_others(mine) == MOST_SESSIONS - 1
    assert sessions.resume(names[-1], by_person=True) == mine


def test_a_half_open_login_lives_for_ten_minutes_whatever_is_done(
    sessions: Sessions, accounts: AccountService, staff: Staff, clock: FixedClock
) -> None:
    half = Entrance(stage=Stage.SECOND_STEP)
    name = sessions.open(staff.account, staff.facility.settings_version, half)
    clock.advance(timedelta(minutes=9))
    assert sessions.resume(name, by_person=True).stage is Stage.SECOND_STEP
    clock.advance(timedelta(minutes=1))
    assert end_of(sessions, accounts, name) is SessionEnd.UNFINISHED
