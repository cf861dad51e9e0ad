"""Use cases of what people arrange for their own logins: passkeys, recovery codes, the rule."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, select

from zaitaku.accounts.completing import complete_login
from zaitaku.accounts.model import SYSTEM_ROLES, Account
from zaitaku.accounts.passkeys import Ceremonies, Ceremony, Purpose
from zaitaku.accounts.recovery import code_digest, new_codes
from zaitaku.accounts.sessions import ListedSession, Session, Sessions
from zaitaku.accounts.sign_in_model import (
    METHOD_NAMES,
    MOST_PASSKEYS,
    LastPasskey,
    Method,
    NeedsOwnPasskey,
    OwnSignIn,
    Passkey,
    PasskeyId,
    PasskeyTaken,
    PasskeyUnknown,
    PolicyChanged,
    ProofNeeded,
    SessionId,
    SignInPolicy,
    Stage,
    TooManyPasskeys,
    VerifiedPasskey,
    check_passkey_name,
)
from zaitaku.accounts.sign_in_store import SignInStore
from zaitaku.accounts.store import AccountStore
from zaitaku.audit.model import Act
from zaitaku.audit.store import NOTHING, append, audit_entry
from zaitaku.core.clock import Clock
from zaitaku.core.database import Database
from zaitaku.core.ids import FacilityId, new_uuid
from zaitaku.facilities.store import lock_facility

DEVICE: Final = "端末"
ALL_OTHERS: Final = "ほかのすべての端末"


@dataclass(frozen=True, repr=False)
class NewPasskey:
    """A passkey that was just registered. Never printed: it may carry recovery codes."""

    passkey: Passkey
    codes: tuple[str, ...]
    """The account's recovery codes, told only here; empty when it has some already."""


@dataclass(frozen=True)
class AddedPasskey:
    """A passkey that its owner is told of at the next login."""

    passkey: Passkey
    device: str
    """Where it was registered; empty: not known."""


