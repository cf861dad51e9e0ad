"""Reception URLs in the durable store.

``url_version`` and ``url_event`` only ever grow. ``reception_url`` is the pointer to the current
version: whoever changes it locks its row, and whoever registers holds that row meanwhile, so no
registration can slip in after its URL is retired.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    RowMapping,
    Select,
    String,
    Table,
    UniqueConstraint,
    Uuid,
    bindparam,
    func,
    select,
)

from zaitaku.core.append_only import guard
from zaitaku.core.asking import Question, Row
from zaitaku.core.database import Database, Moment, metadata
from zaitaku.core.ids import FacilityId, UrlVersionId
from zaitaku.core.together import Command, Work
from zaitaku.facilities.model import Channel
from zaitaku.facilities.store import (
    CURRENT_SETTINGS,
    FACILITY_COLUMNS,
    environment_settings,
    facility,
    facility_from,
)
from zaitaku.reception.model import Handle, ReceptionContext, UrlAct, UrlEvent, UrlVersion

url_version = Table(
    "url_version",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("facility_id", Uuid, ForeignKey("facility.id"), nullable=False),
    Column("channel", String(16), nullable=False),
    Column("number", Integer, nullable=False),
    Column("handle", String(11), nullable=False, unique=True),
    Column("predecessor", Uuid, ForeignKey("url_version.id")),
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("facility_id", "channel", "number"),
)
guard(url_version)

reception_url = Table(
    "reception_url",
    metadata,
    Column("facility_id", Uuid, ForeignKey("facility.id"), primary_key=True),
    Column("channel", String(16), primary_key=True),
    Column("current_id", Uuid, ForeignKey("url_version.id"), nullable=False),
)

url_event = Table(
    "url_event",
    metadata,
    Column("facility_id", Uuid, primary_key=True),
    Column("channel", String(16), primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("act", String(16), nullable=False),
    Column("from_number", Integer),
    Column("to_number", Integer, nullable=False),
    Column("actor", String(100), nullable=False),
    Column("at", Moment, nullable=False),
    Column("reason", String(200), nullable=False),
    ForeignKeyConstraint(
        ["facility_id", "channel"], ["reception_url.facility_id", "reception_url.channel"]
    ),
)
guard(url_event)

url_image = Table(
    "url_image",
    metadata,
    Column("version_id", Uuid, ForeignKey("url_version.id"), primary_key=True),
    Column("address", String(512), primary_key=True),
    Column("png", LargeBinary, nullable=False),
    Column("created_at", Moment, nullable=False),
)

_VERSION_COLUMNS = (
    url_version.c.id.label("version_id"),
    url_version.c.channel,
    url_version.c.number,
    url_version.c.handle,
    url_version.c.predecessor,
    url_version.c.created_at.label("version_created_at"),
)
_POINTER = (reception_url.c.facility_id == url_version.c.facility_id) & (
    reception_url.c.channel == url_version.c.channel
)
_CONTEXT = (
    select(*FACILITY_COLUMNS, *_VERSION_COLUMNS, reception_url.c.current_id)
    .join_from(url_version, reception_url, _POINTER)
    .join(facility, facility.c.id == url_version.c.facility_id)
    .join(environment_settings, CURRENT_SETTINGS)
)
# Made once: every page of the wizard asks one of these, and building a query costs more than it.
_CONTEXT_OF_HANDLE: Final = Question(_CONTEXT.where(url_version.c.handle == bindparam("handle")))
_OF_VERSION: Final = _CONTEXT.where(url_version.c.id == bindparam("version"))
_CONTEXT_OF_VERSION: Final = Question(_OF_VERSION)
_SEE_CONTEXT: Final = Command(_OF_VERSION)
_HOLD_POINTER: Final = Command(
    select(reception_url.c.current_id)
    .join_from(url_version, reception_url, _POINTER)
    .join(facility, facility.c.id == url_version.c.facility_id)
    .where(url_version.c.id == bindparam("version"))
    .with_for_update(read=True, of=[reception_url, facility])
)


def context_by_handle(database: Database, handle: Handle) -> ReceptionContext | None:
    """Return where a handle leads, in one question: a URL is what names the facility."""
    return _context_from(next(iter(database.ask(_CONTEXT_OF_HANDLE, handle=handle)), None))


def context_by_version(database: Database, version_id: UrlVersionId) -> ReceptionContext | None:
    """Return where a version leads, in one question."""
    return _context_from(next(iter(database.ask(_CONTEXT_OF_VERSION, version=version_id)), None))


def context_beside(fact: ColumnElement[Any]) -> Question:
    """Return the question where a version (``version``) leads, with ``fact`` as one more column.

    ``context_found`` reads the rest.
    """
    return Question(_OF_VERSION.add_columns(fact))


def contexts_of(table: Table) -> Select[Any]:
    """Return what selects where the versions lead that the rows of ``table`` name."""
    return _CONTEXT.join(table, table.c.url_version_id == url_version.c.id)


def held_context(version_id: UrlVersionId) -> tuple[Work, Work]:
    """Return what a transaction does to keep a version current and to see where it leads.

    First changes of the version's URL, and of the facility's settings, are made to wait for the
    transaction: a lock alone, because what was waited for is only seen by the next statement
    (PostgreSQL, READ COMMITTED). SQLite has one writer at a time, so there is nothing to lock.
    ``context_found`` reads what the second finds.
    """
    return _HOLD_POINTER(version=version_id), _SEE_CONTEXT(version=version_id)


def context_found(rows: Sequence[Row]) -> ReceptionContext | None:
    """Return where a version leads, from what was found of it."""
    return _context_from(next(iter(rows), None))


class ReceptionStore:
    """The URLs of one facility."""

    def __init__(self, connection: Connection, facility_id: FacilityId) -> None:
        self._connection = connection
        self._facility_id = facility_id

    def lock(self, channel: Channel) -> None:
        """Make other changes of the channel's URL, and registrations on it, wait for this one."""
        pointer = select(reception_url.c.current_id).where(*self._of(reception_url, channel))
        self._connection.execute(pointer.with_for_update(key_share=True))

    def versions(self, channel: Channel) -> tuple[UrlVersion, ...]:
        """Return every version ever made, the first one first."""
        query = (
            select(url_version.c.facility_id, *_VERSION_COLUMNS)
            .where(*self._of(url_version, channel))
            .order_by(url_version.c.number)
        )
        return tuple(_version_from(row) for row in self._connection.execute(query).mappings())

    def current_id(self, channel: Channel) -> UrlVersionId | None:
        """Return the current version's name; ``None`` before the first issue."""
        pointer = select(reception_url.c.current_id).where(*self._of(reception_url, channel))
        found = self._connection.execute(pointer).scalar_one_or_none()
        return None if found is None else UrlVersionId(found)

    def insert_version(self, version: UrlVersion) -> None:
        """Keep a new version."""
        self._connection.execute(
            url_version.insert().values(
                id=version.id,
                facility_id=self._facility_id,
                channel=version.channel,
                number=version.number,
                handle=version.handle,
                predecessor=version.predecessor,
                created_at=version.created_at,
            )
        )

    def insert_pointer(self, version: UrlVersion) -> None:
        """Make the first version current."""
        self._connection.execute(
            reception_url.insert().values(
                facility_id=self._facility_id, channel=version.channel, current_id=version.id
            )
        )

    def move_pointer(self, version: UrlVersion) -> None:
        """Make a version current; the caller holds the lock."""
        self._connection.execute(
            reception_url.update()
            .where(*self._of(reception_url, version.channel))
            .values(current_id=version.id)
        )

    def append_event(self, channel: Channel, event: UrlEvent) -> None:
        """Add a line to the history; the caller holds the lock."""
        last = select(func.coalesce(func.max(url_event.c.sequence), 0)).where(
            *self._of(url_event, channel)
        )
        self._connection.execute(
            url_event.insert().values(
                facility_id=self._facility_id,
                channel=channel,
                sequence=self._connection.execute(last).scalar_one() + 1,
                act=event.act,
                from_number=event.from_number,
                to_number=event.to_number,
                actor=event.actor,
                at=event.at,
                reason=event.reason,
            )
        )

    def events(self, channel: Channel) -> tuple[UrlEvent, ...]:
        """Return the whole history, oldest first."""
        query = (
            select(url_event).where(*self._of(url_event, channel)).order_by(url_event.c.sequence)
        )
        return tuple(_event_from(row) for row in self._connection.execute(query).mappings())

    def _of(self, table: Table, channel: Channel) -> tuple[Any, Any]:
        return (table.c.facility_id == self._facility_id, table.c.channel == channel)


