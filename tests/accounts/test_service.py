"""Registering, logging in, locking, changing passwords."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from tests.accounts.conftest import CODE, PASSWORD, attempt, new_facility
from tests.core.stores import AwayStore
from zaitaku.accounts import service
from zaitaku.accounts.errors import (
    AccountExists,
    AccountNotUsable,
    InitialPasswordOver,
    LoginRefused,
    WrongPassword,
)
from zaitaku.accounts.model import WRONG_PASSWORDS_TO_LOCK, Account, NewAccount, Role
from zaitaku.accounts.passwords import Passwords
from zaitaku.accounts.service import ATTEMPTS_PER_ACCOUNT, ATTEMPTS_PER_ADDRESS, AccountService
from zaitaku.accounts.store import account
from zaitaku.audit.store import audit_entry
from zaitaku.core.clock import FixedClock
from zaitaku.core.database import Database
from zaitaku.core.ephemeral import EphemeralStore
from zaitaku.core.errors import InvalidField, NotFound, StoreUnavailable, TooManyAttempts
from zaitaku.core.ids import FacilityId, new_uuid
from zaitaku.facilities.model import Facility


def register(
    accounts: AccountService,
    facility: Facility,
    user_id: str = "staff1",
    role: Role = Role.GENERAL,
    password: str | None = PASSWORD,
) -> NewAccount:
    return accounts.register(
        facility.id,
        role=role,
        user_id=user_id,
        name="みどり",
        kana="ミドリ",
        actor="test",
        password=password,
        must_change=password is None,
    )


def acts(database: Database) -> list[str]:
    with database.reading() as connection:
        return list(connection.scalars(select(audit_entry.c.act).order_by(audit_entry.c.sequence)))


def test_the_right_password_tells_who_it_is(accounts: AccountService, facility: Facility) -> None:
    new = register(accounts, facility)
    staff = accounts.authenticate(attempt(PASSWORD))
    assert (staff.account.id, staff.facility.id) == (new.account.id, facility.id)


def test_what_is_typed_in_full_width_or_other_case_is_the_same(
    accounts: AccountService, facility: Facility
) -> None:
    register(accounts, facility)
    typed = attempt("ｍidori-zaka-2026", user_id="ＳＴＡＦＦ１ ", code="１３１０１２３４５６")
    assert accounts.authenticate(typed).account.user_id == "staff1"


@pytest.mark.parametrize(
    "changes",
    [{"user_id": "nobody"}, {"code": "1310999999"}, {"code": "not a code"}, {"user_id": ""}],
)
def test_unknown_names_are_refused_like_a_wrong_password(
    accounts: AccountService,
    facility: Facility,
    database: Database,
    changes: dict[str, str],
) -> None:
    register(accounts, facility)
    for wrong in (attempt("wrong"), attempt(PASSWORD, **changes)):
        with pytest.raises(LoginRefused) as caught:
            accounts.authenticate(wrong)
        assert str(caught.value) == "login-refused"
    is_in_facility = "code" not in changes
    assert acts(database).count("refuse_login") == (2 if is_in_facility else 1)


def test_a_nobody_costs_a_hash_as_well(
    accounts: AccountService, passwords: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified: list[str | None] = []
    real = passwords.verify

    def watched(kept: str | None, password: str) -> bool:
        verified.append(kept)
        return real(kept, password)

    monkeypatch.setattr(passwords, "verify", watched)
    with pytest.raises(LoginRefused):
        accounts.authenticate(attempt("whatever"))
    assert verified == [None]


def test_five_wrong_passwords_in_a_row_lock(
    accounts: AccountService, facility: Facility, database: Database
) -> None:
    register(accounts, facility)
    for _ in range(WRONG_PASSWORDS_TO_LOCK):
        with pytest.raises(LoginRefused):
            accounts.authenticate(attempt("wrong"))
    with pytest.raises(LoginRefused):
        accounts.authenticate(attempt(PASSWORD))
    assert accounts.all_of(facility.id)[0].is_locked
    assert acts(database).count("lock_account") == 1


def test_the_right_password_sets_the_count_back(
    accounts: AccountService, facility: Facility
) -> None:
    register(accounts, facility)
    for wrong in ("a", "b", "c", "d", PASSWORD, "e", "f", "g", "h"):
        try:
            accounts.authenticate(attempt(wrong))
        except LoginRefused:
            continue
    assert accounts.authenticate(attempt(PASSWORD)).account.wrong_passwords == 4


def test_the_lock_outlives_the_short_lived_store(
    accounts: AccountService, facility: Facility, clock: FixedClock
) -> None:
    register(accounts, facility)
    for _ in range(WRONG_PASSWORDS_TO_LOCK):
        with pytest.raises(LoginRefused):
            accounts.authenticate(attempt("wrong"))
        clock.advance(timedelta(days=1))
    with pytest.raises(LoginRefused):
        accounts.authenticate(attempt(PASSWORD))


def test_release_makes_a_locked_account_usable(
    accounts: AccountService, facility: Facility
) -> None:
    register(accounts, facility)
    for _ in range(WRONG_PASSWORDS_TO_LOCK):
        with pytest.raises(LoginRefused):
            accounts.authenticate(attempt("wrong"))
    accounts.unlock(facility.id, "STAFF1", actor="kanri")
    assert accounts.authenticate(attempt(PASSWORD)).account.user_id == "staff1"


def outcomes_at_once(tries: list[Callable[[], object]]) -> list[object]:
    gate = threading.Barrier(len(tries))
    outcomes: list[object] = []

    def run(one: Callable[[], object]) -> None:
        gate.wait()
        try:
            outcomes.append(one())
        except (LoginRefused, WrongPassword) as error:
            outcomes.append(error)

    threads = [threading.Thread(target=run, args=(one,)) for one in tries]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def test_two_logins_at_the_fifth_wrong_password(
    any_accounts: AccountService, any_facility: Facility, any_database: Database
) -> None:
    register(any_accounts, any_facility)
    for _ in range(WRONG_PASSWORDS_TO_LOCK - 1):
        with pytest.raises(LoginRefused):
            any_accounts.authenticate(attempt("wrong"))
    outcomes = outcomes_at_once([lambda: any_accounts.authenticate(attempt("wrong"))] * 2)
    assert [type(outcome) for outcome in outcomes] == [LoginRefused, LoginRefused]
    locked = any_accounts.all_of(any_facility.id)[0]
    assert (locked.wrong_passwords, locked.is_locked) == (WRONG_PASSWORDS_TO_LOCK, True)
    assert acts(any_database).count("lock_account") == 1


def test_many_guesses_at_once_are_all_counted(
    any_accounts: AccountService, any_facility: Facility
) -> None:
    register(any_accounts, any_facility)
    guess = attempt("wrong")
    outcomes_at_once([lambda: any_accounts.authenticate(guess)] * (WRONG_PASSWORDS_TO_LOCK + 2))
    assert any_accounts.all_of(any_facility.id)[0].is_locked


def test_a_reset_during_a_login_wins(
    accounts: AccountService,
    facility: Facility,
    passwords: Passwords,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    register(accounts, facility)
    real = passwords.verify

    def verify_then_reset(kept: str | None, password: str) -> bool:
        monkeypatch.setattr(passwords, "verify", real)
        is_right = real(kept, password)
        accounts.reset_password(facility.id, "staff1", actor="kanri")
        return is_right

    monkeypatch.setattr(passwords, "verify", verify_then_reset)
    with pytest.raises(LoginRefused):
        accounts.authenticate(attempt(PASSWORD))


def test_tries_on_one_account_are_limited_whether_it_exists_or_not(
    accounts: AccountService, facility: Facility, clock: FixedClock
) -> None:
    for number in range(ATTEMPTS_PER_ACCOUNT):
        with pytest.raises(LoginRefused):
            accounts.authenticate(attempt("wrong", address=f"192.0.2.{number}"))
    with pytest.raises(TooManyAttempts) as caught:
        accounts.authenticate(attempt("wrong", address="192.0.2.99"))
    assert caught.value.retry_after == 900
    clock.advance(timedelta(minutes=16))
    with pytest.raises(LoginRefused):
        accounts.authenticate(attempt("wrong"))


def test_tries_from_one_address_are_limited(accounts: AccountService) -> None:
    for number in range(ATTEMPTS_PER_ADDRESS):
        with pytest.raises(LoginRefused):
            accounts.authenticate(attempt("wrong", user_id=f"u{number}"))
    with pytest.raises(TooManyAttempts):
        accounts.authenticate(attempt("wrong", user_id="other"))


def test_frequent_logins_are_no_attack(accounts: AccountService, facility: Facility) -> None:
    register(accounts, facility)
    for _ in range(ATTEMPTS_PER_ADDRESS + 2):
        accounts.authenticate(attempt(PASSWORD))
    for number in range(ATTEMPTS_PER_ADDRESS):
        with pytest.raises(LoginRefused):
            accounts.authenticate(attempt("wrong", user_id=f"u{number}"))
    with pytest.raises(TooManyAttempts):
        accounts.authenticate(attempt(PASSWORD))


def test_a_subscriber_of_ipv6_is_one_address(accounts: AccountService) -> None:
    for number in range(ATTEMPTS_PER_ADDRESS):
        with pytest.raises(LoginRefused):
            accounts.authenticate(
                attempt("wrong", user_id=f"u{number}", address=f"2001:db8::{number:x}")
            )
    with pytest.raises(TooManyAttempts):
        accounts.authenticate(attempt("wrong", user_id="x", address="2001:db8::ffff:1"))
    with pytest.raises(LoginRefused):
        accounts.authenticate(attempt("wrong", user_id="x", address="2001:db8:0:1::1"))


@pytest.mark.parametrize("changes", [{"user_id": "a\0b"}, {"code": "\0"}, {"user_id": "\ud800"}])
def test_control_characters_name_nobody(
    any_accounts: AccountService, any_facility: Facility, changes: dict[str, str]
) -> None:
    register(any_accounts, any_facility)
    with pytest.raises(LoginRefused):
        any_accounts.authenticate(attempt(PASSWORD, **changes))


@pytest.fixture
def raised(any_database: Database, ephemeral: EphemeralStore, clock: FixedClock) -> AccountService:
    """The same accounts after an update that makes hashing dearer."""
    dearer = Passwords(memory_kibibytes=16, iterations=2)
    return AccountService(database=any_database, ephemeral=ephemeral, clock=clock, passwords=dearer)


def kept_hash(database: Database) -> str:
    with database.reading() as connection:
        return str(connection.execute(select(account.c.password_hash)).scalar_one())


def test_a_login_renews_a_hash_of_former_parameters(
    any_accounts: AccountService,
    raised: AccountService,
    any_facility: Facility,
    any_database: Database,
) -> None:
    new = register(any_accounts, any_facility)
    former = kept_hash(any_database)
    with pytest.raises(LoginRefused):
        raised.authenticate(attempt("wrong"))
    assert kept_hash(any_database) == former
    staff = raised.authenticate(attempt(PASSWORD))
    renewed = kept_hash(any_database)
    assert "m=16,t=2" in renewed
    assert staff.account.password_changed_at == new.account.password_changed_at
    raised.authenticate(attempt(PASSWORD))
    assert kept_hash(any_database) == renewed


def test_two_logins_at_once_may_renew_the_hash(
    any_accounts: AccountService, raised: AccountService, any_facility: Facility
) -> None:
    register(any_accounts, any_facility)
    outcomes = outcomes_at_once([lambda: raised.authenticate(attempt(PASSWORD))] * 4)
    assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert any_accounts.all_of(any_facility.id)[0].wrong_passwords == 0


def test_an_export_is_recorded(
    accounts: AccountService, facility: Facility, database: Database
) -> None:
    new = register(accounts, facility)
    accounts.note_export(new.account, {})
    with database.reading() as connection:
        last = connection.execute(
            select(audit_entry).where(audit_entry.c.act == "export_patients")
        ).one()
    assert (last.subject, last.actor) == ("staff1", "staff1 みどり")


def test_a_database_that_is_away_uses_up_no_attempts(
    accounts: AccountService, facility: Facility, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is locked out for having tried while nothing could be looked up."""
    register(accounts, facility)

    def away(*_: object) -> None:
        raise StoreUnavailable("OperationalError")

    with monkeypatch.context() as outage:
        outage.setattr(service, "find_for_login", away)
        for _ in range(ATTEMPTS_PER_ADDRESS + 1):
            with pytest.raises(StoreUnavailable):
                accounts.authenticate(attempt(PASSWORD))
    assert accounts.authenticate(attempt(PASSWORD)).account.wrong_passwords == 0