class OwnSignInService:
    """What somebody who is logged in does to their own ways in."""

    def __init__(
        self, *, database: Database, ceremonies: Ceremonies, sessions: Sessions, clock: Clock
    ) -> None:
        self._database = database
        self._ceremonies = ceremonies
        self._sessions = sessions
        self._clock = clock

    @property
    def can_have_passkeys(self) -> bool:
        """Whether browsers make passkeys for this site's address."""
        return self._ceremonies.relying_party.can_have_passkeys

    def of(self, account: Account) -> OwnSignIn:
        """Return how the account may sign in now."""
        with self._database.reading() as connection:
            return _own(SignInStore(connection, account.facility_id), account)

    def passkey(self, account: Account, passkey_id: PasskeyId) -> Passkey:
        """Return one of the account's own passkeys.

        Raises:
            PasskeyUnknown: the account has no such passkey.
        """
        return _named(self.of(account), passkey_id)

    def begin(self, account: Account, session: Session) -> Ceremony:
        """Make the challenge for a new passkey.

        Raises:
            TooManyPasskeys: the account has ten.
            StoreUnavailable: a store is away.
        """
        known = self.of(account).passkeys
        if len(known) >= MOST_PASSKEYS:
            raise TooManyPasskeys
        return self._ceremonies.begin_registration(account, known, whose=session.whose)

    def register(
        self, account: Account, session: Session, *, ceremony: str, answer: str, name: str
    ) -> NewPasskey:
        """Add the passkey of a browser's answer; the first one comes with recovery codes.

        Where the facility asks for it between the password and everything else, the login is
        complete with it.

        Raises:
            ProofNeeded: the session's owner has not shown lately who they are.
            InvalidField: the name is not fit; the challenge may be answered again.
            PasskeyRefused: the challenge is over, or the answer proves nothing.
            PasskeyTaken: the passkey is registered already.
            TooManyPasskeys: the account has ten.
            StoreUnavailable: a store is away; nothing was registered.
        """
        self._ask_for_proof(session)
        called, now = check_passkey_name(name), self._clock.now()
        challenge = self._ceremonies.take_challenge(ceremony, Purpose.REGISTER, whose=session.whose)
        verified = self._ceremonies.verify_registration(challenge, answer)
        with self._database.transaction() as connection:
            AccountStore(connection, account.facility_id).locked(account.id)
            store = SignInStore(connection, account.facility_id)
            before = _own(store, account)
            _check_room(store, before, verified)
            passkey = _added(store, account, verified, called, now)
            codes = () if before.codes_left else self._new_codes(store, account)
            # The same moment as the passkey's: by it the notice at the next login finds the device.
            detail = {"名前": called, DEVICE: session.device}
            self._note(connection, account, Act.REGISTER_PASSKEY, detail, at=now)
            if session.stage is Stage.FIRST_PASSKEY:
                method = {"方法": METHOD_NAMES[Method.PASSWORD_AND_PASSKEY], "パスキー": called}
                complete_login(connection, account, at=now, detail=method)
        return NewPasskey(passkey, codes)

    def _ask_for_proof(self, session: Session) -> None:
        # A login that is not complete is young: its password was right at most ten minutes ago.
        if session.stage is Stage.FULL and not session.is_proved(self._clock.now()):
            raise ProofNeeded

    def added_between(
        self, account: Account, former: datetime | None, until: datetime
    ) -> tuple[AddedPasskey, ...]:
        """Return the passkeys that were registered after a moment and up to another."""
        with self._database.reading() as connection:
            own = SignInStore(connection, account.facility_id).passkeys(account.id)
            new = [each for each in own if _is_between(each.created_at, former, until)]
            devices = _devices(connection, account) if new else {}
        return tuple(AddedPasskey(each, devices.get(each.created_at, "")) for each in new)

    def rename(self, account: Account, passkey_id: PasskeyId, name: str) -> None:
        """Give one of the account's own passkeys another name.

        Raises:
            InvalidField: the name is not fit.
            PasskeyUnknown: the account has no such passkey.
            StoreUnavailable: the database is away; nothing was changed.
        """
        called = check_passkey_name(name)
        with self._database.transaction() as connection:
            store = SignInStore(connection, account.facility_id)
            former = _named(_own(store, account), passkey_id)
            store.update_passkey(passkey_id, {"name": called})
            detail = {"前の名前": former.name, "名前": called}
            self._note(connection, account, Act.RENAME_PASSKEY, detail)

    def remove(self, account: Account, session: Session, passkey_id: PasskeyId) -> None:
        """Remove one of the account's own passkeys: it opens nothing any more.

        The account's other sessions end: what the passkey has opened is not left open.

        Raises:
            ProofNeeded: the session's owner has not shown lately who they are.
            LastPasskey: the facility asks for a second factor, and no other usable one is left.
            PasskeyUnknown: the account has no such passkey.
            StoreUnavailable: the database is away; nothing was removed.
        """
        self._ask_for_proof(session)
        with self._database.transaction() as connection:
            AccountStore(connection, account.facility_id).locked(account.id)
            store = SignInStore(connection, account.facility_id)
            own = _own(store, account)
            passkey = _named(own, passkey_id)
            others = (each for each in own.passkeys if each.id != passkey_id)
            if own.policy.needs_second_factor and not any(each.is_usable for each in others):
                raise LastPasskey
            store.remove_passkey(passkey_id)
            detail = {"名前": passkey.name, DEVICE: f"{ALL_OTHERS}をログアウト"}
            self._note(connection, account, Act.REMOVE_PASSKEY, detail)
            # Last, so that nothing ends unrecorded: if it fails, the record is rolled back.
            self._sessions.end_others(session)

    def renew_codes(self, account: Account, session: Session) -> tuple[str, ...]:
        """Return ten new recovery codes, told only here; the former ones open nothing any more.

        Raises:
            ProofNeeded: the session's owner has not shown lately who they are.
            StoreUnavailable: the database is away; the former ones still hold.
        """
        self._ask_for_proof(session)
        with self._database.transaction() as connection:
            AccountStore(connection, account.facility_id).locked(account.id)
            codes = self._new_codes(SignInStore(connection, account.facility_id), account)
            self._note(connection, account, Act.MAKE_RECOVERY_CODES)
        return codes

    def _new_codes(self, store: SignInStore, account: Account) -> tuple[str, ...]:
        codes = new_codes()
        digests = [code_digest(account.id, code) for code in codes]
        store.replace_codes(account.id, digests, self._clock.now())
        return codes

    def sessions(self, session: Session) -> tuple[ListedSession, ...]:
        """Return where the account is logged in now, the last used first."""
        return self._sessions.beside(session)

    def end_session(self, account: Account, session: Session, session_id: SessionId) -> bool:
        """End one of the account's sessions from afar; tell whether it was still alive.

        Raises:
            StoreUnavailable: a store is away; nothing is recorded that was not tried.
        """
        listed = {each.id: each for each in self.sessions(session)}
        if session_id not in listed:
            return False
        label = listed[session_id].device
        return self._ended(account, label, lambda: self._sessions.end(session, session_id)) == 1

    def end_others(self, account: Account, session: Session) -> int:
        """End all of the account's sessions but this one; return how many were alive.

        Raises:
            StoreUnavailable: a store is away; nothing is recorded that was not tried.
        """
        return self._ended(account, ALL_OTHERS, lambda: self._sessions.end_others(session))

    def _ended(self, account: Account, device: str, end: Callable[[], int]) -> int:
        with self._database.transaction() as connection:
            self._note(connection, account, Act.END_SESSIONS, {"端末": device})
            # Last, so that nothing ends unrecorded: if it fails, the record is rolled back.
            return end()

    def policy(self, facility_id: FacilityId) -> SignInPolicy:
        """Return whether the facility asks for a second factor."""
        with self._database.reading() as connection:
            return SignInStore(connection, facility_id).policy()

    def people_without(self, facility_id: FacilityId) -> int:
        """Return how many people's accounts have no passkey yet."""
        with self._database.reading() as connection:
            everybody = AccountStore(connection, facility_id).all()
            people = [each.id for each in everybody if each.role not in SYSTEM_ROLES]
            return SignInStore(connection, facility_id).without_passkey(people)

    def decide(
        self, account: Account, session: Session, *, needs_second_factor: bool, seen: int
    ) -> SignInPolicy:
        """Ask all people of the facility for a second factor, or no longer; return the rule.

        It holds from each person's next login. ``seen`` is the revision that was on the screen.

        Raises:
            ProofNeeded: the session's owner has not shown lately who they are.
            PolicyChanged: somebody else decided meanwhile.
            NeedsOwnPasskey: whoever asks for it has no passkey that works.
            StoreUnavailable: the database is away; nothing was changed.
        """
        self._ask_for_proof(session)
        with self._database.transaction() as connection:
            lock_facility(connection, account.facility_id)
            store = SignInStore(connection, account.facility_id)
            own = _own(store, account)
            if own.policy.revision != seen:
                raise PolicyChanged(own.policy)
            if needs_second_factor and not own.has_usable_passkey:
                raise NeedsOwnPasskey
            decided = replace(
                own.policy,
                revision=seen + 1,
                needs_second_factor=needs_second_factor,
                changed_by=account.label,
                changed_at=self._clock.now(),
            )
            store.save_policy(decided)
            words = "必須にする" if needs_second_factor else "必須にしない"
            self._note(connection, account, Act.CHANGE_SIGN_IN_POLICY, {"二要素認証": words})
        return decided

    def _note(
        self,
        connection: Connection,
        account: Account,
        act: Act,
        detail: Mapping[str, Any] = NOTHING,
        at: datetime | None = None,
    ) -> None:
        append(
            connection,
            account.facility_id,
            act,
            actor=account.label,
            at=at or self._clock.now(),
            subject=account.user_id,
            detail=detail,
        )


