"""Use cases on reception URLs: issue, show, rotate, revert, reset, resolve (domain.md §3)."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from zaitaku.core.clock import Clock
from zaitaku.core.database import Database
from zaitaku.core.errors import Conflict, InvalidField, NotFound
from zaitaku.core.ids import FacilityId, UrlVersionId, new_uuid
from zaitaku.core.texts import has_control_characters
from zaitaku.facilities.model import Channel
from zaitaku.facilities.store import lock_facility
from zaitaku.reception.errors import (
    CannotReset,
    CannotRevert,
    ChannelOff,
    UnknownUrl,
    UrlRetired,
)
from zaitaku.reception.model import (
    Handle,
    ReceptionContext,
    ReceptionUrl,
    UrlAct,
    UrlEvent,
    UrlVersion,
)
from zaitaku.reception.store import (
    ReceptionStore,
    context_by_handle,
    context_by_version,
    handle_exists,
    hold_pointer,
)
from zaitaku.reception.tokens import UrlTokens, new_handle, read_typed

REASON_CHARACTERS: Final = 200
ENTRY_PATH: Final = "/r/"
TYPED_PATH: Final = "/e"


@dataclass(frozen=True)
class _Change:
    act: UrlAct
    expected: UrlVersionId
    actor: str
    reason: str


class ReceptionService:
    """Reception URLs of all facilities; each use case is one transaction."""

    def __init__(self, *, database: Database, tokens: UrlTokens, origin: str, clock: Clock) -> None:
        self._database = database
        self._tokens = tokens
        self._origin = origin
        self._clock = clock

    @property
    def typed_address(self) -> str:
        """The page on which a version's number can be typed."""
        return self._origin + TYPED_PATH

    def address(self, version: UrlVersion) -> str:
        """Return the version's URL, under the newest key."""
        return self._origin + ENTRY_PATH + self._tokens.write(version.handle)

    def issue_first(self, connection: Connection, facility_id: FacilityId, actor: str) -> None:
        """Give a facility the first version of each channel's URL, where it has none yet."""
        lock_facility(connection, facility_id)
        store = ReceptionStore(connection, facility_id)
        for channel in Channel:
            if store.current_id(channel) is None:
                version = self._new_version(connection, facility_id, channel, 1, None)
                store.insert_version(version)
                store.insert_pointer(version)
                store.append_event(channel, _first_event(version, actor))

    def show(self, facility_id: FacilityId, channel: Channel) -> ReceptionUrl:
        """Return a channel's URL as it stands.

        Raises:
            NotFound: no URL was issued to such a facility.
        """
        with self._database.reading() as connection:
            return _standing(ReceptionStore(connection, facility_id), channel)

    def history(self, facility_id: FacilityId, channel: Channel) -> tuple[UrlEvent, ...]:
        """Return everything that ever happened to a channel's URL, oldest first."""
        with self._database.reading() as connection:
            return ReceptionStore(connection, facility_id).events(channel)

    def rotate(
        self,
        facility_id: FacilityId,
        channel: Channel,
        *,
        expected: UrlVersionId,
        actor: str,
        reason: str,
    ) -> ReceptionUrl:
        """Make a new version current (URLを変更する); the former one is refused from now on.

        Raises:
            Conflict: another version than ``expected`` is current by now; nothing was changed.
            InvalidField: the reason is empty, over 200 characters or holds control characters.
            NotFound: no URL was issued to such a facility.
        """
        change = _Change(UrlAct.ROTATE, expected, actor, _checked_reason(reason))
        return self._change(facility_id, channel, change)

    def revert(
        self,
        facility_id: FacilityId,
        channel: Channel,
        *,
        expected: UrlVersionId,
        actor: str,
        reason: str,
    ) -> ReceptionUrl:
        """Make the current version's predecessor current (URLを変更前に戻す).

        Raises:
            CannotRevert: the first version is current.
            Conflict, InvalidField, NotFound: as for ``rotate``.
        """
        change = _Change(UrlAct.REVERT, expected, actor, _checked_reason(reason))
        return self._change(facility_id, channel, change)

    def reset(
        self,
        facility_id: FacilityId,
        channel: Channel,
        *,
        expected: UrlVersionId,
        actor: str,
        reason: str,
    ) -> ReceptionUrl:
        """Make the first version current (最初のURLに戻す).

        Raises:
            CannotReset: the first version is current already.
            Conflict, InvalidField, NotFound: as for ``rotate``.
        """
        change = _Change(UrlAct.RESET, expected, actor, _checked_reason(reason))
        return self._change(facility_id, channel, change)

    def resolve(self, token: str) -> ReceptionContext:
        """Return where a URL's token leads; one query.

        Raises:
            UnknownUrl: the token is damaged, foreign or was never issued.
            UrlRetired: another version is current; ``context`` tells whose URL it was.
            ChannelOff: the facility does not use the channel.
        """
        handle = self._tokens.read(token)
        with self._database.reading() as connection:
            return _open(context_by_handle(connection, handle))

    def context_of(self, version_id: UrlVersionId) -> ReceptionContext:
        """Return where a version leads, for a journey under way; raises as ``resolve`` does."""
        with self._database.reading() as connection:
            return _open(context_by_version(connection, version_id))

    def resolve_number(self, typed: str) -> str:
        """Return the token of a number that a person typed (``1234-5678-901``).

        A retired number has its token too, so that its page can tell whose URL it was.

        Raises:
            UnknownUrl: the number is mistyped or was never issued.
        """
        handle = read_typed(typed)
        with self._database.reading() as connection:
            if not handle_exists(connection, handle):
                raise UnknownUrl("typed number: never issued")
        return self._tokens.write(handle)

    def lock_current(self, connection: Connection, version_id: UrlVersionId) -> ReceptionContext:
        """Check a version inside a registering transaction and keep it current until its end.

        Raises:
            UnknownUrl, UrlRetired, ChannelOff: as ``resolve`` does.
        """
        hold_pointer(connection, version_id)
        return _open(context_by_version(connection, version_id))

    def _change(self, facility_id: FacilityId, channel: Channel, change: _Change) -> ReceptionUrl:
        with self._database.transaction() as connection:
            store = ReceptionStore(connection, facility_id)
            store.lock(channel)
            present = _standing(store, channel)
            if present.current.id != change.expected:
                raise Conflict(f"version {present.current.number} is current")
            target = self._target(connection, store, present, change.act)
            store.move_pointer(target)
            store.append_event(channel, self._event(change, present.current, target))
            return _standing(store, channel)

    def _target(
        self, connection: Connection, store: ReceptionStore, present: ReceptionUrl, act: UrlAct
    ) -> UrlVersion:
        if act is UrlAct.REVERT:
            return _previous_of(present)
        if act is UrlAct.RESET:
            return _first_of(present)
        current = present.current
        made = self._new_version(
            connection,
            current.facility_id,
            current.channel,
            len(store.versions(current.channel)) + 1,
            current.id,
        )
        store.insert_version(made)
        return made

    def _new_version(
        self,
        connection: Connection,
        facility_id: FacilityId,
        channel: Channel,
        number: int,
        predecessor: UrlVersionId | None,
    ) -> UrlVersion:
        return UrlVersion(
            id=UrlVersionId(new_uuid()),
            facility_id=facility_id,
            channel=channel,
            number=number,
            handle=_free_handle(connection),
            predecessor=predecessor,
            created_at=self._clock.now(),
        )

    def _event(self, change: _Change, source: UrlVersion, target: UrlVersion) -> UrlEvent:
        return UrlEvent(
            act=change.act,
            from_number=source.number,
            to_number=target.number,
            actor=change.actor,
            at=self._clock.now(),
            reason=change.reason,
        )


