"""Use cases of accounts: register, log in, change and reset passwords, release locks."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Final

from sqlalchemy import Connection

from zaitaku.accounts.errors import (
    AccountExists,
    AccountNotUsable,
    AccountUnknown,
    InitialPasswordOver,
    LoginRefused,
    SessionEnd,
    SessionEnded,
    WrongPassword,
)
from zaitaku.accounts.model import (
    WRONG_PASSWORDS_TO_LOCK,
    Account,
    AccountAct,
    NewAccount,
    Permission,
    Role,
    UserKey,
    check_new_password,
    check_user_id,
    check_user_kana,
    check_user_name,
    user_key,
)
from zaitaku.accounts.passwords import Passwords, initial_password
from zaitaku.accounts.sessions import Session, seal_of
from zaitaku.accounts.store import AccountStore, KnownAccount, append_event, find_for_login
from zaitaku.accounts.widths import half_width
from zaitaku.core.addresses import address_bucket
from zaitaku.core.attempts import FailureLimit
from zaitaku.core.clock import Clock
from zaitaku.core.database import Database
from zaitaku.core.ephemeral import EphemeralStore
from zaitaku.core.errors import InvalidField, NotFound, ZaitakuError
from zaitaku.core.ids import AccountId, FacilityId, new_uuid
from zaitaku.core.texts import has_control_characters
from zaitaku.facilities.model import Facility, FacilityKind
from zaitaku.facilities.store import FacilityStore, lock_facility

LIMIT_WINDOW: Final = timedelta(minutes=15)
ATTEMPTS_PER_ADDRESS: Final = 60
"""Failures alone; one address is often a whole clinic's."""
ATTEMPTS_PER_ACCOUNT: Final = 10
"""More than the lock allows, and also counted for accounts that do not exist."""
NOBODY: Final = "(not logged in)"


@dataclass(frozen=True, repr=False)
class LoginAttempt:
    """What somebody typed, and the network address they typed it from. Never printed."""

    institution_code: str
    user_id: str
    password: str
    address: str


@dataclass(frozen=True)
class Staff:
    """Somebody who is logged in: an account and its facility as they are now."""

    account: Account
    facility: Facility

    @property
    def permissions(self) -> frozenset[Permission]:
        """What the person may do at this moment."""
        return self.account.permissions