def _added(
    store: SignInStore, account: Account, verified: VerifiedPasskey, name: str, at: datetime
) -> Passkey:
    passkey_id = PasskeyId(new_uuid())
    values = {
        "id": passkey_id,
        "account_id": account.id,
        "credential_id": verified.credential_id,
        "public_key": verified.public_key,
        "sign_count": verified.sign_count,
        "transports": " ".join(verified.transports),
        "is_backed_up": verified.is_backed_up,
        "name": name,
        "created_at": at,
    }
    store.add_passkey(values)
    return _named(_own(store, account), passkey_id)


def _is_between(moment: datetime, former: datetime | None, until: datetime) -> bool:
    return (former is None or moment > former) and moment <= until


def _devices(connection: Connection, account: Account) -> dict[datetime, str]:
    query = select(audit_entry.c.at, audit_entry.c.detail).where(
        audit_entry.c.facility_id == account.facility_id,
        audit_entry.c.subject == account.user_id,
        audit_entry.c.act == Act.REGISTER_PASSKEY.value,
    )
    return {at: detail.get(DEVICE, "") for at, detail in connection.execute(query)}


def _own(store: SignInStore, account: Account) -> OwnSignIn:
    return OwnSignIn(
        passkeys=store.passkeys(account.id),
        codes_left=store.codes_left(account.id),
        policy=store.policy(),
    )


def _named(own: OwnSignIn, passkey_id: PasskeyId) -> Passkey:
    for passkey in own.passkeys:
        if passkey.id == passkey_id:
            return passkey
    raise PasskeyUnknown


def _check_room(store: SignInStore, own: OwnSignIn, verified: VerifiedPasskey) -> None:
    if len(own.passkeys) >= MOST_PASSKEYS:
        raise TooManyPasskeys
    if store.is_known(verified.credential_id):
        raise PasskeyTaken
