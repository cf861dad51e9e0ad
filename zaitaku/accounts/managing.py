"""Managing accounts: who may do it to whom, and that nobody locks the facility out (domain.md §5).

Every act names the revision of the account that its page has shown. If somebody else managed the
account meanwhile, nothing is done and the later one learns what it is like now.
"""

from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Final

from sqlalchemy import Connection, select

from zaitaku.accounts import changing
from zaitaku.accounts.errors import (
    AccountChanged,
    AccountUnknown,
    InvalidEntry,
    LastAdministrator,
    SessionEnd,
    SessionEnded,
)
from zaitaku.accounts.model import (
    MAY_MANAGE,
    MAY_RESET_PASSWORD,
    Account,
    NewAccount,
    Role,
    check_user_kana,
    check_user_name,
)
from zaitaku.accounts.passwords import Passwords
from zaitaku.accounts.registering import (
    AccountEntry,
    check_days,
    check_new_account,
    found_account,
)
from zaitaku.accounts.searching import AccountPage, AccountQuery, find_accounts
from zaitaku.accounts.service import Staff
from zaitaku.accounts.store import AccountStore
from zaitaku.audit.model import Act, Entry
from zaitaku.audit.store import audit_entry, entry_from
from zaitaku.core.clock import Clock, japan_date
from zaitaku.core.database import Database
from zaitaku.core.ids import AccountId
from zaitaku.core.mistakes import Mistakes
from zaitaku.facilities.store import lock_facility

_MANAGING: Final = (
    Act.REGISTER_ACCOUNT,
    Act.UPDATE_ACCOUNT,
    Act.DELETE_ACCOUNT,
    Act.UNLOCK_ACCOUNT,
    Act.RESET_PASSWORD,
)
_ENTRIES: Final = 5


@dataclass(frozen=True)
class ChangeEntry:
    """What somebody typed to change an account."""

    user_name: str
    user_kana: str
    starts_on: str
    ends_on: str
    is_enabled: bool


@dataclass(frozen=True)
class AccountChanges:
    """What may be changed of an account, checked; the names are those of ``Account``."""

    name: str
    kana: str
    starts_on: date | None
    ends_on: date | None
    is_enabled: bool


def check_changes(entry: ChangeEntry) -> AccountChanges:
    """Return the changes in the form in which they are kept.

    Raises:
        InvalidEntry: values break their rules; it names all of them.
    """
    found = Mistakes()
    name = found.kept(lambda: check_user_name(entry.user_name))
    kana = found.kept(lambda: check_user_kana(entry.user_kana))
    starts_on, ends_on = check_days(found, entry.starts_on, entry.ends_on)
    if not (name and kana) or found.all:
        raise InvalidEntry(found.all)
    return AccountChanges(name, kana, starts_on, ends_on, entry.is_enabled)


def manageable_by(role: Role) -> frozenset[Role]:
    """Return whose accounts a role registers, updates and deletes."""
    return MAY_MANAGE.get(role, frozenset[Role]())