class AccountService:
    """The accounts of all facilities; each method names the facility it works in."""

    def __init__(
        self,
        *,
        database: Database,
        ephemeral: EphemeralStore,
        clock: Clock,
        passwords: Passwords | None = None,
    ) -> None:
        self._database = database
        self._ephemeral = ephemeral
        self._clock = clock
        self._passwords = passwords or Passwords()
        self._addresses = self._limit("address", ATTEMPTS_PER_ADDRESS)
        self._names = self._limit("account", ATTEMPTS_PER_ACCOUNT)

    def _limit(self, kind: str, most: int) -> FailureLimit:
        return FailureLimit(
            f"login:{kind}",
            most=most,
            window=LIMIT_WINDOW,
            ephemeral=self._ephemeral,
            clock=self._clock,
        )

    def register(
        self,
        facility_id: FacilityId,
        *,
        role: Role,
        user_id: str,
        name: str,
        kana: str,
        actor: str,
        starts_on: date | None = None,
        ends_on: date | None = None,
        password: str | None = None,
        must_change: bool = True,
    ) -> NewAccount:
        """Add an account and return it with its password, which is told only here.

        Without ``password`` a random one is made; with ``must_change`` it opens nothing but the
        page that replaces it, and only for 30 days.

        Raises:
            InvalidField: a value breaks its rule (domain.md §5).
            NotFound: there is no such facility.
            AccountExists: the user ID is or was in use in this facility.
            StoreUnavailable: the database is away; nothing was written.
        """
        _check_period(starts_on, ends_on)
        chosen = password or initial_password()
        values = {
            "role": role,
            "name": check_user_name(name),
            "kana": check_user_kana(kana),
            "starts_on": starts_on,
            "ends_on": ends_on,
            "is_enabled": True,
            "created_at": self._clock.now(),
            **self._password_columns(check_new_password(chosen, user_id), must_change=must_change),
        }
        return NewAccount(self._insert(facility_id, user_id, values, actor), chosen)

    def _password_columns(self, password: str, *, must_change: bool) -> dict[str, Any]:
        return {
            "password_hash": self._passwords.hash(password),
            "password_changed_at": self._clock.now(),
            "must_change_password": must_change,
            "wrong_passwords": 0,
            "locked_at": None,
        }

    def _insert(
        self, facility_id: FacilityId, typed_id: str, values: dict[str, Any], actor: str
    ) -> Account:
        account_id = AccountId(new_uuid())
        with self._database.transaction() as connection:
            lock_facility(connection, facility_id)
            kind = _kind_of(connection, facility_id)
            user_id = check_user_id(values["role"], typed_id, kind)
            key = user_key(user_id)
            store = AccountStore(connection, facility_id)
            if store.exists(key):
                raise AccountExists("the user ID is taken")
            store.insert({**values, "id": account_id, "user_id": user_id, "user_key": key})
            at = values["created_at"]
            append_event(connection, account_id, AccountAct.REGISTER, actor=actor, at=at)
            return _required(store.by_id(account_id)).account

    def all_of(self, facility_id: FacilityId) -> tuple[Account, ...]:
        """Return the facility's living accounts, by user ID."""
        with self._database.reading() as connection:
            return AccountStore(connection, facility_id).all()

    def authenticate(self, attempt: LoginAttempt) -> Staff:
        """Return whom the right password of a usable account belongs to.

        A refusal costs one query, one hash and one recorded event whether or not there is such an
        account, and the hash is nearly all of the time that it takes. Not equal are the row lock
        and the counting of a wrong password, which only an account has, and a hash that was made
        under other parameters, until its next login replaces it.

        Raises:
            TooManyAttempts: the address (of IPv6 its /64) or the account has failed too often in
                15 minutes; logins that succeed do not count.
            LoginRefused: facility, user ID or password is wrong, or the account is locked.
            InitialPasswordOver: the initial password is right but 30 days old.
            AccountNotUsable: the password is right, the account may not be used now.
            StoreUnavailable: a store is away; without the counters nobody logs in.
        """
        code, key = half_width(attempt.institution_code), user_key(half_width(attempt.user_id))
        by_address = self._addresses.begin(address_bucket(attempt.address))
        by_name = self._names.begin(f"{code}/{key}")
        staff = self._logged_in(self._find(code, key), attempt.password)
        self._addresses.give_back(by_address)
        self._names.give_back(by_name)
        return staff

    def _find(self, code: str, key: UserKey) -> KnownAccount | None:
        if has_control_characters(code + key):
            return None  # PostgreSQL would not even compare it
        with self._database.reading() as connection:
            return find_for_login(connection, code, key)

    def _logged_in(self, known: KnownAccount | None, password: str) -> Staff:
        refusal = self._refusal(known)
        act = AccountAct.REFUSE if refusal else AccountAct.LOGIN
        is_right = self._settle(known, password, act, {"wrong_passwords": 0})
        if known is None or not is_right:
            raise LoginRefused
        if refusal:
            raise refusal
        return Staff(known.account, known.facility)

    def _refusal(self, known: KnownAccount | None) -> ZaitakuError | None:
        now = self._clock.now()
        if known and known.account.is_password_over(now):
            return InitialPasswordOver()
        if known and not known.account.is_usable(now):
            return AccountNotUsable()
        return None

    def _settle(
        self, known: KnownAccount | None, password: str, act: AccountAct, changes: dict[str, Any]
    ) -> bool:
        """Tell whether the password is right; then do ``changes``, else count it as wrong.

        The hash takes long, so it is computed before the transaction; the decision is made in it,
        on the row as it is then. A right password whose hash was made under other parameters than
        today's is hashed anew.
        """
        matches = self._passwords.verify(known.password_hash if known else None, password)
        renewed = self._renewed(known, password) if known and matches else {}
        with self._database.transaction() as connection:
            if known is None:
                self._note(connection, None, AccountAct.REFUSE)
                return False
            store = AccountStore(connection, known.account.facility_id)
            present = _required(store.locked(known.account.id))
            if present.password_hash != known.password_hash:
                # Reset, or renewed by another login meanwhile: too seldom to mind the lock's time.
                matches = self._passwords.verify(present.password_hash, password)
            if matches and not present.account.is_locked:
                store.update(present.account.id, {**renewed, **changes})
                self._note(connection, present.account, act)
                return True
            self._count_wrong(connection, store, present.account)
            return False

    def _renewed(self, known: KnownAccount, password: str) -> dict[str, Any]:
        if not self._passwords.is_outdated(known.password_hash):
            return {}
        return {"password_hash": self._passwords.hash(password)}

    def _count_wrong(self, connection: Connection, store: AccountStore, account: Account) -> None:
        self._note(connection, account, AccountAct.REFUSE)
        if account.is_locked:
            return
        wrong = account.wrong_passwords + 1
        is_last = wrong >= WRONG_PASSWORDS_TO_LOCK
        locked_at = self._clock.now() if is_last else None
        store.update(account.id, {"wrong_passwords": wrong, "locked_at": locked_at})
        if is_last:
            self._note(connection, account, AccountAct.LOCK)

    def _note(self, connection: Connection, account: Account | None, act: AccountAct) -> None:
        account_id, actor = (account.id, account.user_id) if account else (None, NOBODY)
        append_event(connection, account_id, act, actor=actor, at=self._clock.now())

    def present(self, session: Session) -> Staff:
        """Return whose session it is, as account and facility are at this moment.

        Raises:
            SessionEnded: the account may not be used any more, or what the session's seal holds
                (settings of the facility, password of the account) has changed.
            StoreUnavailable: the database is away.
        """
        with self._database.reading() as connection:
            known = AccountStore(connection, session.facility_id).by_id(session.account_id)
        if known is None or not known.account.is_usable(self._clock.now()):
            raise SessionEnded(SessionEnd.CHANGED)
        if session.seal != seal_of(known.account, known.facility.settings_version):
            raise SessionEnded(SessionEnd.CHANGED)
        return Staff(known.account, known.facility)

    def change_password(self, account: Account, *, current: str, new: str) -> Staff:
        """Replace the account's own password; all its sessions end.

        A wrong present password counts like one at the login.

        Raises:
            InvalidField: the new password is not fit; the present one was not looked at.
            WrongPassword: the present password is not right.
            StoreUnavailable: the database is away; the password is as it was.
        """
        check_new_password(new, account.user_id)
        if half_width(new) == half_width(current):
            raise InvalidField("new_password", "same-as-current")
        known = self._get(account)
        changes = self._password_columns(new, must_change=False)
        if not self._settle(known, current, AccountAct.CHANGE_PASSWORD, changes):
            raise WrongPassword(is_locked=self._get(account).account.is_locked)
        changed = replace(
            known.account,
            password_changed_at=changes["password_changed_at"],
            must_change_password=False,
        )
        return Staff(changed, known.facility)

    def _get(self, account: Account) -> KnownAccount:
        with self._database.reading() as connection:
            return _required(AccountStore(connection, account.facility_id).by_id(account.id))

    def note_export(self, account: Account) -> None:
        """Record that the account asks for the file of consented patients, before it gets it.

        Raises:
            StoreUnavailable: the database is away; without the record there is no file.
        """
        with self._database.transaction() as connection:
            self._note(connection, account, AccountAct.EXPORT_PATIENTS)

    def unlock(self, facility_id: FacilityId, user_id: str, *, actor: str) -> Account:
        """Release an account that wrong passwords have locked.

        Raises:
            AccountUnknown: the facility has no such account.
        """
        changes = {"wrong_passwords": 0, "locked_at": None}
        return self._change(facility_id, user_id, AccountAct.UNLOCK, changes, actor)

    def reset_password(self, facility_id: FacilityId, user_id: str, *, actor: str) -> NewAccount:
        """Give an account a new initial password, told only here; its lock and sessions end.

        Raises:
            AccountUnknown: the facility has no such account.
        """
        password = initial_password()
        changes = self._password_columns(password, must_change=True)
        act = AccountAct.RESET_PASSWORD
        return NewAccount(self._change(facility_id, user_id, act, changes, actor), password)

    def _change(
        self,
        facility_id: FacilityId,
        user_id: str,
        act: AccountAct,
        changes: dict[str, Any],
        actor: str,
    ) -> Account:
        now = self._clock.now()
        with self._database.transaction() as connection:
            store = AccountStore(connection, facility_id)
            account = _required(store.by_key(user_key(half_width(user_id)))).account
            store.update(account.id, changes)
            append_event(connection, account.id, act, actor=actor, at=now)
            return _required(store.by_id(account.id)).account


def _check_period(starts_on: date | None, ends_on: date | None) -> None:
    if starts_on and ends_on and ends_on < starts_on:
        raise InvalidField("ends_on", "before-start")


def _kind_of(connection: Connection, facility_id: FacilityId) -> FacilityKind:
    found = FacilityStore(connection).by_id(facility_id)
    if found is None:
        raise NotFound("facility")
    return found.code.kind


def _required(known: KnownAccount | None) -> KnownAccount:
    if known is None:
        raise AccountUnknown
    return known
