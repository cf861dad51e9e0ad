"""Use cases of logging in with passkeys: alone, or as the second step after the password.

Who has a passkey takes a second step after the password, always: a password that somebody else
learned opens nothing. Where the facility asks for it, who has none yet registers the first one
before anything else. Accounts of programs never come here.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from sqlalchemy import Connection

from zaitaku.accounts.completing import complete_login, stage_after_password
from zaitaku.accounts.errors import AccountNotUsable, InitialPasswordOver
from zaitaku.accounts.model import WRONG_PASSWORDS_TO_LOCK, Account
from zaitaku.accounts.passkeys import (
    Ceremonies,
    Ceremony,
    Purpose,
    shown_passkey,
    steps_back,
)
from zaitaku.accounts.recovery import code_digest
from zaitaku.accounts.service import Staff
from zaitaku.accounts.sessions import Session, end_sessions_of
from zaitaku.accounts.sign_in_model import (
    METHOD_NAMES,
    Method,
    Passkey,
    PasskeyRefused,
    RecoveryCodeRefused,
    SecondStepLocked,
    Stage,
    VerifiedUse,
)
from zaitaku.accounts.sign_in_store import SignInStore, whose_credential
from zaitaku.accounts.store import AccountStore, KnownAccount
from zaitaku.audit.model import Act
from zaitaku.audit.store import NOTHING, append
from zaitaku.core import limits
from zaitaku.core.addresses import address_bucket
from zaitaku.core.attempts import FailureLimit
from zaitaku.core.clock import Clock, japan_date
from zaitaku.core.database import Database
from zaitaku.core.ephemeral import EphemeralStore
from zaitaku.core.errors import ZaitakuError
from zaitaku.core.ids import AccountId, FacilityId

log = logging.getLogger(__name__)

ATTEMPTS_PER_ADDRESS: Final = limits.PASSKEY_BY_ADDRESS.most
WRONG_REMEMBERED: Final = timedelta(hours=24)
"""Wrong second steps within so long count together; a right one forgets them."""
ANYBODY: Final = "anybody"
"""Whose challenge it is before anybody has logged in; the form token binds it to the browser."""


_METHODS: Final = MappingProxyType(
    {
        Act.PASS_SECOND_FACTOR: Method.PASSWORD_AND_PASSKEY,
        Act.CONFIRM_SELF: Method.PASSKEY,
    }
)


@dataclass(frozen=True, repr=False)
class _Challenge:
    """Which challenge an answer is for. Never printed."""

    ceremony: str
    purpose: Purpose
    whose: str


class SecondFactorService:
    """Logins in which a passkey or a recovery code has a part."""

    def __init__(
        self,
        *,
        database: Database,
        ephemeral: EphemeralStore,
        ceremonies: Ceremonies,
        clock: Clock,
    ) -> None:
        self._database = database
        self._ephemeral = ephemeral
        self._ceremonies = ceremonies
        self._clock = clock
        self._addresses = FailureLimit.of(
            limits.PASSKEY_BY_ADDRESS, ephemeral=ephemeral, clock=clock
        )

    def stage_after_password(self, account: Account) -> Stage:
        """Return what is due after the right password.

        Raises:
            StoreUnavailable: the database is away; nobody is let in unasked.
        """
        with self._database.reading() as connection:
            return stage_after_password(connection, account)

    def begin_login(self) -> Ceremony:
        """Ask for a proof with any passkey that the browser's owner chooses.

        Raises:
            StoreUnavailable: the short-lived store is away.
        """
        return self._ceremonies.begin_proof(Purpose.LOG_IN, (), whose=ANYBODY)

    def log_in(self, *, ceremony: str, answer: str, address: str) -> Staff:
        """Return whose passkey it is; user verification makes it two factors at once.

        Raises:
            TooManyAttempts: the address (of IPv6 its /64) has failed too often in 15 minutes.
            PasskeyRefused: the challenge is over, nobody has the passkey, the proof is wrong, or
                the account is locked: never told which.
            InitialPasswordOver: the account's password was reset more than 30 days ago.
            AccountNotUsable: the proof is right, the account may not be used now.
            StoreUnavailable: a store is away; nobody is let through uncounted.
        """
        attempt = self._addresses.begin(address_bucket(address))
        with self._addresses.unless_away(attempt):
            known = self._proved(ceremony, answer)
        self._addresses.give_back(attempt)
        has_begun = known.facility.has_begun(japan_date(self._clock.now()))
        return Staff(known.account, known.facility, has_begun)

    def _proved(self, ceremony: str, answer: str) -> KnownAccount:
        challenge = self._ceremonies.take_challenge(ceremony, Purpose.LOG_IN, whose=ANYBODY)
        shown = shown_passkey(answer)
        with self._database.reading() as connection:
            found = whose_credential(connection, shown.credential_id)
        if found is None:
            raise PasskeyRefused("no such passkey")
        facility_id, passkey = found
        if shown.user_handle != passkey.account_id.bytes:
            raise PasskeyRefused("user handle")
        use = self._ceremonies.verify_use(passkey, challenge, answer)
        return self._settle(facility_id, passkey, use, Act.LOGIN, Method.PASSKEY)

    def begin_second_step(self, account: Account, session: Session) -> Ceremony:
        """Ask for a proof with one of the account's own passkeys.

        Raises:
            StoreUnavailable: a store is away.
        """
        return self._begin(account, session, Purpose.SECOND_STEP)

    def begin_confirmation(self, account: Account, session: Session) -> Ceremony:
        """Ask somebody who is logged in for a proof with one of the account's own passkeys.

        Raises:
            StoreUnavailable: a store is away.
        """
        return self._begin(account, session, Purpose.CONFIRM)

    def _begin(self, account: Account, session: Session, purpose: Purpose) -> Ceremony:
        with self._database.reading() as connection:
            own = SignInStore(connection, account.facility_id).passkeys(account.id)
        return self._ceremonies.begin_proof(purpose, own, whose=session.whose)

    def pass_by_passkey(
        self, account: Account, session: Session, *, ceremony: str, answer: str
    ) -> None:
        """Take the second step with one of the account's passkeys; the login is complete then.

        Raises:
            PasskeyRefused: the challenge is over, or the proof is wrong; the try was counted.
            SecondStepLocked: it was one wrong try too many: the account is locked now.
            StoreUnavailable: a store is away.
        """
        challenge = _Challenge(ceremony, Purpose.SECOND_STEP, session.whose)
        self._prove(account, challenge, answer, Act.PASS_SECOND_FACTOR)

    def confirm_by_passkey(
        self, account: Account, session: Session, *, ceremony: str, answer: str
    ) -> None:
        """Prove once more, with one of the account's passkeys, who sits before a session.

        Raises:
            PasskeyRefused: the challenge is over, or the proof is wrong; the try was counted.
            SecondStepLocked: it was one wrong try too many: the account is locked now.
            StoreUnavailable: a store is away.
        """
        challenge = _Challenge(ceremony, Purpose.CONFIRM, session.whose)
        self._prove(account, challenge, answer, Act.CONFIRM_SELF)

    def _prove(self, account: Account, shown: "_Challenge", answer: str, act: Act) -> None:
        method = _METHODS[act]
        try:
            challenge = self._ceremonies.take_challenge(
                shown.ceremony, shown.purpose, whose=shown.whose
            )
            passkey = self._own(account, shown_passkey(answer).credential_id)
            use = self._ceremonies.verify_use(passkey, challenge, answer)
            self._settle(account.facility_id, passkey, use, act, method)
        except PasskeyRefused as refusal:
            raise self._counted(account, refusal) from refusal
        self._ephemeral.delete(_wrong(account.id))

    def pass_by_code(self, account: Account, typed: str) -> None:
        """Take the second step with an unused recovery code, which is used up by it.

        Raises:
            RecoveryCodeRefused: no unused code is like this; the try was counted.
            SecondStepLocked: it was one wrong try too many: the account is locked now.
            StoreUnavailable: a store is away; the code may be tried again.
        """
        digest, now = code_digest(account.id, typed), self._clock.now()
        with self._database.transaction() as connection:
            present = AccountStore(connection, account.facility_id).locked(account.id)
            store = SignInStore(connection, account.facility_id)
            is_open = present is not None and not present.account.is_locked
            is_right = is_open and store.take_code(account.id, digest, now)
            if is_right:
                detail = {"方法": "回復コード", "残り": str(store.codes_left(account.id))}
                self._note(connection, account, Act.PASS_SECOND_FACTOR, detail)
                method = {"方法": METHOD_NAMES[Method.PASSWORD_AND_CODE]}
                complete_login(connection, account, at=now, detail=method)
        if not is_right:
            raise self._counted(account, RecoveryCodeRefused())
        self._ephemeral.delete(_wrong(account.id))

    def _own(self, account: Account, credential_id: bytes) -> Passkey:
        with self._database.reading() as connection:
            own = SignInStore(connection, account.facility_id).passkeys(account.id)
        for passkey in own:
            if passkey.credential_id == credential_id:
                return passkey
        raise PasskeyRefused("not the account's own")

    def _settle(
        self, facility_id: FacilityId, shown: Passkey, use: VerifiedUse, act: Act, method: Method
    ) -> KnownAccount:
        """Record a proof that was right, on account and passkey as they are in the transaction."""
        refusal: ZaitakuError | None
        with self._database.transaction() as connection:
            known = AccountStore(connection, facility_id).locked(shown.account_id)
            store = SignInStore(connection, facility_id)
            passkey = store.by_credential(shown.credential_id)
            if known is None or passkey is None:
                raise PasskeyRefused("removed meanwhile")
            refusal = self._refusal(known.account, passkey, use)
            if refusal is None:
                now = self._clock.now()
                used = {"sign_count": use.sign_count, "is_backed_up": use.is_backed_up}
                store.update_passkey(passkey.id, {**used, "used_at": now})
                detail = {"方法": METHOD_NAMES[method], "パスキー": passkey.name}
                if act is not Act.LOGIN:
                    self._note(connection, known.account, act, detail)
                if act is not Act.CONFIRM_SELF:
                    complete_login(connection, known.account, at=now, detail=detail)
            else:
                self._note_refusal(connection, known.account, passkey, use)
        if refusal is not None:
            raise refusal
        return known

    def _refusal(self, account: Account, passkey: Passkey, use: VerifiedUse) -> ZaitakuError | None:
        now = self._clock.now()
        if account.is_locked or not passkey.is_usable or steps_back(passkey, use):
            return PasskeyRefused("locked, suspended or copied")
        if account.is_password_over(now):
            return InitialPasswordOver()
        return None if account.is_usable(now) else AccountNotUsable()

    def _note_refusal(
        self, connection: Connection, account: Account, passkey: Passkey, use: VerifiedUse
    ) -> None:
        if passkey.is_usable and steps_back(passkey, use):
            store = SignInStore(connection, account.facility_id)
            store.update_passkey(passkey.id, {"suspended_at": self._clock.now()})
            self._note(connection, account, Act.SUSPEND_PASSKEY, {"パスキー": passkey.name})
            return
        self._note(connection, account, Act.REFUSE_LOGIN, {"方法": "パスキー"})

    def _counted(self, account: Account, refusal: ZaitakuError) -> ZaitakuError:
        wrong = self._ephemeral.count(_wrong(account.id), WRONG_REMEMBERED)
        is_last = wrong >= WRONG_PASSWORDS_TO_LOCK
        with self._database.transaction() as connection:
            if is_last:
                locked = {"locked_at": self._clock.now()}
                AccountStore(connection, account.facility_id).update(account.id, locked)
            self._note(connection, account, Act.REFUSE_SECOND_FACTOR)
            if is_last:
                self._note(connection, account, Act.LOCK_ACCOUNT)
        log.info("refused: %s", refusal.code, extra={"code": refusal.code})
        if not is_last:
            return refusal
        self._ephemeral.delete(_wrong(account.id))
        end_sessions_of(self._ephemeral, account.id)
        return SecondStepLocked()

    def _note(
        self,
        connection: Connection,
        account: Account,
        act: Act,
        detail: Mapping[str, str] = NOTHING,
    ) -> None:
        append(
            connection,
            account.facility_id,
            act,
            actor=account.label,
            at=self._clock.now(),
            subject=account.user_id,
            detail=detail,
        )


def _wrong(account_id: AccountId) -> str:
    return f"second-step:wrong:{account_id}"