def test_without_counters_nobody_logs_in(
    accounts: AccountService,
    facility: Facility,
    database: Database,
    clock: FixedClock,
    passwords: Passwords,
) -> None:
    register(accounts, facility)
    away: EphemeralStore = AwayStore()
    closed = AccountService(database=database, ephemeral=away, clock=clock, passwords=passwords)
    with pytest.raises(StoreUnavailable):
        closed.authenticate(attempt(PASSWORD))


def test_the_initial_password_is_random_and_must_be_changed(
    accounts: AccountService, facility: Facility
) -> None:
    new = register(accounts, facility, password=None)
    staff = accounts.authenticate(attempt(new.password))
    assert staff.account.must_change_password
    changed = accounts.change_password(staff.account, current=new.password, new=PASSWORD)
    assert not changed.account.must_change_password
    assert not accounts.authenticate(attempt(PASSWORD)).account.must_change_password


def test_an_initial_password_is_over_after_thirty_days(
    accounts: AccountService, facility: Facility, clock: FixedClock
) -> None:
    new = register(accounts, facility, password=None)
    clock.advance(timedelta(days=30))
    with pytest.raises(InitialPasswordOver):
        accounts.authenticate(attempt(new.password))
    again = accounts.reset_password(facility.id, "staff1", actor="kanri")
    assert accounts.authenticate(attempt(again.password)).account.must_change_password


