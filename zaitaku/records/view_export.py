"""医療情報閲覧履歴 as files: a CSV of 25,000 rows at most, or an archive of such."""

import hashlib
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain, islice
from typing import Final
from uuid import UUID

from zaitaku.audit.model import Act
from zaitaku.audit.store import append
from zaitaku.core.archives import ARCHIVE_TYPE, zipped
from zaitaku.core.clock import JST, Clock, japan_date
from zaitaku.core.database import Database
from zaitaku.core.ids import FacilityId
from zaitaku.core.spreadsheets import Codec, encode_row, file_start
from zaitaku.facilities.model import Facility
from zaitaku.facilities.service import FacilityService
from zaitaku.jobs.context import JobContext
from zaitaku.jobs.model import Job
from zaitaku.records.detail import Person
from zaitaku.records.errors import TooManyRows
from zaitaku.records.listing import WITHHELD_NAME
from zaitaku.records.view_history import (
    MOST_ROWS,
    HistoryPage,
    HistoryQuery,
    ViewedRow,
    ViewHistory,
)
from zaitaku.records.view_kinds import KIND_NAMES, PART_NAMES

NOT_OBTAINED: Final = "（未取得）"
MADE: Final = "made"
BATCH_ROWS: Final = 1_000
_WITHHELD: Final = "withheld"
"""Under which a job's counts keep who was withheld when its archive was begun (``_mark``)."""
_MARK_BYTES: Final = 6

Column = Callable[[ViewedRow], str]


def file_name(facility: Facility, at: datetime, suffix: str) -> str:
    """Return the name under which a file is saved."""
    return f"医療情報閲覧履歴_{facility.code}_{japan_date(at):%Y%m%d}{suffix}"


def csv_lines(rows: Iterable[ViewedRow], codec: Codec) -> Generator[bytes, None, None]:
    """Yield the file line by line, the headings first."""
    yield file_start(codec) + encode_row(_COLUMNS.keys(), codec)
    for row in rows:
        yield encode_row((column(row) for column in _COLUMNS.values()), codec)


@dataclass(frozen=True)
class ViewHistoryService:
    """The histories of all facilities."""

    database: Database
    clock: Clock

    def page(self, facility_id: FacilityId, query: HistoryQuery) -> HistoryPage:
        """Return one page of what is found."""
        with self.database.reading() as connection:
            return ViewHistory(connection, facility_id).page(query)

    def export(
        self, facility_id: FacilityId, query: HistoryQuery, *, codec: Codec
    ) -> Generator[bytes, None, None]:
        """Yield what is found as CSV while it is read.

        Whoever hands the file out calls ``note_export`` first, when it is whole.

        Raises:
            TooManyRows: it would be more than 25,000 rows.
            StoreUnavailable: the database is away.
        """
        with self.database.reading() as connection:
            if ViewHistory(connection, facility_id).count(query, at_most=MOST_ROWS + 1) > MOST_ROWS:
                raise TooManyRows
        with self.database.reading() as connection:
            found = ViewHistory(connection, facility_id).stream(query)
            with closing(found) as rows:
                first = list(islice(rows, 1))
                yield from csv_lines(chain(first, rows), codec)

    def is_outdated(self, job: Job) -> bool:
        """Tell whether the archive that ``job`` made may name somebody who is withheld now."""
        with self.database.reading() as connection:
            withheld = ViewHistory(connection, job.facility_id).withheld()
        return bool(withheld) and _mark(withheld) != job.counts.get(_WITHHELD)

    def note_export(self, facility_id: FacilityId, *, actor: str) -> None:
        """Record that a file of the history was made and is handed out.

        Raises:
            StoreUnavailable: the database is away; without the record nobody gets the file.
        """
        at = self.clock.now()
        with self.database.transaction() as connection:
            append(connection, facility_id, Act.EXPORT_VIEW_HISTORY, actor=actor, at=at)


