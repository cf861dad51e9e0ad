"""操作履歴照会: what of a facility's trail is asked for, and what is found."""

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self

from sqlalchemy import ColumnElement, Connection, Select, func, or_, select

from zaitaku.audit.model import Act, Entry
from zaitaku.audit.store import STREAM_ROWS, audit_entry, entry_from
from zaitaku.core.ids import FacilityId
from zaitaku.core.queries import check_period, choice_of, moment_of, page_of, words_of

PAGE_SIZE: Final = 50
LONGEST_SEARCH: Final = 100


@dataclass(frozen=True)
class AuditQuery:
    """One view of the trail; it lives in the address."""

    begin: datetime | None = None
    end: datetime | None = None
    """The first moment after the period."""
    act: Act | None = None
    search: str = ""
    """Part of who did it, or of what it was done to."""
    page: int = 1

    @classmethod
    def from_mapping(cls, values: Mapping[str, str]) -> Self:
        """Read an address's query: ``from``, ``to``, ``act``, ``q``, ``page``.

        Raises:
            InvalidField: a value is not of its kind; ``field`` is the name in the address.
        """
        begin, end = moment_of(values, "from"), moment_of(values, "to", is_end=True)
        check_period(begin, end)
        return cls(
            begin=begin,
            end=end,
            act=choice_of(values, "act", Act),
            search=words_of(values, "q", longest=LONGEST_SEARCH),
            page=page_of(values),
        )


@dataclass(frozen=True)
class Page:
    """One page of what was found, newest first."""

    entries: tuple[Entry, ...]
    total: int
    number: int
    """Counts from 1; the last page when a later one was asked for."""
    pages: int


class AuditList:
    """One facility's trail, searched."""

    def __init__(self, connection: Connection, facility_id: FacilityId) -> None:
        self._connection = connection
        self._facility_id = facility_id

    def page(self, query: AuditQuery) -> Page:
        """Return one page; two statements whatever its size."""
        counted = select(func.count()).select_from(audit_entry).where(*self._conditions(query))
        total = self._connection.execute(counted).scalar_one()
        pages = max(1, -(-total // PAGE_SIZE))
        number = min(query.page, pages)
        rows = self._found(query).limit(PAGE_SIZE).offset((number - 1) * PAGE_SIZE)
        found = self._connection.execute(rows).mappings()
        return Page(tuple(entry_from(row) for row in found), total, number, pages)

    def stream(self, query: AuditQuery) -> Generator[Entry, None, None]:
        """Yield everything that was found, newest first; close it when not all of it is read."""
        rows = self._found(query).execution_options(yield_per=STREAM_ROWS)
        with self._connection.execute(rows) as result:
            for row in result.mappings():
                yield entry_from(row)

    def _found(self, query: AuditQuery) -> Select[Any]:
        newest_first = audit_entry.c.sequence.desc()
        return select(audit_entry).where(*self._conditions(query)).order_by(newest_first)

    def _conditions(self, query: AuditQuery) -> Iterator[ColumnElement[bool]]:
        yield audit_entry.c.facility_id == self._facility_id
        if query.begin:
            yield audit_entry.c.at >= query.begin
        if query.end:
            yield audit_entry.c.at < query.end
        if query.act:
            yield audit_entry.c.act == query.act.value
        if query.search:
            columns = (audit_entry.c.actor, audit_entry.c.subject)
            yield or_(*(column.contains(query.search, autoescape=True) for column in columns))