def test_only_the_right_password_is_told_that_the_account_is_off(
    accounts: AccountService, facility: Facility, database: Database
) -> None:
    register(accounts, facility)
    with database.transaction() as connection:
        connection.execute(account.update().values(is_enabled=False))
    with pytest.raises(LoginRefused):
        accounts.authenticate(attempt("wrong"))
    with pytest.raises(AccountNotUsable):
        accounts.authenticate(attempt(PASSWORD))


def test_programs_do_not_log_in_at_the_console(
    accounts: AccountService, facility: Facility
) -> None:
    register(accounts, facility, "A0prog", Role.WEB_API)
    with pytest.raises(AccountNotUsable):
        accounts.authenticate(attempt(PASSWORD, user_id="A0prog"))


def test_user_ids_are_unique_in_the_facility_also_against_deleted_ones(
    accounts: AccountService, facility: Facility, database: Database, clock: FixedClock
) -> None:
    register(accounts, facility)
    with pytest.raises(AccountExists):
        register(accounts, facility, "STAFF1")
    with database.transaction() as connection:
        connection.execute(account.update().values(deleted_at=clock.now()))
    assert accounts.all_of(facility.id) == ()
    with pytest.raises(AccountExists):
        register(accounts, facility)
    other = new_facility(database, clock, "2710123456")
    assert register(accounts, other).account.user_id == "staff1"


