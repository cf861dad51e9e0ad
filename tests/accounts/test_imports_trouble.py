"""Bulk registration when something gets in between, and its passwords until they have arrived."""

from datetime import UTC, datetime, timedelta
from threading import Thread
from time import monotonic, sleep

import pytest
from sqlalchemy import TextClause, text

from tests.accounts.conftest import new_facility
from tests.accounts.import_desk import GOOD, Desk, opened
from zaitaku.accounts.errors import PasswordsLost, PasswordsNotTold
from zaitaku.accounts.import_result import RowFate
from zaitaku.accounts.import_seal import PasswordSeal
from zaitaku.accounts.imports import AccountImports, ImportState, Secret, import_state
from zaitaku.accounts.managing import AccountManagement
from zaitaku.accounts.model import Role
from zaitaku.accounts.passwords import Passwords
from zaitaku.accounts.registering import AccountValues, account_row, initial_columns, insert_account
from zaitaku.accounts.store import AccountStore
from zaitaku.audit.model import Act
from zaitaku.audit.service import AuditService
from zaitaku.core.clock import FixedClock
from zaitaku.core.database import Database
from zaitaku.core.ephemeral import EphemeralStore
from zaitaku.core.signing import Keyring
from zaitaku.facilities.store import lock_facility
from zaitaku.jobs.errors import JobUnknown
from zaitaku.jobs.model import HELD_FOR, MOST_ATTEMPTS, TOLD_FOR, JobState
from zaitaku.jobs.service import JobService

ACTOR = "kanri みどり"
CHEAP = Passwords(memory_kibibytes=8, iterations=1)


@pytest.fixture
def desk(database: Database, clock: FixedClock, ephemeral: EphemeralStore) -> Desk:
    return opened(database, clock, ephemeral)


@pytest.fixture
def any_desk(any_database: Database, clock: FixedClock, ephemeral: EphemeralStore) -> Desk:
    return opened(any_database, clock, ephemeral)


def test_each_account_is_recorded_and_the_chain_holds(any_desk: Desk) -> None:
    rows = [("一般", f"u{number:03d}", *GOOD[2:]) for number in range(601)]
    job = any_desk.done(*rows)
    *_, before_last, last = any_desk.entries()
    made = [each for each in any_desk.entries() if each.subject.startswith("u")]
    assert [each.subject for each in made] == [row[1] for row in rows]
    assert {each.act for each in made} == {Act.REGISTER_ACCOUNT}
    assert all(job.reference in each.detail["登録方法"] for each in made)
    assert (before_last.subject, last.act) == ("u600", Act.IMPORT_ACCOUNTS)
    audit = AuditService(database=any_desk.database, clock=any_desk.clock)
    assert audit.check(any_desk.staff.facility.id).is_whole
    management = AccountManagement(
        database=any_desk.database, clock=any_desk.clock, passwords=CHEAP
    )
    (change,) = management.recent_changes(any_desk.accounts()["u007"])
    assert (change.actor, change.act) == (ACTOR, Act.REGISTER_ACCOUNT)


def test_passwords_are_told_until_somebody_says_that_they_have_them(any_desk: Desk) -> None:
    imports, job = any_desk.imports, any_desk.done(GOOD)
    with pytest.raises(PasswordsNotTold):
        imports.forget_passwords(job, actor=ACTOR)
    told = any_desk.told(job)
    assert set(told) == {2}
    assert any_desk.told(job) == told
    assert imports.secret(job) is Secret.KEPT
    imports.forget_passwords(job, actor=ACTOR)
    imports.forget_passwords(job, actor=ACTOR)
    assert any_desk.told(job) == {}
    assert imports.secret(job) is Secret.NONE
    acts = [each.act for each in any_desk.entries()][-4:]
    assert acts == [
        Act.IMPORT_ACCOUNTS,
        Act.TELL_PASSWORDS,
        Act.TELL_PASSWORDS,
        Act.FORGET_PASSWORDS,
    ]


def test_passwords_go_a_day_after_they_were_first_told(any_desk: Desk) -> None:
    job = any_desk.done(GOOD)
    any_desk.clock.advance(TOLD_FOR * 5)
    any_desk.runner.clean_up()
    told = any_desk.told(job)
    any_desk.clock.advance(TOLD_FOR)
    any_desk.runner.clean_up()
    assert any_desk.told(job) == told
    any_desk.clock.advance(timedelta(seconds=1))
    assert any_desk.told(job) == {}
    assert pieces(any_desk, "secret") == 1
    any_desk.runner.clean_up()
    assert pieces(any_desk, "secret") == 0
    assert any_desk.results(job)


def pieces(desk: Desk, part: str) -> int:
    query = text("SELECT count(*) FROM job_piece WHERE part = :part")
    with desk.database.reading() as connection:
        return int(connection.execute(query, {"part": part}).scalar_one())


def test_passwords_whose_key_is_gone_are_lost_and_not_thrown_away(desk: Desk) -> None:
    job = desk.done(GOOD)
    others = AccountImports(
        database=desk.database,
        clock=desk.clock,
        jobs=desk.jobs,
        passwords=CHEAP,
        seal=PasswordSeal(Keyring(("z" * 32,))),
    )
    assert others.secret(job) is Secret.LOST
    with pytest.raises(PasswordsLost):
        others.passwords(job)
    assert Act.TELL_PASSWORDS not in {each.act for each in desk.entries()}
    assert set(desk.told(job)) == {2}


