"""Who may do what to whom, searching, two at once, and the record (domain.md §5)."""

import threading
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import partial

import pytest
from sqlalchemy import select, update

from tests.accounts.conftest import PASSWORD, attempt, new_facility
from zaitaku.accounts.errors import (
    AccountChanged,
    AccountNotUsable,
    AccountUnknown,
    InvalidEntry,
    LastAdministrator,
    LoginRefused,
)
from zaitaku.accounts.managing import (
    AccountChanges,
    AccountManagement,
    manageable_by,
)
from zaitaku.accounts.model import (
    INITIAL_PASSWORD_LIFETIME,
    MAY_MANAGE,
    MAY_RESET_PASSWORD,
    WRONG_PASSWORDS_TO_LOCK,
    Account,
    Role,
    user_key,
)
from zaitaku.accounts.passwords import Passwords
from zaitaku.accounts.registering import AccountEntry, account_row, check_new_account
from zaitaku.accounts.searching import AccountQuery
from zaitaku.accounts.service import AccountService, Staff
from zaitaku.accounts.store import AccountStore, account
from zaitaku.audit.model import Act
from zaitaku.audit.store import AuditTrail
from zaitaku.core.clock import FixedClock
from zaitaku.core.database import Database
from zaitaku.facilities.model import Facility

IDS = {
    Role.MASTER: "master",
    Role.MASTER_RESET: "reset",
    Role.ADMIN: "kanri",
    Role.GENERAL: "ippan",
    Role.MEDICAL_VIEW: "etsuran",
    Role.WEB_API: "A0rece",
    Role.LINKED_APP: "R0app",
    Role.FACE_READER: "F0face",
}


@pytest.fixture
def management(database: Database, clock: FixedClock, passwords: Passwords) -> AccountManagement:
    return AccountManagement(database=database, clock=clock, passwords=passwords)


def employ(accounts: AccountService, facility: Facility, role: Role, user_id: str = "") -> Staff:
    new = accounts.register(
        facility.id,
        role=role,
        user_id=user_id or IDS[role],
        name="みどり",
        kana="ミドリ",
        actor="test",
        password=PASSWORD,
        must_change=False,
    )
    return Staff(new.account, facility)


def unchanged(of: Account, **values: object) -> AccountChanges:
    fields = {name: getattr(of, name) for name in AccountChanges.__dataclass_fields__}
    return AccountChanges(**{**fields, **values})


def outcome(act: Callable[[], object]) -> type[Exception] | None:
    try:
        act()
    except (AccountUnknown, InvalidEntry, LastAdministrator, AccountChanged) as error:
        return type(error)
    return None


def test_the_whole_table_of_who_may_do_what_to_whom(
    accounts: AccountService, management: AccountManagement, facility: Facility
) -> None:
    everybody = {role: employ(accounts, facility, role) for role in Role}
    employ(accounts, facility, Role.ADMIN, "kanri2")
    for role, manager in everybody.items():
        for target in (each.account for each in everybody.values()):
            is_allowed = target.role in manageable_by(role)
            wanted = None if is_allowed else AccountUnknown
            seen = accounts.all_of(facility.id)
            revision = next(each.revision for each in seen if each.id == target.id)
            acts: tuple[Callable[[], object], ...] = (
                partial(management.get, manager, target.id),
                partial(
                    management.update, manager, target.id, unchanged(target), expected=revision
                ),
                partial(management.delete, manager, target.id, expected=revision + 1),
            )
            assert outcome(acts[0]) is wanted, (role, target.role)
            assert outcome(acts[1]) is wanted, (role, target.role)
            late = AccountChanged if is_allowed else AccountUnknown
            assert outcome(acts[2]) is late, (role, target.role)


def test_nobody_manages_or_resets_their_own_kind() -> None:
    for table in (MAY_MANAGE, MAY_RESET_PASSWORD):
        assert all(role not in reached for role, reached in table.items())
    assert not any(Role.MASTER_RESET in reached for reached in MAY_RESET_PASSWORD.values())


