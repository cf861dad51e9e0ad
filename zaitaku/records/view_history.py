"""医療情報閲覧履歴: who viewed whose what and when (domain.md §6)."""

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, func, select, tuple_

from zaitaku.consent.patients import IS_WITHHELD
from zaitaku.consent.tables import consent_record, patient
from zaitaku.core.ids import FacilityId
from zaitaku.core.queries import check_period, choice_of, moment_of, page_of, words_of
from zaitaku.records.detail import PERSON, Person, person_from
from zaitaku.records.store import view_record
from zaitaku.records.view_kinds import Part, ViewKind

PAGE_SIZE: Final = 50
MOST_ROWS: Final = 25_000
"""Of one file and of one search (domain.md §6)."""
MAXIMUM_WHO: Final = 40
STREAM_ROWS: Final = 500


@dataclass(frozen=True)
class HistoryQuery:
    """One view of the history; it lives in the address."""

    begin: datetime | None = None
    end: datetime | None = None
    """The first moment after the period."""
    kind: ViewKind | None = None
    who: str = ""
    """Part of the user ID or the name that the staff had when viewing."""
    page: int = 1

    @classmethod
    def from_mapping(cls, values: Mapping[str, str]) -> Self:
        """Read an address's query: ``from``, ``to``, ``kind``, ``who``, ``page``.

        Raises:
            InvalidField: a value is not of its kind; ``field`` is the name in the address.
        """
        begin, end = moment_of(values, "from"), moment_of(values, "to", is_end=True)
        check_period(begin, end)
        return cls(
            begin=begin,
            end=end,
            kind=choice_of(values, "kind", ViewKind),
            who=words_of(values, "who", longest=MAXIMUM_WHO),
            page=page_of(values),
        )


@dataclass(frozen=True)
class ViewedRow:
    """One line of the history."""

    id: UUID
    viewed_at: datetime
    actor: str
    kind: ViewKind
    parts: tuple[Part, ...]
    first_month: str
    last_month: str
    reference: str
    person: Person
    """As the eligibility check tells now: the history keeps no name of its own."""


@dataclass(frozen=True)
class HistoryPage:
    """One page of the history."""

    rows: tuple[ViewedRow, ...]
    total: int
    """At most ``MOST_ROWS``."""
    is_capped: bool
    """Whether there are more than ``MOST_ROWS``."""
    number: int
    pages: int


class ViewHistory:
    """One facility's history."""

    def __init__(self, connection: Connection, facility_id: FacilityId) -> None:
        self._connection = connection
        self._facility_id = facility_id

    def page(self, query: HistoryQuery) -> HistoryPage:
        """Return a page, newest first; the last one when a later one is asked for."""
        counted = self.count(query, at_most=MOST_ROWS + 1)
        total = min(counted, MOST_ROWS)
        pages = max(1, -(-total // PAGE_SIZE))
        number = min(query.page, pages)
        chosen = self._newest(query).limit(PAGE_SIZE).offset((number - 1) * PAGE_SIZE)
        rows = tuple(_viewed(row) for row in self._connection.execute(chosen).mappings())
        return HistoryPage(rows, total, counted > MOST_ROWS, number, pages)

    def count(self, query: HistoryQuery, *, at_most: int | None = None) -> int:
        """Return how many lines ``query`` finds, counting no further than ``at_most``."""
        found = select(view_record.c.id).where(*self._conditions(query)).limit(at_most).subquery()
        return self._connection.execute(select(func.count()).select_from(found)).scalar_one()

    def stream(self, query: HistoryQuery) -> Generator[ViewedRow, None, None]:
        """Yield every line that ``query`` finds, newest first, from one statement.

        Close it when not all of it is read: it holds a cursor in the database.
        """
        chosen = self._newest(query).execution_options(yield_per=STREAM_ROWS)
        with self._connection.execute(chosen) as result:
            for row in result.mappings():
                yield _viewed(row)

    def following(
        self, query: HistoryQuery, last: ViewedRow | None, *, at_most: int
    ) -> list[ViewedRow]:
        """Return the lines that come after ``last``, newest first; at first without ``last``.

        So a long file is read in short transactions. Nothing is missed or told twice as long as
        ``query`` ends before now: lines are only ever added.
        """
        chosen = self._newest(query).limit(at_most)
        if last is not None:
            place = tuple_(view_record.c.viewed_at, view_record.c.id)
            chosen = chosen.where(place < tuple_(last.viewed_at, last.id))
        return [_viewed(row) for row in self._connection.execute(chosen).mappings()]

    def withheld(self) -> tuple[UUID, ...]:
        """Return the patients of the history of whom nothing may be shown now, in one order."""
        chosen = (
            select(view_record.c.patient_id)
            .join(patient, patient.c.id == view_record.c.patient_id)
            .where(view_record.c.facility_id == self._facility_id, IS_WITHHELD)
            .distinct()
        )
        return tuple(sorted(self._connection.execute(chosen).scalars()))

    def _newest(self, query: HistoryQuery) -> Select[Any]:
        return (
            select(view_record, consent_record.c.reference, *PERSON)
            .join(consent_record, consent_record.c.id == view_record.c.record_id)
            .join(patient, patient.c.id == view_record.c.patient_id)
            .where(*self._conditions(query))
            .order_by(view_record.c.viewed_at.desc(), view_record.c.id.desc())
        )

    def _conditions(self, query: HistoryQuery) -> list[ColumnElement[bool]]:
        conditions = [view_record.c.facility_id == self._facility_id]
        if query.begin:
            conditions.append(view_record.c.viewed_at >= query.begin)
        if query.end:
            conditions.append(view_record.c.viewed_at < query.end)
        if query.kind:
            conditions.append(view_record.c.kind == query.kind.value)
        if query.who:
            conditions.append(view_record.c.actor.icontains(query.who, autoescape=True))
        return conditions


def _viewed(row: RowMapping) -> ViewedRow:
    return ViewedRow(
        id=row["id"],
        viewed_at=row["viewed_at"],
        actor=row["actor"],
        kind=ViewKind(row["kind"]),
        parts=tuple(Part(part) for part in row["parts"]),
        first_month=row["first_month"],
        last_month=row["last_month"],
        reference=row["reference"],
        person=person_from(row),
    )