def test_secrets_of_another_facility_are_not_to_be_had(desk: Desk) -> None:
    job = desk.done(GOOD)
    other = new_facility(desk.database, desk.clock, "1310123464").id
    with pytest.raises(JobUnknown):
        desk.jobs.secret(other, job.id)
    desk.told(job)
    with desk.database.transaction() as connection:
        assert not JobService.drop_told_secret(connection, other, job.id)


CLOSINGS: tuple[dict[str, object], ...] = (
    {"deleted_at": datetime(2026, 11, 20, tzinfo=UTC)},
    {"is_enabled": False},
    {"role": Role.GENERAL.value},
)


@pytest.mark.parametrize("closing", CLOSINGS)
def test_who_may_not_any_more_registers_nothing(desk: Desk, closing: dict[str, object]) -> None:
    held = desk.hand_in(GOOD)
    desk.jobs.release(held.facility_id, held.id)
    with desk.database.transaction() as connection:
        AccountStore(connection, held.facility_id).update(desk.staff.account.id, closing)
    desk.work()
    job = desk.jobs.find(held.facility_id, held.id)
    assert (import_state(job), job.outcome) == (ImportState.SYSTEM_ERROR, "submitter-gone")
    assert not job.has_result
    assert "ippan01" not in desk.user_ids()


def test_a_duplicate_row_is_called_so_before_and_after_also_beside_a_mistake(desk: Desk) -> None:
    rows = [("一般", "kanri", *GOOD[2:]), GOOD, ("一般", "b1", "漢字", "", "", "")]
    held = desk.hand_in(*rows)
    foreseen = [fate for _, fate in desk.imports.preview(desk.staff, held).rows]
    desk.jobs.release(held.facility_id, held.id)
    desk.work()
    job = desk.jobs.find(held.facility_id, held.id)
    assert [each.fate for each in desk.results(job)] == foreseen
    assert foreseen == [RowFate.DUPLICATE, RowFate.LEFT, RowFate.MISTAKEN]
    assert job.counts == {"rows": 3, "registered": 0, "duplicate": 1, "mistaken": 1}


def test_rows_without_their_last_cells_are_whole(desk: Desk) -> None:
    job = desk.done(
        *[("一般", f"u{number:02d}", "み", "ミ", "", "") for number in range(15)], GOOD[:4]
    )
    assert import_state(job) is ImportState.REGISTERED
    assert "ippan01" in desk.user_ids()


def test_an_import_meets_a_manual_registration_of_the_same_id(any_desk: Desk) -> None:
    held = any_desk.hand_in(GOOD, ("一般", "ippan02", *GOOD[2:]))
    any_desk.jobs.release(held.facility_id, held.id)
    _, columns = initial_columns(CHEAP, Role.GENERAL, any_desk.clock.now())
    values = AccountValues(Role.GENERAL, "IPPAN01", "み", "ミ")
    row = account_row(values, columns, any_desk.clock.now())
    worker = Thread(target=any_desk.work)
    with any_desk.database.transaction() as connection:
        lock_facility(connection, held.facility_id)
        insert_account(connection, held.facility_id, row, actor="test")
        worker.start()
        wait_until_blocked(any_desk.database, worker)
    worker.join()
    job = any_desk.jobs.find(held.facility_id, held.id)
    assert import_state(job) is ImportState.PARTLY
    assert any_desk.user_ids() == {"kanri", "IPPAN01", "ippan02"}


def wait_until_blocked(database: Database, worker: Thread) -> None:
    """Wait until the worker waits for the transaction that is open here."""
    if database.is_sqlite:
        worker.join(0.2)  # It waits for the only writer.
        assert worker.is_alive()
        return
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    until = monotonic() + 10
    while not _count(database, waiting):
        assert worker.is_alive()
        assert monotonic() < until
        sleep(0.02)


def _count(database: Database, query: TextClause) -> int:
    with database.reading() as connection:
        return int(connection.execute(query).scalar_one())


def test_a_job_given_up_leaves_no_input(any_desk: Desk) -> None:
    held = any_desk.hand_in(GOOD)
    any_desk.jobs.release(held.facility_id, held.id)
    assert pieces(any_desk, "input") == 1
    with any_desk.database.transaction() as connection:
        connection.execute(text("UPDATE job SET attempts = :most"), {"most": MOST_ATTEMPTS})
    any_desk.runner.clean_up()
    assert any_desk.jobs.find(held.facility_id, held.id).state is JobState.FAILED
    assert pieces(any_desk, "input") == 0


def test_nothing_is_released_after_its_hour_though_nobody_swept(any_desk: Desk) -> None:
    held, late = any_desk.hand_in(GOOD), HELD_FOR + timedelta(seconds=1)
    any_desk.clock.advance(late)
    with pytest.raises(JobUnknown):
        any_desk.jobs.release(held.facility_id, held.id)
    assert any_desk.jobs.find(held.facility_id, held.id).state is JobState.HELD