@dataclass(frozen=True)
class ViewHistoryArchive:
    """Makes the archive of a history of any length; the job's parameters are the query."""

    database: Database
    facilities: FacilityService
    clock: Clock

    def __call__(self, context: JobContext) -> None:
        """Make the parts and keep the archive; its record and the job's end are one transaction.

        Raises:
            JobLost, StoreUnavailable: as the context's methods do.
            InvalidField: the parameters are no query.
            NotFound: the facility is gone.
        """
        facility = self.facilities.get(context.job.facility_id)
        now = self.clock.now()
        asked = HistoryQuery.from_mapping(context.parameters)
        # What comes after this moment belongs to another file, whatever ends later.
        query = replace(asked, end=min(asked.end, now) if asked.end else now)
        with self.database.reading() as connection:
            history = ViewHistory(connection, facility.id)
            # Before a line is read: who becomes withheld meanwhile outdates what is being made.
            withheld, total = history.withheld(), history.count(query)
        rows = self._rows(facility, query, lambda done: context.progress(done, total))
        parts = _Parts(facility, now, rows)
        name = file_name(facility, now, ".zip")
        context.write_result(name, ARCHIVE_TYPE, zipped(parts.files(), at=now))
        counts = {"rows": total, "parts": parts.count}
        with self.database.reading() as connection:
            # Who was shown meanwhile may be named: without a mark whoever is withheld outdates it.
            if ViewHistory(connection, facility.id).withheld() == withheld:
                counts[_WITHHELD] = _mark(withheld)
        context.outcome(MADE, counts)
        with context.transaction() as connection:
            context.finish(connection)
            append(
                connection,
                facility.id,
                Act.EXPORT_VIEW_HISTORY,
                actor=context.job.actor,
                at=self.clock.now(),
                subject=context.job.reference,
            )

    def _rows(
        self, facility: Facility, query: HistoryQuery, progress: Callable[[int], None]
    ) -> Iterator[ViewedRow]:
        last, done = None, 0
        while True:
            with self.database.reading() as connection:
                history = ViewHistory(connection, facility.id)
                batch = history.following(query, last, at_most=BATCH_ROWS)
            yield from batch
            if len(batch) < BATCH_ROWS:
                return
            last, done = batch[-1], done + len(batch)
            progress(done)


class _Parts:
    """The files of one archive; at least one, be it only headings."""

    def __init__(self, facility: Facility, at: datetime, rows: Iterator[ViewedRow]) -> None:
        self.count = 0
        self._facility = facility
        self._at = at
        self._rows = rows

    def files(self) -> Iterator[tuple[str, Iterator[bytes]]]:
        """Yield each file's name and content; a content is read before the next is asked for."""
        codec = self._facility.settings.character_set.codec
        following: ViewedRow | None = next(self._rows, None)
        while following is not None or self.count == 0:
            self.count += 1
            begin = [] if following is None else [following]
            rows = chain(begin, islice(self._rows, MOST_ROWS - 1))
            name = file_name(self._facility, self._at, f"_{self.count}.csv")
            yield name, csv_lines(rows, codec)
            following = next(self._rows, None)


def _mark(withheld: Sequence[UUID]) -> int:
    """Return a number that is another one for others; no clock tells who came first."""
    names = b"".join(each.bytes for each in withheld)
    return int.from_bytes(hashlib.sha256(names).digest()[:_MARK_BYTES])


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(JST):%Y/%m/%d %H:%M:%S}"


def _told(person: Person, words: str | None) -> str:
    return words or (WITHHELD_NAME if person.is_withheld else NOT_OBTAINED)


def _birth_date(row: ViewedRow) -> str:
    day = row.person.birth_date
    return f"{day:%Y/%m/%d}" if day else ""


_COLUMNS: Final[dict[str, Column]] = {
    "閲覧日時": lambda row: _moment(row.viewed_at),
    "閲覧した人": lambda row: row.actor,
    "区分": lambda row: KIND_NAMES[row.kind],
    "閲覧した情報": lambda row: "、".join(PART_NAMES[part] for part in row.parts),
    "診療年月（から）": lambda row: row.first_month,
    "診療年月（まで）": lambda row: row.last_month,
    "受付番号": lambda row: row.reference,
    "氏名": lambda row: _told(row.person, row.person.name),
    "氏名カナ": lambda row: _told(row.person, row.person.kana),
    "生年月日": _birth_date,
}
