"""Use cases of accounts: log in, change one's password; the operator's register and reset."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import Connection

from zaitaku.accounts import changing
from zaitaku.accounts.completing import stage_after_password
from zaitaku.accounts.errors import (
    AccountNotUsable,
    AccountUnknown,
    InitialPasswordOver,
    LoginRefused,
    SessionEnd,
    SessionEnded,
    WrongPassword,
)
from zaitaku.accounts.model import (
    BEFORE_START,
    SYSTEM_ROLES,
    WRONG_PASSWORDS_TO_LOCK,
    Account,
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
from zaitaku.accounts.passwords import Passwords
from zaitaku.accounts.registering import (
    AccountValues,
    account_row,
    check_not_over,
    check_period,
    initial_columns,
    insert_account,
    password_columns,
)
from zaitaku.accounts.sessions import Session, end_sessions_of, seal_of
from zaitaku.accounts.sign_in_model import Stage
from zaitaku.accounts.store import AccountStore, KnownAccount, Named, find_for_login
from zaitaku.accounts.widths import half_width
from zaitaku.audit.model import Act
from zaitaku.audit.store import NOTHING, append
from zaitaku.core import limits
from zaitaku.core.addresses import address_bucket
from zaitaku.core.attempts import FailureLimit
from zaitaku.core.clock import Clock, japan_date
from zaitaku.core.database import Database
from zaitaku.core.ephemeral import EphemeralStore
from zaitaku.core.errors import InvalidField, NotFound, ZaitakuError
from zaitaku.core.ids import FacilityId
from zaitaku.core.texts import has_control_characters
from zaitaku.facilities.model import Facility, FacilityKind
from zaitaku.facilities.store import FacilityStore, lock_facility

log = logging.getLogger(__name__)

ATTEMPTS_PER_ADDRESS: Final = limits.LOGIN_BY_ADDRESS.most
ATTEMPTS_PER_ACCOUNT: Final = limits.LOGIN_BY_ACCOUNT.most
NOBODY: Final = "（ログインしていない人）"
"""Who is recorded where a login named no account: what was typed may be a password."""

_REFUSED: Final = MappingProxyType(
    {
        LoginRefused.code: "パスワードの誤り、またはロック中",
        InitialPasswordOver.code: "はじめのパスワードの期限切れ",
        AccountNotUsable.code: "利用できないアカウント",
    }
)
"""What the record says of a refusal; the person is told less."""


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
    has_begun: bool = True
    """Whether the facility's 利用開始日 has come (domain.md §2)."""

    @property
    def permissions(self) -> frozenset[Permission]:
        """What the person may do at this moment."""
        granted = self.account.permissions
        return granted if self.has_begun else granted & BEFORE_START


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
        self._addresses = FailureLimit.of(limits.LOGIN_BY_ADDRESS, ephemeral=ephemeral, clock=clock)
        self._names = FailureLimit.of(limits.LOGIN_BY_ACCOUNT, ephemeral=ephemeral, clock=clock)

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

        Without ``password`` an initial one is drawn, which a person must replace; a given one
        with ``must_change`` too opens nothing but the page that does, and only for 30 days.

        Raises:
            InvalidField: a value breaks its rule (domain.md §5).
            NotFound: there is no such facility.
            AccountExists: the user ID is or was in use in this facility.
            StoreUnavailable: the database is away; nothing was written.
        """
        check_period(starts_on, ends_on)
        check_not_over(ends_on, japan_date(self._clock.now()))
        values = AccountValues(
            role, user_id, check_user_name(name), check_user_kana(kana), starts_on, ends_on
        )
        now = self._clock.now()
        if password is None:
            chosen, columns = initial_columns(self._passwords, role, now)
        else:
            kept = self._passwords.hash(check_new_password(password, user_id))
            chosen, columns = password, password_columns(kept, now, must_change=must_change)
        return NewAccount(self._insert(facility_id, values, columns, actor), chosen)

    def _insert(
        self, facility_id: FacilityId, values: AccountValues, columns: dict[str, Any], actor: str
    ) -> Account:
        with self._database.transaction() as connection:
            lock_facility(connection, facility_id)
            kind = _kind_of(connection, facility_id)
            checked = replace(values, user_id=check_user_id(values.role, values.user_id, kind))
            row = account_row(checked, columns, columns["password_changed_at"])
            return insert_account(connection, facility_id, row, actor=actor)

    def all_of(self, facility_id: FacilityId) -> tuple[Account, ...]:
        """Return the facility's living accounts, by user ID."""
        with self._database.reading() as connection:
            return AccountStore(connection, facility_id).all()

    def authenticate(self, attempt: LoginAttempt) -> Staff:
        """Return whom the right password of a usable account belongs to.

        A refusal costs one query, one hash and one recorded entry whether or not the facility has
        such an account, and the hash is nearly all of the time that it takes. Not equal are the
        row lock and the counting of a wrong password, which only an account has; a hash that was
        made under other parameters, until its next login replaces it; and a facility that does
        not exist (its code is public) has no record to write to.

        Raises:
            TooManyAttempts: the address (of IPv6 its /64) or the account has failed too often in
                15 minutes; logins that succeed do not count.
            LoginRefused: facility, user ID or password is wrong, or the account is locked.
            InitialPasswordOver: the initial password is right but 30 days old.
            AccountNotUsable: the password is right, the account may not be used now.
            StoreUnavailable: a store is away; without the counters nobody logs in.
        """
        return self._admitted(attempt, self._refusal)

    def authenticate_program(self, attempt: LoginAttempt, role: Role) -> Staff:
        """Return the account of a program (WebAPI用, 連携アプリ用, 顔認証用) for one call of it.

        Limits, lock and cost are those of ``authenticate``; of the calls that succeed only the
        first of a day in Japan is recorded.

        Raises:
            TooManyAttempts: as in ``authenticate``.
            LoginRefused: as in ``authenticate``.
            AccountNotUsable: the password is right, but the account is of another role or may not
                be used now.
            StoreUnavailable: a store is away.
        """
        return self._admitted(attempt, partial(self._refusal_of_program, role))

    def _admitted(
        self, attempt: LoginAttempt, refusal_of: Callable[[Account], ZaitakuError | None]
    ) -> Staff:
        code, key = half_width(attempt.institution_code), user_key(half_width(attempt.user_id))
        by_address = self._addresses.begin(address_bucket(attempt.address))
        by_name = self._names.begin(f"{code}/{key}")
        with self._addresses.unless_away(by_address), self._names.unless_away(by_name):
            staff = self._logged_in(self._find(code, key), attempt.password, refusal_of)
        self._addresses.give_back(by_address)
        self._names.give_back(by_name)
        return staff

    def _find(self, code: str, key: UserKey) -> Named:
        if has_control_characters(code + key):
            return Named(None, None)  # PostgreSQL would not even compare it
        with self._database.reading() as connection:
            return find_for_login(connection, code, key)

    def _logged_in(
        self,
        named: Named,
        password: str,
        refusal_of: Callable[[Account], ZaitakuError | None],
    ) -> Staff:
        if named.known is None:
            self._refuse_nobody(named.facility_id, password)
            raise LoginRefused
        account = named.known.account
        refusal = refusal_of(account)
        done = self._login(account)
        if refusal:
            done = _Done(Act.REFUSE_LOGIN, {"理由": _REFUSED[refusal.code]})
        if not self._settle(named.known, password, done):
            raise LoginRefused
        if refusal:
            raise refusal
        return self._staff(replace(account, **done.changes), named.known.facility)

    def _refuse_nobody(self, facility_id: FacilityId | None, password: str) -> None:
        self._passwords.verify(None, password)
        if facility_id is None:
            log.info("refused: no such facility", extra={"code": LoginRefused.code})
            return
        with self._database.transaction() as connection:
            now = self._clock.now()
            append(connection, facility_id, Act.REFUSE_LOGIN, actor=NOBODY, at=now)

    def _refusal(self, account: Account) -> ZaitakuError | None:
        now = self._clock.now()
        if account.is_password_over(now):
            return InitialPasswordOver()
        return None if account.is_usable(now) else AccountNotUsable()

    def _refusal_of_program(self, role: Role, account: Account) -> ZaitakuError | None:
        is_fit = account.role is role and account.is_in_use(self._clock.now())
        return None if is_fit else AccountNotUsable()

    def _login(self, account: Account) -> "_Done":
        now, last = self._clock.now(), account.last_login_at
        is_repeated = last is not None and japan_date(last) == japan_date(now)
        is_minor = account.role in SYSTEM_ROLES and is_repeated
        return _Done(None if is_minor else Act.LOGIN, changes={"last_login_at": now})

    def _settle(self, known: KnownAccount, password: str, done: "_Done") -> bool:
        """Tell whether the password is right; then do what is ``done``, else count it as wrong.

        The hash takes long, so it is computed before the transaction; the decision is made in it,
        on the row as it is then. A right password whose hash was made under other parameters than
        today's is hashed anew.
        """
        matches = self._passwords.verify(known.password_hash, password)
        renewed = self._renewed(known, password) if matches else {}
        with self._database.transaction() as connection:
            store = AccountStore(connection, known.account.facility_id)
            present = _required(store.locked(known.account.id))
            if present.password_hash != known.password_hash:
                # Reset, or renewed by another login meanwhile: too seldom to mind the lock's time.
                matches = self._passwords.verify(present.password_hash, password)
            if matches and not present.account.is_locked:
                done = _so_far(connection, present.account, done)
                store.update(present.account.id, {"wrong_passwords": 0, **renewed, **done.changes})
                self._note(connection, present.account, done.act, done.detail)
                return True
            is_locked_now = self._count_wrong(connection, store, present.account)
        if is_locked_now:
            end_sessions_of(self._ephemeral, known.account.id)
        return False

    def _renewed(self, known: KnownAccount, password: str) -> dict[str, Any]:
        if not self._passwords.is_outdated(known.password_hash):
            return {}
        return {"password_hash": self._passwords.hash(password)}

    def _count_wrong(self, connection: Connection, store: AccountStore, account: Account) -> bool:
        wrong = account.wrong_passwords + 1
        is_last = wrong >= WRONG_PASSWORDS_TO_LOCK and not account.is_locked
        if not account.is_locked:
            locked_at = self._clock.now() if is_last else None
            store.update(account.id, {"wrong_passwords": wrong, "locked_at": locked_at})
        detail = {"理由": _REFUSED[LoginRefused.code]}
        self._note(connection, account, Act.REFUSE_LOGIN, detail)
        if is_last:
            self._note(connection, account, Act.LOCK_ACCOUNT)
        return is_last

    def _note(
        self,
        connection: Connection,
        account: Account,
        act: Act | None,
        detail: Mapping[str, str] = NOTHING,
    ) -> None:
        if act is not None:
            append(
                connection,
                account.facility_id,
                act,
                actor=account.label,
                at=self._clock.now(),
                subject=account.user_id,
                detail=detail,
            )

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
        if known.account.is_locked:
            raise SessionEnded(SessionEnd.LOCKED)
        if session.seal != seal_of(known.account, known.facility.settings_version):
            raise SessionEnded(SessionEnd.CHANGED)
        return self._staff(known.account, known.facility)

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
        changes = password_columns(self._passwords.hash(new), self._clock.now(), must_change=False)
        done = _Done(Act.CHANGE_PASSWORD, changes=changes)
        if not self._settle(known, current, done):
            raise WrongPassword(is_locked=self._get(account).account.is_locked)
        changed = replace(
            known.account,
            password_changed_at=changes["password_changed_at"],
            must_change_password=False,
        )
        return self._staff(changed, known.facility)

    def confirm_password(self, account: Account, password: str) -> None:
        """Prove once more, with the present password, who sits before a session.

        A wrong one counts like one at the login.

        Raises:
            WrongPassword: the password is not right.
            StoreUnavailable: a store is away; nothing is proved.
        """
        if not self._settle(self._get(account), password, _Done(Act.CONFIRM_SELF)):
            raise WrongPassword(is_locked=self._get(account).account.is_locked)

    def _staff(self, account: Account, facility: Facility) -> Staff:
        return Staff(account, facility, facility.has_begun(japan_date(self._clock.now())))

    def _get(self, account: Account) -> KnownAccount:
        with self._database.reading() as connection:
            return _required(AccountStore(connection, account.facility_id).by_id(account.id))

    def note_export(self, account: Account, filters: Mapping[str, str]) -> None:
        """Record that the file of consented patients was made for the account, before it gets it.

        ``filters`` say which lines were asked for, without a name.

        Raises:
            StoreUnavailable: the database is away; without the record there is no file.
        """
        with self._database.transaction() as connection:
            self._note(connection, account, Act.EXPORT_PATIENTS, filters)

    def note_logout(self, account: Account) -> None:
        """Record that somebody has logged out.

        Raises:
            StoreUnavailable: the database is away.
        """
        with self._database.transaction() as connection:
            self._note(connection, account, Act.LOGOUT)

    def unlock(self, facility_id: FacilityId, user_id: str, *, actor: str) -> Account:
        """Release an account that wrong passwords have locked; for the operator.

        Raises:
            AccountUnknown: the facility has no such account.
        """
        now = self._clock.now()
        with self._database.transaction() as connection:
            store = AccountStore(connection, facility_id)
            account = _required(store.by_key(user_key(half_width(user_id)))).account
            changing.release(connection, account, actor=actor, at=now)
            return _required(store.by_id(account.id)).account

    def reset_password(
        self, facility_id: FacilityId, user_id: str, *, actor: str, forget_sign_in: bool = False
    ) -> NewAccount:
        """Give an account a new initial password, told only here; for the operator.

        Its lock and its sessions end; with ``forget_sign_in`` its passkeys and recovery codes,
        which are lost, end as well.

        Raises:
            AccountUnknown: the facility has no such account.
        """
        now = self._clock.now()
        with self._database.transaction() as connection:
            store = AccountStore(connection, facility_id)
            account = _required(store.by_key(user_key(half_width(user_id)))).account
            return changing.reset_password(
                connection,
                account,
                self._passwords,
                actor=actor,
                at=now,
                forget_sign_in=forget_sign_in,
            )


@dataclass(frozen=True)
class _Done:
    """What a right password does: columns to set, and what is recorded (``None``: nothing)."""

    act: Act | None
    detail: Mapping[str, str] = field(default_factory=dict)
    changes: Mapping[str, Any] = field(default_factory=dict)


def _so_far(connection: Connection, account: Account, done: _Done) -> _Done:
    """Return what a right password does: a login that a second step follows is not complete."""
    is_login = done.act is Act.LOGIN
    if is_login and stage_after_password(connection, account) is not Stage.FULL:
        return _Done(Act.PASS_PASSWORD)
    return done


def _kind_of(connection: Connection, facility_id: FacilityId) -> FacilityKind:
    found = FacilityStore(connection).by_id(facility_id)
    if found is None:
        raise NotFound("facility")
    return found.code.kind


def _required(known: KnownAccount | None) -> KnownAccount:
    if known is None:
        raise AccountUnknown
    return known