def _first_event(version: UrlVersion, actor: str) -> UrlEvent:
    return UrlEvent(
        act=UrlAct.ISSUE,
        from_number=None,
        to_number=version.number,
        actor=actor,
        at=version.created_at,
        reason="",
    )


def _standing(store: ReceptionStore, channel: Channel) -> ReceptionUrl:
    current_id = store.current_id(channel)
    if current_id is None:
        raise NotFound("reception URL")
    versions = store.versions(channel)
    by_id = {version.id: version for version in versions}
    current = by_id[current_id]
    previous = None if current.predecessor is None else by_id[current.predecessor]
    return ReceptionUrl(channel, current, first=versions[0], previous=previous)


def _previous_of(present: ReceptionUrl) -> UrlVersion:
    if present.previous is None:
        raise CannotRevert
    return present.previous


def _first_of(present: ReceptionUrl) -> UrlVersion:
    if not present.can_reset:
        raise CannotReset
    return present.first


def _free_handle(connection: Connection) -> Handle:
    handle = new_handle()
    while handle_exists(connection, handle):
        handle = new_handle()
    return handle


def _open(context: ReceptionContext | None) -> ReceptionContext:
    if context is None:
        raise UnknownUrl("never issued")
    if not context.is_current:
        raise UrlRetired(context)
    if not context.facility.settings.is_on(context.channel):
        raise ChannelOff(context)
    return context


def _checked_reason(reason: str) -> str:
    tidy = " ".join(reason.split())
    if not tidy:
        raise InvalidField("reason", "required")
    if len(tidy) > REASON_CHARACTERS:
        raise InvalidField("reason", "too-long")
    if has_control_characters(tidy):
        raise InvalidField("reason", "characters")
    return tidy