def test_registering_is_open_for_the_types_of_the_table_alone(
    accounts: AccountService, management: AccountManagement, facility: Facility
) -> None:
    managers = [employ(accounts, facility, role) for role in (Role.MASTER, Role.ADMIN)]
    for number, manager in enumerate(managers):
        for role in Role:
            user_id = f"{IDS[role][:2]}{number}z"
            entry = AccountEntry(role, user_id, "い", "イ")
            found = outcome(partial(management.register, manager, entry))
            is_allowed = role in MAY_MANAGE[manager.account.role]
            assert found is (None if is_allowed else InvalidEntry)


def test_of_two_last_administrators_one_stays(
    any_accounts: AccountService,
    any_facility: Facility,
    any_database: Database,
    clock: FixedClock,
    passwords: Passwords,
) -> None:
    management = AccountManagement(database=any_database, clock=clock, passwords=passwords)
    master = employ(any_accounts, any_facility, Role.MASTER)
    admins = [employ(any_accounts, any_facility, Role.ADMIN, f"kanri{n}").account for n in (1, 2)]
    outcomes: list[type[Exception] | None] = []

    def delete(one: Account) -> None:
        outcomes.append(outcome(lambda: management.delete(master, one.id, expected=0)))

    threads = [threading.Thread(target=delete, args=(one,)) for one in admins]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes, key=str) == sorted([None, LastAdministrator], key=str)


def test_an_administrator_who_cannot_log_in_does_not_count(
    accounts: AccountService,
    management: AccountManagement,
    facility: Facility,
    clock: FixedClock,
) -> None:
    master, admin = (employ(accounts, facility, role) for role in (Role.MASTER, Role.ADMIN))
    other = employ(accounts, facility, Role.ADMIN, "kanri2").account
    over = unchanged(other, ends_on=clock.now().date() - timedelta(days=1))
    management.update(master, other.id, over, expected=0)
    for act in closings(management, master, admin.account, clock):
        assert outcome(act) is LastAdministrator
    reopened = unchanged(other, ends_on=None)
    management.update(master, other.id, reopened, expected=1)
    ending = unchanged(admin.account, ends_on=clock.now().date() + timedelta(days=30))
    assert management.update(master, admin.account.id, ending, expected=0).ends_on


def closings(
    management: AccountManagement, master: Staff, admin: Account, clock: FixedClock
) -> Iterator[Callable[[], object]]:
    """Everything that would leave the facility without this administrator, now or some day."""
    today = clock.now().date()
    yield lambda: management.delete(master, admin.id, expected=admin.revision)
    ends = [today + timedelta(days=days) for days in (-1, 0, 1, 400)]
    for changes in (
        unchanged(admin, is_enabled=False),
        unchanged(admin, starts_on=today + timedelta(days=2)),
        *(unchanged(admin, ends_on=day) for day in ends),
    ):
        yield partial(management.update, master, admin.id, changes, expected=admin.revision)


def test_an_administrator_who_needs_help_first_does_not_count(
    accounts: AccountService,
    management: AccountManagement,
    facility: Facility,
    clock: FixedClock,
) -> None:
    master, admin = (employ(accounts, facility, role) for role in (Role.MASTER, Role.ADMIN))
    locked = employ(accounts, facility, Role.ADMIN, "kanri2").account
    for _ in range(WRONG_PASSWORDS_TO_LOCK):
        with pytest.raises(LoginRefused):
            accounts.authenticate(attempt("wrong", user_id="kanri2"))
    management.register(master, AccountEntry("admin", "kanri3", "い", "イ"))
    clock.advance(INITIAL_PASSWORD_LIFETIME)
    for act in closings(management, master, admin.account, clock):
        assert outcome(act) is LastAdministrator
    management.release(master, locked.id, expected=0)
    assert outcome(lambda: management.delete(master, admin.account.id, expected=0)) is None


def test_the_last_administrator_who_ends_anyway_may_end_later_but_not_earlier(
    accounts: AccountService,
    management: AccountManagement,
    facility: Facility,
    clock: FixedClock,
) -> None:
    master, day = employ(accounts, facility, Role.MASTER), clock.now().date()
    entry = AccountEntry("admin", "kanri9", "い", "イ", "", str(day + timedelta(days=90)))
    admin = management.register(master, entry).account
    for days, wanted in ((89, LastAdministrator), (91, None)):
        changes = unchanged(admin, ends_on=day + timedelta(days=days))
        act = partial(management.update, master, admin.id, changes, expected=0)
        assert outcome(act) is wanted


