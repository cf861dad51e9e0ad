"""Console sessions in the short-lived store: one round trip a page.

The browser holds a random name; the store knows only its hash, so that whoever reads the store
cannot take a session over. A session carries a seal of what it rests on (the facility's settings,
the account's password): when either changes, every session with the old seal is over, without
anybody having to find and delete it.

Beside the sessions stands one list an account, so that its owner can see them and end one from
afar. The list is a convenience: a session that is missing in it lives, one that is dead is left
out of what is shown.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final, NewType
from uuid import UUID

from zaitaku.accounts.errors import SessionEnd, SessionEnded
from zaitaku.accounts.model import Account
from zaitaku.accounts.sign_in_model import Method, SessionId, Stage
from zaitaku.core.clock import Clock, is_within
from zaitaku.core.ephemeral import EphemeralStore, Fields
from zaitaku.core.ids import AccountId, FacilityId, new_secret_name, new_uuid

SessionName = NewType("SessionName", str)
"""What the browser holds: 128 random bits."""

IDLE: Final = timedelta(minutes=30)
ABSOLUTE: Final = timedelta(hours=12)
"""OWASP ASVS 5.0 §7.3 asks for both limits; the values are ours."""
HALF_OPEN: Final = timedelta(minutes=10)
"""So long a login may stand between its first and its second step."""
PROOF_LASTS: Final = timedelta(minutes=5)
"""So long after a password or passkey was shown the session may change how its owner logs in."""
DRAFT_KEPT: Final = timedelta(hours=2)
"""So long what was begun can be carried into the owner's next session, whatever ended this one."""
MOST_SESSIONS: Final = 20
"""Of one account at a time; one more ends the one that was used longest ago."""

_DRAFT_PREFIX: Final = "draft."


@dataclass(frozen=True)
class Session:
    """One living session, as the short-lived store has it."""

    name: SessionName
    id: SessionId
    account_id: AccountId
    facility_id: FacilityId
    seal: str
    stage: Stage
    method: Method
    started_at: datetime
    draft: Mapping[str, str]
    """What the person has begun but not finished, e.g. the change of a URL."""
    proved_at: datetime
    """When its owner last showed a password or a passkey."""
    device: str = ""
    former_login_at: datetime | None = None
    """When the account had logged in before; ``None``: never."""

    @property
    def whose(self) -> str:
        """What binds a challenge to this session: nobody else's answer is looked at."""
        return str(self.id)

    def is_proved(self, now: datetime) -> bool:
        """Tell whether its owner has shown a password or a passkey lately."""
        return is_within(PROOF_LASTS, self.proved_at, now)


@dataclass(frozen=True)
class Entrance:
    """How and on what somebody logs in."""

    stage: Stage = Stage.FULL
    method: Method = Method.PASSWORD
    device: str = ""
    """A few words about browser and system, for the owner's own list."""
    former_login_at: datetime | None = None


PASSWORD_ONLY: Final = Entrance()


@dataclass(frozen=True)
class ListedSession:
    """One of an account's living sessions, as its owner may see it."""

    id: SessionId
    device: str
    method: Method
    started_at: datetime
    seen_at: datetime


def seal_of(account: Account, settings_version: int) -> str:
    """Return the seal of a session that rests on this password and these settings."""
    return f"{settings_version}/{account.password_changed_at.astimezone(UTC).isoformat()}"


