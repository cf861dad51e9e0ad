"""Named posters, what was printed of them, and how often each way in was used.

Counts are numbers of a day; nothing in them tells one person from another.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Date,
    Executable,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    RowMapping,
    String,
    Table,
    Uuid,
    case,
    false,
    func,
    literal,
    select,
)
from sqlalchemy.dialects.postgresql import Insert as _PostgresqlInsert
from sqlalchemy.dialects.sqlite import Insert as _SqliteInsert

from zaitaku.core.append_only import guard
from zaitaku.core.database import Moment, metadata
from zaitaku.core.ids import FacilityId, UrlVersionId, new_uuid
from zaitaku.core.together import Command, Work
from zaitaku.facilities.model import Channel
from zaitaku.reception.posters.model import Poster, PosterNumber, Print
from zaitaku.reception.store import url_version

STREAM_ROWS: Final = 500

poster: Final = Table(
    "poster",
    metadata,
    Column("facility_id", Uuid, primary_key=True),
    Column("channel", String(16), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("name", String(20), nullable=False),
    Column("note", String(100), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("archived_at", Moment),
    Column("revision", Integer, nullable=False),
    ForeignKeyConstraint(
        ["facility_id", "channel"], ["reception_url.facility_id", "reception_url.channel"]
    ),
)

url_print: Final = Table(
    "url_print",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("facility_id", Uuid, ForeignKey("facility.id"), nullable=False),
    Column("version_id", Uuid, ForeignKey("url_version.id"), nullable=False),
    Column("poster_number", Integer, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("at", Moment, nullable=False),
    Column("actor", String(100), nullable=False),
    Index(None, "version_id", "poster_number"),
)
guard(url_print)

url_use: Final = Table(
    "url_use",
    metadata,
    Column("version_id", Uuid, ForeignKey("url_version.id"), primary_key=True),
    Column("poster_number", Integer, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("scans", Integer, nullable=False),
    Column("completions", Integer, nullable=False),
    Index("ix_url_use_day", "day"),
)


@dataclass(frozen=True)
class Source:
    """How often one version of a URL was used by one way in."""

    version_number: int
    poster_number: PosterNumber
    scans: int
    completions: int
    last_scanned: date | None
    late_scans: int
    """Of the scans, those on days after the one on which the version was retired.

    Uses are kept by day, so on that day itself before and after cannot be told apart.
    """


def use_added(
    version_id: UrlVersionId,
    poster_number: PosterNumber,
    day: date,
    *,
    scans: int = 0,
    completions: int = 0,
) -> Work:
    """Return the adding to the counts of a day: one statement, whoever else counts meanwhile."""
    return _ADD_USE(
        version_id=version_id,
        poster_number=int(poster_number),
        day=day,
        scans=scans,
        completions=completions,
    )


def _adding(insert: type[_PostgresqlInsert] | type[_SqliteInsert]) -> Executable:
    row = insert(url_use)
    more = {name: url_use.c[name] + row.excluded[name] for name in ("scans", "completions")}
    return row.on_conflict_do_update(index_elements=_USE_KEY, set_=more)


_USE_KEY: Final = ("version_id", "poster_number", "day")
_ADD_USE: Final = Command(
    _adding(_PostgresqlInsert), *url_use.columns.keys(), sqlite=_adding(_SqliteInsert)
)


def forget_uses_before(connection: Connection, day: date) -> int:
    """Remove all facilities' counts of earlier days; return how many rows there were."""
    return connection.execute(url_use.delete().where(url_use.c.day < day)).rowcount


