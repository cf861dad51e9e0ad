"""Console sessions in the short-lived store: one round trip a page.

The browser holds a random name; the store knows only its hash, so that whoever reads the store
cannot take a session over. A session carries a seal of what it rests on (the facility's settings,
the account's password): when either changes, every session with the old seal is over, without
anybody having to find and delete it.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final, NewType
from uuid import UUID

from zaitaku.accounts.errors import SessionEnd, SessionEnded
from zaitaku.accounts.model import Account
from zaitaku.core.clock import Clock
from zaitaku.core.ephemeral import EphemeralStore, Fields
from zaitaku.core.ids import AccountId, FacilityId, new_secret_name

SessionName = NewType("SessionName", str)
"""What the browser holds: 128 random bits."""

IDLE: Final = timedelta(minutes=30)
ABSOLUTE: Final = timedelta(hours=12)
"""OWASP ASVS 5.0 §7.3 asks for both limits; the values are ours."""

_DRAFT_PREFIX: Final = "draft."


@dataclass(frozen=True)
class Session:
    """One living session, as the short-lived store has it."""

    name: SessionName
    account_id: AccountId
    facility_id: FacilityId
    seal: str
    started_at: datetime
    draft: Mapping[str, str]
    """What the person has begun but not finished, e.g. the change of a URL."""


def seal_of(account: Account, settings_version: int) -> str:
    """Return the seal of a session that rests on this password and these settings."""
    return f"{settings_version}/{account.password_changed_at.astimezone(UTC).isoformat()}"


class Sessions:
    """Opens, resumes and closes console sessions."""

    def __init__(self, *, ephemeral: EphemeralStore, clock: Clock) -> None:
        self._ephemeral = ephemeral
        self._clock = clock

    def open(self, account: Account, settings_version: int) -> SessionName:
        """Begin a session under a name that nobody has seen before (against fixation).

        Raises:
            StoreUnavailable: the short-lived store is away.
        """
        name = SessionName(new_secret_name())
        fields = {
            "account": str(account.id),
            "facility": str(account.facility_id),
            "seal": seal_of(account, settings_version),
            "started": self._clock.now().isoformat(),
        }
        self._ephemeral.create(_key(name), fields, IDLE)
        return name

    def resume(self, name: SessionName, *, by_person: bool) -> Session:
        """Return the living session; what a person does renews its 30 minutes, a timer does not.

        Raises:
            SessionEnded: it is unknown, idle for too long, or too old.
            StoreUnavailable: the short-lived store is away.
        """
        fields = self._renewed(name) if by_person else self._ephemeral.read(_key(name))
        if fields is None:
            raise SessionEnded(SessionEnd.IDLE)
        session = _session(name, fields)
        if self._clock.now() >= session.started_at + ABSOLUTE:
            self.close(name)
            raise SessionEnded(SessionEnd.TOO_LONG)
        return session

    def _renewed(self, name: SessionName) -> Fields | None:
        return self._ephemeral.merge(_key(name), {}, IDLE)

    def keep_draft(self, session: Session, draft: Mapping[str, str]) -> None:
        """Set fields of the draft; an empty value clears one.

        Raises:
            SessionEnded: the session ended meanwhile.
            StoreUnavailable: the short-lived store is away.
        """
        fields = {_DRAFT_PREFIX + field: value for field, value in draft.items()}
        if self._ephemeral.merge(_key(session.name), fields, IDLE) is None:
            raise SessionEnded(SessionEnd.IDLE)

    def close(self, name: SessionName) -> None:
        """End a session at once; a dead one may be closed again.

        Raises:
            StoreUnavailable: the short-lived store is away.
        """
        self._ephemeral.delete(_key(name))


def _key(name: SessionName) -> str:
    return "console:" + hashlib.sha256(name.encode()).hexdigest()


def _session(name: SessionName, fields: Fields) -> Session:
    draft = {
        field.removeprefix(_DRAFT_PREFIX): value
        for field, value in fields.items()
        if field.startswith(_DRAFT_PREFIX) and value
    }
    return Session(
        name=name,
        account_id=AccountId(UUID(fields["account"])),
        facility_id=FacilityId(UUID(fields["facility"])),
        seal=fields["seal"],
        started_at=datetime.fromisoformat(fields["started"]),
        draft=MappingProxyType(draft),
    )