def test_nothing_different_is_nothing_done(
    accounts: AccountService,
    management: AccountManagement,
    facility: Facility,
    database: Database,
) -> None:
    admin, person = (employ(accounts, facility, role) for role in (Role.ADMIN, Role.GENERAL))
    with database.reading() as connection:
        before = AuditTrail(connection, facility.id).head()
    management.update(admin, person.account.id, unchanged(person.account), expected=0)
    with database.reading() as connection:
        assert AuditTrail(connection, facility.id).head() == before
    assert management.get(admin, person.account.id).revision == 0


def test_every_act_is_in_the_facilitys_chain_and_no_password_is(
    accounts: AccountService,
    management: AccountManagement,
    facility: Facility,
    database: Database,
) -> None:
    admin = employ(accounts, facility, Role.ADMIN)
    new = management.register(admin, AccountEntry("general", "shin", "しん", "シン"))
    management.update(admin, new.account.id, unchanged(new.account, is_enabled=False), expected=0)
    management.release(admin, new.account.id, expected=1)  # it is not locked: nothing to record
    for _ in range(WRONG_PASSWORDS_TO_LOCK):
        with pytest.raises(LoginRefused):
            accounts.authenticate(attempt("wrong", user_id="shin"))
    management.release(admin, new.account.id, expected=1)
    again = management.reset_password(admin, new.account.id, expected=2)
    management.delete(admin, new.account.id, expected=3)
    with database.reading() as connection:
        entries = list(AuditTrail(connection, facility.id).entries())
    done = [entry for entry in entries if entry.actor == "kanri みどり"]
    assert [(entry.act, entry.actor) for entry in done] == [
        (act, "kanri みどり")
        for act in (
            *("register_account", "update_account", "unlock_account"),
            *("reset_password", "delete_account"),
        )
    ]
    assert {entry.subject for entry in done} == {"shin"}
    assert done[1].detail == {"有効/無効": "有効 → 無効"}
    assert not any(each.password in str(entries) for each in (new, again))
    recent = management.recent_changes(new.account)
    assert [entry.sequence for entry in recent] == [entry.sequence for entry in reversed(done)]


def test_a_login_that_names_nobody_is_recorded_without_what_was_typed(
    accounts: AccountService, facility: Facility, database: Database
) -> None:
    for wrong in (attempt("x", user_id="hunter2"), attempt("x", code="1310999999")):
        with pytest.raises(LoginRefused):
            accounts.authenticate(wrong)
    with database.reading() as connection:
        entries = list(AuditTrail(connection, facility.id).entries())
    refused = [entry for entry in entries if entry.act == "refuse_login"]
    assert [(each.actor, each.subject) for each in refused] == [("（ログインしていない人）", "")]
    assert "hunter2" not in str(entries)


SEARCHES: list[tuple[dict[str, str], list[str]]] = [
    ({}, ["A0rece", "etsuran", "ippan", "yoru1"]),
    ({"role": "medical-view"}, ["etsuran"]),
    ({"user_id": "ＰＰＡ"}, ["ippan"]),
    ({"user_id": "%"}, []),
    ({"user_id": "_"}, []),
    ({"name": "よる"}, ["yoru1"]),
    ({"kana": "よる"}, ["yoru1"]),
    ({"kana": "ﾖﾙ"}, ["yoru1"]),
    ({"validity": "invalid"}, ["ippan"]),
    ({"validity": "valid", "role": "general"}, ["yoru1"]),
    ({"lock": "locked"}, ["etsuran"]),
    ({"lock": "none"}, ["A0rece", "ippan", "yoru1"]),
    ({"starts_from": "2026-12-01", "starts_to": "2026-12-31"}, ["yoru1"]),
    ({"starts_from": "2026-12-02"}, []),
    ({"ends_from": "2027-03-31", "ends_to": "2027-03-31"}, ["yoru1"]),
    ({"ends_to": "2027-03-30"}, []),
    ({"sort": "-user-id"}, ["yoru1", "ippan", "etsuran", "A0rece"]),
    ({"sort": "starts-on"}, ["yoru1", "A0rece", "etsuran", "ippan"]),
    ({"sort": "-starts-on"}, ["yoru1", "A0rece", "etsuran", "ippan"]),
    ({"sort": "-last-login"}, ["ippan", "A0rece", "etsuran", "yoru1"]),
    ({"page": "9"}, ["A0rece", "etsuran", "ippan", "yoru1"]),
]