def test_a_deleted_account_cannot_log_in(
    accounts: AccountService, facility: Facility, database: Database, clock: FixedClock
) -> None:
    register(accounts, facility)
    with database.transaction() as connection:
        connection.execute(account.update().values(deleted_at=clock.now()))
    with pytest.raises(LoginRefused):
        accounts.authenticate(attempt(PASSWORD))


def test_registering_checks_the_rules(accounts: AccountService, facility: Facility) -> None:
    for user_id, role in (("A0abc", Role.GENERAL), ("abc", Role.WEB_API), ("x", Role.ADMIN)):
        with pytest.raises(InvalidField):
            register(accounts, facility, user_id, role)
    with pytest.raises(NotFound):
        accounts.register(
            FacilityId(new_uuid()),
            role=Role.ADMIN,
            user_id="kanri",
            name="かんり",
            kana="カンリ",
            actor="test",
        )


def only(accounts: AccountService, facility: Facility) -> Account:
    (found,) = accounts.all_of(facility.id)
    return found


def test_wrong_present_passwords_count_like_wrong_logins(
    accounts: AccountService, facility: Facility
) -> None:
    new = register(accounts, facility)
    for _ in range(WRONG_PASSWORDS_TO_LOCK):
        with pytest.raises(WrongPassword):
            accounts.change_password(new.account, current="wrong", new="another-good-one")
    assert only(accounts, facility).is_locked
    with pytest.raises(LoginRefused):
        accounts.authenticate(attempt(PASSWORD))


def test_the_new_password_must_be_another(accounts: AccountService, facility: Facility) -> None:
    new = register(accounts, facility)
    with pytest.raises(InvalidField) as caught:
        accounts.change_password(new.account, current=PASSWORD, new=PASSWORD)
    assert caught.value.rule == "same-as-current"


def test_other_facilities_accounts_are_out_of_reach(
    accounts: AccountService, facility: Facility, database: Database, clock: FixedClock
) -> None:
    register(accounts, facility)
    other = new_facility(database, clock, "2710123456")
    for act in (accounts.unlock, accounts.reset_password):
        with pytest.raises(NotFound):
            act(other.id, "staff1", actor="kanri")
    assert accounts.all_of(other.id) == ()
    assert accounts.authenticate(attempt(PASSWORD, code=CODE)).facility.id == facility.id


def test_passwords_are_kept_and_printed_nowhere(
    accounts: AccountService, facility: Facility, database: Database
) -> None:
    register(accounts, facility)
    with database.reading() as connection:
        row = connection.execute(select(account)).one()
    assert PASSWORD not in str(row)
    assert PASSWORD not in repr(attempt(PASSWORD))