class Sessions:
    """Opens, resumes, lists and closes console sessions."""

    def __init__(self, *, ephemeral: EphemeralStore, clock: Clock) -> None:
        self._ephemeral = ephemeral
        self._clock = clock

    def open(
        self, account: Account, settings_version: int, entrance: Entrance = PASSWORD_ONLY
    ) -> SessionName:
        """Begin a session under a name that nobody has seen before (against fixation).

        Raises:
            StoreUnavailable: the short-lived store is away.
        """
        name, session_id = SessionName(new_secret_name()), SessionId(new_uuid())
        now = self._clock.now().isoformat()
        fields = {
            "id": str(session_id),
            "account": str(account.id),
            "facility": str(account.facility_id),
            "seal": seal_of(account, settings_version),
            "stage": entrance.stage.value,
            "method": entrance.method.value,
            "device": entrance.device,
            "former": _written(entrance.former_login_at),
            "started": now,
            "seen": now,
        }
        self._ephemeral.create(_key(name), fields, IDLE)
        if entrance.stage is Stage.FULL:
            self._list(account.id, session_id, _key(name))
        return name

    def _list(self, account_id: AccountId, session_id: SessionId, key: str) -> None:
        index, line = _index(account_id), {str(session_id): key}
        lines = self._ephemeral.merge(index, line, ABSOLUTE)
        if lines is None and not self._ephemeral.create(index, line, ABSOLUTE):
            lines = self._ephemeral.merge(index, line, ABSOLUTE)
        if lines is not None and len(lines) > MOST_SESSIONS:
            self._shorten(account_id, lines)

    def _shorten(self, account_id: AccountId, lines: Fields) -> None:
        found = {line: self._ephemeral.read(key) for line, key in lines.items()}
        dead = {line for line, fields in found.items() if fields is None}
        alive = sorted((fields["seen"], line) for line, fields in found.items() if fields)
        oldest = {line for _, line in alive[:-MOST_SESSIONS]}
        for line in oldest:
            self._ephemeral.delete(lines[line])
        self._ephemeral.discard(_index(account_id), dead | oldest)

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
        limit = ABSOLUTE if session.stage is Stage.FULL else HALF_OPEN
        if not is_within(limit, session.started_at, self._clock.now()):
            self.close(name)
            raise SessionEnded(SessionEnd.TOO_LONG if limit is ABSOLUTE else SessionEnd.UNFINISHED)
        return session

    def _renewed(self, name: SessionName) -> Fields | None:
        return self._ephemeral.merge(_key(name), {"seen": self._clock.now().isoformat()}, IDLE)

    def keep_draft(self, session: Session, draft: Mapping[str, str]) -> None:
        """Set fields of the draft; an empty value clears one.

        Raises:
            SessionEnded: the session ended meanwhile.
            StoreUnavailable: the short-lived store is away.
        """
        self._keep(session.name, session.account_id, draft)

    def _keep(self, name: SessionName, account_id: AccountId, draft: Mapping[str, str]) -> None:
        fields = {_DRAFT_PREFIX + field: value for field, value in draft.items()}
        merged = self._ephemeral.merge(_key(name), fields, IDLE)
        if merged is None:
            raise SessionEnded(SessionEnd.IDLE)
        whole = {"account": str(account_id), **_draft_fields(merged)}
        key = _draft_key(name)
        if self._ephemeral.merge(key, whole, DRAFT_KEPT) is None:
            self._ephemeral.create(key, whole, DRAFT_KEPT)

    def carry_draft(self, former: SessionName, name: SessionName, account: Account) -> None:
        """Move what a former session had begun into a new one of the same account.

        Another account's is forgotten.

        Raises:
            SessionEnded: the new session ended meanwhile.
            StoreUnavailable: the short-lived store is away.
        """
        fields = self._ephemeral.take(_draft_key(former))
        if fields and fields["account"] == str(account.id):
            self._keep(name, account.id, _draft(fields))

    def forget_draft(self, name: SessionName) -> None:
        """Throw away what a session had begun: its owner leaves for good.

        Raises:
            StoreUnavailable: the short-lived store is away.
        """
        self._ephemeral.delete(_draft_key(name))

    def note_proof(self, session: Session) -> None:
        """Remember that the session's owner has just shown a password or a passkey once more.

        Raises:
            SessionEnded: the session ended meanwhile.
            StoreUnavailable: the short-lived store is away.
        """
        proved = {"proved": self._clock.now().isoformat()}
        if self._ephemeral.merge(_key(session.name), proved, IDLE) is None:
            raise SessionEnded(SessionEnd.IDLE)

    def close(self, name: SessionName) -> None:
        """End a session at once; a dead one may be closed again.

        Raises:
            StoreUnavailable: the short-lived store is away.
        """
        self._ephemeral.delete(_key(name))

    def beside(self, session: Session) -> tuple[ListedSession, ...]:
        """Return the account's living sessions, ``session`` among them, the last used first.

        Raises:
            StoreUnavailable: the short-lived store is away.
        """
        found = (listed for _, listed in self._living(session))
        return tuple(sorted(found, key=lambda listed: listed.seen_at, reverse=True))

    def end(self, session: Session, session_id: SessionId) -> bool:
        """End one of the account's sessions from afar; tell whether it was still alive.

        Raises:
            StoreUnavailable: the short-lived store is away.
        """
        return self._end(session, {session_id}) == 1

    def end_others(self, session: Session) -> int:
        """End all of the account's sessions but ``session``; return how many were alive.

        Raises:
            StoreUnavailable: the short-lived store is away.
        """
        others = {listed.id for _, listed in self._living(session)} - {session.id}
        return self._end(session, others)

    def _end(self, session: Session, ids: set[SessionId]) -> int:
        ending = {listed.id: key for key, listed in self._living(session) if listed.id in ids}
        for key in ending.values():
            self._ephemeral.delete(key)
        self._ephemeral.discard(_index(session.account_id), {str(each) for each in ending})
        return len(ending)

    def _living(self, session: Session) -> Iterator[tuple[str, ListedSession]]:
        youngest = self._clock.now() - ABSOLUTE
        for key in (self._ephemeral.read(_index(session.account_id)) or {}).values():
            fields = self._ephemeral.read(key)
            if fields and fields["seal"] == session.seal:
                listed = _listed(fields)
                if listed.started_at > youngest:
                    yield key, listed