class PosterStore:
    """The posters of one facility."""

    def __init__(self, connection: Connection, facility_id: FacilityId) -> None:
        self._connection = connection
        self._facility_id = facility_id

    def all(self, channel: Channel) -> tuple[Poster, ...]:
        """Return every poster ever made, in the order of their numbers."""
        query = select(poster).where(*self._of(channel)).order_by(poster.c.number)
        return tuple(_poster_from(row) for row in self._connection.execute(query).mappings())

    def insert(self, new: Poster) -> None:
        """Keep a new poster."""
        self._connection.execute(
            poster.insert().values(
                facility_id=self._facility_id,
                channel=new.channel,
                number=new.number,
                created_at=new.created_at,
                **_changing(new),
            )
        )

    def replace(self, changed: Poster) -> None:
        """Keep what may change of a poster; the caller holds the channel's lock."""
        self._connection.execute(
            poster.update()
            .where(*self._of(changed.channel), poster.c.number == changed.number)
            .values(**_changing(changed))
        )

    def append_print(
        self, version_id: UrlVersionId, number: PosterNumber, kind: str, *, at: datetime, actor: str
    ) -> None:
        """Record that a file of a version was taken to be printed or published."""
        self._connection.execute(
            url_print.insert().values(
                id=new_uuid(),
                facility_id=self._facility_id,
                version_id=version_id,
                poster_number=number,
                kind=kind,
                at=at,
                actor=actor,
            )
        )

    def prints(self, version_id: UrlVersionId) -> tuple[Print, ...]:
        """Return how often each kind of file was taken of a version, and when last."""
        shown = (url_print.c.poster_number, url_print.c.kind)
        query = (
            select(*shown, func.count().label("times"), func.max(url_print.c.at).label("last"))
            .where(url_print.c.facility_id == self._facility_id)
            .where(url_print.c.version_id == version_id)
            .group_by(*shown)
            .order_by(*shown)
        )
        return tuple(_print_from(row) for row in self._connection.execute(query).mappings())

    def _of(self, channel: Channel) -> tuple[Any, Any]:
        return poster.c.facility_id == self._facility_id, poster.c.channel == channel


class UseStore:
    """The counts of one facility's channel."""

    def __init__(self, connection: Connection, facility_id: FacilityId, channel: Channel) -> None:
        self._connection = connection
        self._of = (
            url_version.c.facility_id == facility_id,
            url_version.c.channel == channel,
            url_version.c.id == url_use.c.version_id,
        )

    def days(
        self, first: date, last: date, number: PosterNumber | None = None
    ) -> Mapping[date, tuple[int, int]]:
        """Return scans and completions of each day that has any, both ends included."""
        query = (
            select(url_use.c.day, func.sum(url_use.c.scans), func.sum(url_use.c.completions))
            .where(*self._of, url_use.c.day.between(first, last))
            .group_by(url_use.c.day)
        )
        if number is not None:
            query = query.where(url_use.c.poster_number == number)
        return {
            day: (int(scans), int(done)) for day, scans, done in self._connection.execute(query)
        }

    def sources(self, first: date, last: date, retired: Mapping[int, date]) -> tuple[Source, ...]:
        """Return the sums of each version and poster within the days, both ends included.

        ``retired`` are the days on which versions stopped working, by their numbers.
        """
        shown = (url_version.c.number, url_use.c.poster_number)
        late = func.sum(case((_is_late(retired), url_use.c.scans), else_=0))
        counted = (func.sum(url_use.c.scans), func.sum(url_use.c.completions), late)
        scanned = func.max(url_use.c.day).filter(url_use.c.scans > 0)
        query = (
            select(*shown, *counted, scanned)
            .where(*self._of, url_use.c.day.between(first, last))
            .group_by(*shown)
            .order_by(*shown)
        )
        return tuple(
            Source(version, PosterNumber(number), int(scans), int(done), last_day, int(late_ones))
            for version, number, scans, done, late_ones, last_day in self._connection.execute(query)
        )

    def lines(self, first: date, last: date) -> Iterator[tuple[date, int, PosterNumber, int, int]]:
        """Yield day, version, poster, scans and completions of the days, both ends included."""
        shown = (url_use.c.day, url_version.c.number, url_use.c.poster_number)
        query = (
            select(*shown, url_use.c.scans, url_use.c.completions)
            .where(*self._of, url_use.c.day.between(first, last))
            .order_by(*shown)
            .execution_options(yield_per=STREAM_ROWS)
        )
        with self._connection.execute(query) as result:
            for day, version, number, scans, done in result:
                yield day, version, PosterNumber(number), scans, done


def _is_late(retired: Mapping[int, date]) -> ColumnElement[bool]:
    if not retired:
        return false()
    days = {number: literal(day, Date) for number, day in retired.items()}
    # A version without a day works still: the comparison is then with nothing, and never true.
    return url_use.c.day > case(days, value=url_version.c.number)


def _changing(kept: Poster) -> dict[str, Any]:
    return {
        "name": kept.name,
        "note": kept.note,
        "archived_at": kept.archived_at,
        "revision": kept.revision,
    }


def _poster_from(row: RowMapping) -> Poster:
    return Poster(
        channel=Channel(row["channel"]),
        number=PosterNumber(row["number"]),
        name=row["name"],
        note=row["note"],
        created_at=row["created_at"],
        archived_at=row["archived_at"],
        revision=row["revision"],
    )


def _print_from(row: RowMapping) -> Print:
    return Print(PosterNumber(row["poster_number"]), row["kind"], row["times"], row["last"])