class AccountManagement:
    """What one person may do to the accounts of their facility.

    An account that the person may not manage does not exist for them (``AccountUnknown``).
    """

    def __init__(self, *, database: Database, clock: Clock, passwords: Passwords) -> None:
        self._database = database
        self._clock = clock
        self._passwords = passwords

    def search(self, manager: Staff, query: AccountQuery, roles: Collection[Role]) -> AccountPage:
        """Return one page of the living accounts of ``roles`` that the query finds."""
        with self._database.reading() as connection:
            return find_accounts(connection, manager.facility.id, query, roles)

    def get(self, manager: Staff, account_id: AccountId) -> Account:
        """Return an account that the person may manage.

        Raises:
            AccountUnknown: there is none of this name, or not for this person.
        """
        return self._get(manager, account_id, manageable_by(manager.account.role))

    def get_for_reset(self, manager: Staff, account_id: AccountId) -> Account:
        """Return an account whose password the person may reset.

        Raises:
            AccountUnknown: there is none of this name, or not for this person.
        """
        return self._get(manager, account_id, MAY_RESET_PASSWORD[manager.account.role])

    def _get(self, manager: Staff, account_id: AccountId, roles: frozenset[Role]) -> Account:
        with self._database.reading() as connection:
            known = AccountStore(connection, manager.facility.id).by_id(account_id)
        if known is None or known.account.is_deleted or known.account.role not in roles:
            raise AccountUnknown
        return known.account

    def register(self, manager: Staff, entry: AccountEntry) -> NewAccount:
        """Add an account with an initial password, which is told only here.

        Raises:
            InvalidEntry: values break their rules; it names all of them.
            AccountExists: the user ID is or was in use in this facility.
            SessionEnded: the person may not use the site any more.
        """
        kind, allowed = manager.facility.code.kind, manageable_by(manager.account.role)
        today = japan_date(self._clock.now())
        values = check_new_account(entry, kind=kind, allowed=allowed, today=today)
        if isinstance(values, tuple):
            raise InvalidEntry(values)
        with self._database.transaction() as connection:
            self._hold(connection, manager)
            return found_account(
                connection,
                manager.facility.id,
                values,
                passwords=self._passwords,
                actor=manager.account.label,
                at=self._clock.now(),
            )

    def update(
        self, manager: Staff, account_id: AccountId, changes: AccountChanges, *, expected: int
    ) -> Account:
        """Change name, kana, period and 有効/無効; sessions end where the account is closed by it.

        Raises:
            AccountUnknown: there is none of this name, or not for this person.
            AccountChanged: somebody managed it since revision ``expected``.
            LastAdministrator: nobody could manage the facility afterwards.
        """
        now, values = self._clock.now(), asdict(changes)
        with self._database.transaction() as connection:
            before = self._to_change(connection, manager, account_id, expected)
            after = replace(before, **values)
            keep_an_administrator(connection, before, after, now)
            changing.update(connection, before, values, actor=manager.account.label, at=now)
        return after

    def release(self, manager: Staff, account_id: AccountId, *, expected: int) -> None:
        """Release an account that wrong passwords have locked.

        Raises:
            AccountUnknown: there is none of this name, or not for this person.
            AccountChanged: somebody managed it since revision ``expected``.
        """
        with self._database.transaction() as connection:
            account = self._to_change(connection, manager, account_id, expected)
            changing.release(connection, account, actor=manager.account.label, at=self._clock.now())

    def delete(self, manager: Staff, account_id: AccountId, *, expected: int) -> None:
        """Close an account for good; its user ID stays taken, its sessions end.

        Raises:
            AccountUnknown: there is none of this name, or not for this person.
            AccountChanged: somebody managed it since revision ``expected``.
            LastAdministrator: nobody could manage the facility afterwards.
        """
        now = self._clock.now()
        with self._database.transaction() as connection:
            account = self._to_change(connection, manager, account_id, expected)
            keep_an_administrator(connection, account, replace(account, is_deleted=True), now)
            changing.delete(connection, account, actor=manager.account.label, at=now)

    def reset_password(
        self, manager: Staff, account_id: AccountId, *, expected: int, forget_sign_in: bool = False
    ) -> NewAccount:
        """Give an account a new initial password, told only here; its lock and sessions end.

        ``forget_sign_in``: its passkeys and recovery codes, which are lost, end as well.

        Raises:
            AccountUnknown: there is none of this name, or not for this person.
            AccountChanged: somebody managed it since revision ``expected``.
        """
        roles = MAY_RESET_PASSWORD[manager.account.role]
        actor, now = manager.account.label, self._clock.now()
        with self._database.transaction() as connection:
            account = _locked(connection, manager, account_id, roles, expected)
            return changing.reset_password(
                connection,
                account,
                self._passwords,
                actor=actor,
                at=now,
                forget_sign_in=forget_sign_in,
            )

    def is_initial_password(self, account: Account, password: str) -> bool:
        """Tell whether ``password`` is the account's own, still the initial one."""
        with self._database.reading() as connection:
            known = AccountStore(connection, account.facility_id).by_id(account.id)
        kept = known.password_hash if known else None
        return self._passwords.verify(kept, password) and self._passwords.is_initial(kept or "")

    def recent_changes(self, account: Account) -> tuple[Entry, ...]:
        """Return who managed the account last, newest first."""
        query = (
            select(audit_entry)
            .where(
                audit_entry.c.facility_id == account.facility_id,
                audit_entry.c.subject == account.user_id,
                audit_entry.c.act.in_([act.value for act in _MANAGING]),
            )
            .order_by(audit_entry.c.sequence.desc())
            .limit(_ENTRIES)
        )
        with self._database.reading() as connection:
            return tuple(entry_from(row) for row in connection.execute(query).mappings())

    def _hold(self, connection: Connection, manager: Staff) -> None:
        """Lock the facility, and see that nobody has closed the manager's account meanwhile."""
        lock_facility(connection, manager.facility.id)
        known = AccountStore(connection, manager.facility.id).by_id(manager.account.id)
        if known is None or not known.account.is_in_use(self._clock.now()):
            raise SessionEnded(SessionEnd.CHANGED)

    def _to_change(
        self, connection: Connection, manager: Staff, account_id: AccountId, expected: int
    ) -> Account:
        self._hold(connection, manager)
        roles = manageable_by(manager.account.role)
        return _locked(connection, manager, account_id, roles, expected)


def _locked(
    connection: Connection,
    manager: Staff,
    account_id: AccountId,
    roles: frozenset[Role],
    expected: int,
) -> Account:
    known = AccountStore(connection, manager.facility.id).locked(account_id)
    if known is None or known.account.role not in roles:
        raise AccountUnknown
    if known.account.is_deleted or known.account.revision != expected:
        raise AccountChanged(known.account)
    return known.account


def keep_an_administrator(
    connection: Connection, before: Account, after: Account, now: datetime
) -> None:
    """Refuse to close the last usable 管理 account, now or by a day on which it is to end.

    Another one counts if it lasts at least as long and nobody has to help it first (a lock, an
    initial password past its days). The facility's row must be locked.

    Raises:
        LastAdministrator: it is.
    """
    if before.role is not Role.ADMIN:
        return
    lasted = _released(before).last_day(now)
    if _released(after).last_day(now) >= lasted:
        return
    others = AccountStore(connection, before.facility_id).of_role(Role.ADMIN)
    if not any(other.last_day(now) >= lasted for other in others if other.id != before.id):
        raise LastAdministrator


def _released(account: Account) -> Account:
    # What is locked, or waits for a reset, is helped by マスタ at once: closing it is for good.
    return replace(account, locked_at=None, must_change_password=False)
