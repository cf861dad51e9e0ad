"""Use cases on reception URLs: issue, show, change, resolve (domain.md §3)."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

from sqlalchemy import Connection

from zaitaku.audit.model import Act
from zaitaku.audit.store import append
from zaitaku.core.asking import Row
from zaitaku.core.clock import Clock, japan_date
from zaitaku.core.database import Database
from zaitaku.core.errors import Conflict, InvalidField, NotFound
from zaitaku.core.ids import FacilityId, UrlVersionId, new_uuid
from zaitaku.core.texts import has_control_characters
from zaitaku.facilities.channels import SHORT_CHANNEL_NAMES
from zaitaku.facilities.model import Channel
from zaitaku.facilities.store import lock_facility
from zaitaku.reception.errors import (
    CannotReset,
    CannotRevert,
    ChannelOff,
    ReceptionNotBegun,
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
from zaitaku.reception.posters.model import NO_POSTER, PosterNumber
from zaitaku.reception.store import (
    ReceptionStore,
    context_by_handle,
    context_by_version,
    context_found,
    handle_exists,
)
from zaitaku.reception.tokens import UrlTokens, new_handle, read_typed, split_mark

REASON_CHARACTERS: Final = 200
ENTRY_PATH: Final = "/r/"
TYPED_PATH: Final = "/e"


_AUDITED: Final = {
    UrlAct.ISSUE: Act.ISSUE_URL,
    UrlAct.ROTATE: Act.ROTATE_URL,
    UrlAct.REVERT: Act.REVERT_URL,
    UrlAct.RESET: Act.RESET_URL,
}


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

    def address(self, version: UrlVersion, number: PosterNumber = NO_POSTER) -> str:
        """Return the version's URL, under the newest key; with a named poster's mark, if any."""
        mark = self._tokens.write_mark(version.handle, number)
        return self._origin + self.path(version.handle) + mark

    def path(self, handle: Handle) -> str:
        """Return the path of the URL of the version that ``handle`` names, under the newest key."""
        return ENTRY_PATH + self._tokens.write(handle)

    def issue_first(
        self, connection: Connection, facility_id: FacilityId, actor: str
    ) -> Mapping[Channel, UrlVersion]:
        """Give a facility the first version of each channel's URL, where it has none yet.

        Returned is what was issued now.
        """
        lock_facility(connection, facility_id)
        store, issued = ReceptionStore(connection, facility_id), {}
        for channel in Channel:
            if store.current_id(channel) is None:
                version = self._new_version(connection, facility_id, channel, 1, None)
                store.insert_version(version)
                store.insert_pointer(version)
                _record(connection, facility_id, channel, _first_event(version, actor))
                issued[channel] = version
        return issued

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

    def change(
        self,
        act: UrlAct,
        facility_id: FacilityId,
        channel: Channel,
        *,
        expected: UrlVersionId,
        actor: str,
        reason: str,
    ) -> ReceptionUrl:
        """Make another version current; the former one is refused from now on.

        ``ROTATE`` makes a new version (URLを変更する), ``REVERT`` goes to the current one's
        predecessor (URLを変更前に戻す), ``RESET`` to the first (最初のURLに戻す).

        Raises:
            CannotRevert, CannotReset: the first version is current.
            Conflict: another version than ``expected`` is current by now; nothing was changed.
            InvalidField: the reason is empty, over 200 characters or holds control characters.
            NotFound: no URL was issued to such a facility.
        """
        tidy = _checked_reason(reason)
        with self._database.transaction() as connection:
            store = ReceptionStore(connection, facility_id)
            store.lock(channel)
            present = _standing(store, channel)
            if present.current.id != expected:
                raise Conflict(f"version {present.current.number} is current")
            target = self._target(connection, store, present, act)
            store.move_pointer(target)
            event = UrlEvent(
                act=act,
                from_number=present.current.number,
                to_number=target.number,
                actor=actor,
                at=self._clock.now(),
                reason=tidy,
            )
            _record(connection, facility_id, channel, event)
            return _standing(store, channel)

    def resolve(self, token: str) -> ReceptionContext:
        """Return where a URL's token leads, whatever mark follows it; one query.

        Raises:
            UnknownUrl: the token is damaged, foreign or was never issued.
            UrlRetired: another version is current; ``context`` tells whose URL it was.
            ReceptionNotBegun: the facility's 利用開始日 has not come.
            ChannelOff: the facility does not use the channel.
        """
        handle = self._tokens.read(split_mark(token)[0])
        return self._open(context_by_handle(self._database, handle))

    def poster_of(self, context: ReceptionContext, token: str) -> PosterNumber:
        """Return the poster whose mark follows the token that led to ``context``."""
        return self._tokens.read_mark(context.version.handle, split_mark(token)[1])

    def context_of(self, version_id: UrlVersionId) -> ReceptionContext:
        """Return where a version leads, for a journey under way; raises as ``resolve`` does."""
        return self._open(context_by_version(self._database, version_id))

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

    def opened(self, rows: Sequence[Row]) -> ReceptionContext:
        """Return where a version leads that a transaction holds (``held_context``).

        Raises:
            UnknownUrl, UrlRetired, ReceptionNotBegun, ChannelOff: as ``resolve`` does.
        """
        return self._open(context_found(rows))

    def _open(self, context: ReceptionContext | None) -> ReceptionContext:
        return _open(context, japan_date(self._clock.now()))

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


def _first_event(version: UrlVersion, actor: str) -> UrlEvent:
    return UrlEvent(
        act=UrlAct.ISSUE,
        from_number=None,
        to_number=version.number,
        actor=actor,
        at=version.created_at,
        reason="",
    )


def _record(
    connection: Connection, facility_id: FacilityId, channel: Channel, event: UrlEvent
) -> None:
    """Add to the URL's history and to the audit trail; the caller holds the lock."""
    ReceptionStore(connection, facility_id).append_event(channel, event)
    append(
        connection,
        facility_id,
        _AUDITED[event.act],
        actor=event.actor,
        at=event.at,
        subject=SHORT_CHANNEL_NAMES[channel],
        detail=_detail_of(event),
    )


def _detail_of(event: UrlEvent) -> dict[str, str]:
    before = {} if event.from_number is None else {"変更前": f"第{event.from_number}版"}
    reason = {"理由": event.reason} if event.reason else {}
    return {**before, "変更後": f"第{event.to_number}版", **reason}


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


def _open(context: ReceptionContext | None, today: date) -> ReceptionContext:
    if context is None:
        raise UnknownUrl("never issued")
    if not context.is_current:
        raise UrlRetired(context)
    if not context.facility.has_begun(today):
        raise ReceptionNotBegun(context)
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