def test_the_list_is_searched_by_every_field_of_the_manual(
    any_accounts: AccountService,
    any_facility: Facility,
    any_database: Database,
    clock: FixedClock,
    passwords: Passwords,
) -> None:
    management = AccountManagement(database=any_database, clock=clock, passwords=passwords)
    admin = employ(any_accounts, any_facility, Role.ADMIN)
    for role in (Role.WEB_API, Role.GENERAL, Role.MEDICAL_VIEW):
        employ(any_accounts, any_facility, role)
    employ(any_accounts, new_facility(any_database, clock, "2710123456"), Role.GENERAL, "tonari")
    entry = AccountEntry("general", "yoru1", "よる", "よる", "2026-12-01", "2027-03-31")
    management.register(admin, entry)
    any_accounts.authenticate(attempt(PASSWORD, user_id="ippan"))
    with any_database.transaction() as connection:
        for user_id, values in (
            ("ippan", {"is_enabled": False}),
            ("etsuran", {"locked_at": clock.now()}),
        ):
            connection.execute(update(account).where(account.c.user_id == user_id).values(values))
    for words, wanted in SEARCHES:
        query = AccountQuery.from_mapping(words)
        assert AccountQuery.from_mapping(query.to_mapping()) == query
        found = management.search(admin, query, manageable_by(Role.ADMIN))
        assert [row.user_id for row in found.rows] == wanted, words
        assert (found.number, found.total) == (1, len(wanted))


def test_many_rows_go_in_at_once_and_a_taken_id_takes_none(
    accounts: AccountService, facility: Facility, database: Database, passwords: Passwords
) -> None:
    employ(accounts, facility, Role.GENERAL, "taken")
    rows = []
    for number in range(1200):
        entry = AccountEntry("general", f"u{number}", "い", "イ", str(date(2026, 12, 1)))
        values = check_new_account(
            entry, kind=facility.code.kind, allowed=[Role.GENERAL], today=date(2026, 11, 20)
        )
        assert not isinstance(values, tuple)
        columns = {
            "password_hash": passwords.hash_initial("x"),
            "password_changed_at": facility.created_at,
            "must_change_password": True,
            "wrong_passwords": 0,
        }
        rows.append(account_row(values, columns, facility.created_at))
    with database.transaction() as connection:
        store = AccountStore(connection, facility.id)
        assert store.taken([*(row["user_key"] for row in rows), user_key("taken")]) == {"TAKEN"}
        store.insert_many(rows)
        store.insert_many([])
        assert len(store.taken(row["user_key"] for row in rows)) == 1200
    assert len(accounts.all_of(facility.id)) == 1201


def test_a_program_authenticates_with_its_own_type_alone(
    accounts: AccountService, facility: Facility, clock: FixedClock, database: Database
) -> None:
    employ(accounts, facility, Role.WEB_API)
    call = attempt(PASSWORD, user_id="A0rece")
    for step in (timedelta(0), timedelta(hours=1), timedelta(days=1)):
        clock.advance(step)
        assert accounts.authenticate_program(call, Role.WEB_API).account.user_id == "A0rece"
    with database.reading() as connection:
        entries = list(AuditTrail(connection, facility.id).entries())
    assert [entry.act for entry in entries].count(Act.LOGIN) == 2
    with pytest.raises(AccountNotUsable):
        accounts.authenticate_program(call, Role.LINKED_APP)
    with pytest.raises(LoginRefused):
        accounts.authenticate_program(attempt("wrong", user_id="A0rece"), Role.WEB_API)


def test_the_first_login_is_remembered(
    accounts: AccountService, facility: Facility, database: Database, clock: FixedClock
) -> None:
    employ(accounts, facility, Role.GENERAL)
    with pytest.raises(LoginRefused):
        accounts.authenticate(attempt("wrong", user_id="ippan"))
    with database.reading() as connection:
        assert connection.scalar(select(account.c.last_login_at)) is None
    accounts.authenticate(attempt(PASSWORD, user_id="ippan"))
    with database.reading() as connection:
        assert connection.scalar(select(account.c.last_login_at)) == clock.now()