class ImageStore:
    """QR images, made once for each version and address."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, version_id: UrlVersionId, address: str) -> bytes | None:
        """Return the image of an address, if it was made."""
        query = select(url_image.c.png).where(
            url_image.c.version_id == version_id, url_image.c.address == address
        )
        found: bytes | None = self._connection.execute(query).scalar_one_or_none()
        return found

    def insert(self, version_id: UrlVersionId, address: str, png: bytes, at: datetime) -> None:
        """Keep an image; ``IntegrityError`` when another process was faster."""
        self._connection.execute(
            url_image.insert().values(
                version_id=version_id, address=address, png=png, created_at=at
            )
        )


def handle_exists(connection: Connection, handle: Handle) -> bool:
    """Tell whether any facility has, or ever had, a version of this handle."""
    found = connection.execute(select(url_version.c.id).where(url_version.c.handle == handle))
    return found.first() is not None


def _context_from(row: Row | None) -> ReceptionContext | None:
    if row is None:
        return None
    version = _version_from(row)
    return ReceptionContext(
        facility=facility_from(row),
        channel=version.channel,
        version=version,
        is_current=row["current_id"] == version.id,
    )


def _version_from(row: Row) -> UrlVersion:
    predecessor = row["predecessor"]
    return UrlVersion(
        id=UrlVersionId(row["version_id"]),
        facility_id=FacilityId(row["facility_id"]),
        channel=Channel(row["channel"]),
        number=row["number"],
        handle=Handle(row["handle"]),
        predecessor=None if predecessor is None else UrlVersionId(predecessor),
        created_at=row["version_created_at"],
    )


def _event_from(row: RowMapping) -> UrlEvent:
    values: Mapping[str, Any] = {
        name: row[name] for name in ("from_number", "to_number", "actor", "at", "reason")
    }
    return UrlEvent(act=UrlAct(row["act"]), **values)