def _key(name: SessionName) -> str:
    return "console:" + hashlib.sha256(name.encode()).hexdigest()


def _draft_key(name: SessionName) -> str:
    return "console-draft:" + hashlib.sha256(name.encode()).hexdigest()


def _index(account_id: AccountId) -> str:
    return f"console-of:{account_id}"


def end_sessions_of(ephemeral: EphemeralStore, account_id: AccountId) -> None:
    """End all listed sessions of an account that was locked.

    One that the list has lost is refused as long as the account is locked.

    Raises:
        StoreUnavailable: the short-lived store is away.
    """
    for key in (ephemeral.take(_index(account_id)) or {}).values():
        ephemeral.delete(key)


def _draft_fields(fields: Fields) -> Fields:
    return {name: value for name, value in fields.items() if name.startswith(_DRAFT_PREFIX)}


def _draft(fields: Fields) -> Mapping[str, str]:
    drafted = _draft_fields(fields)
    return {name.removeprefix(_DRAFT_PREFIX): value for name, value in drafted.items() if value}


def _written(moment: datetime | None) -> str:
    return moment.isoformat() if moment else ""


def _session(name: SessionName, fields: Fields) -> Session:
    former = fields.get("former", "")
    return Session(
        name=name,
        id=SessionId(UUID(fields["id"])),
        account_id=AccountId(UUID(fields["account"])),
        facility_id=FacilityId(UUID(fields["facility"])),
        seal=fields["seal"],
        stage=Stage(fields["stage"]),
        method=Method(fields["method"]),
        started_at=datetime.fromisoformat(fields["started"]),
        draft=MappingProxyType(_draft(fields)),
        proved_at=datetime.fromisoformat(fields.get("proved", fields["started"])),
        device=fields["device"],
        former_login_at=datetime.fromisoformat(former) if former else None,
    )


def _listed(fields: Fields) -> ListedSession:
    return ListedSession(
        id=SessionId(UUID(fields["id"])),
        device=fields["device"],
        method=Method(fields["method"]),
        started_at=datetime.fromisoformat(fields["started"]),
        seen_at=datetime.fromisoformat(fields["seen"]),
    )
