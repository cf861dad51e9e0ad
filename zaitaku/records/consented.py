"""同意取得済み患者一覧: the patients who consented at one facility (domain.md §8)."""

from collections.abc import Collection, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Self
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, func, literal, select

from zaitaku.consent.model import ConsentItem, ConsentState
from zaitaku.consent.patients import is_withheld
from zaitaku.consent.search import digits_form
from zaitaku.consent.tables import consent, patient
from zaitaku.core.ids import ConsentId, FacilityId
from zaitaku.core.postgres import plan_each
from zaitaku.eligibility.model import Sex
from zaitaku.facilities.model import Channel
from zaitaku.records.conditions import Part, asked_of, is_listed, state_of
from zaitaku.records.listing import (
    ConsentedPatient,
    Cut,
    ItemState,
    ListQuery,
    Page,
    field_of,
)
from zaitaku.records.ways import (
    MOST_REFERENCES,
    SORT_COLUMNS,
    Stretch,
    Walk,
    Ways,
    lengths,
    numbered,
    references,
)

STREAM_ROWS: Final = 500
MOST_COUNTED: Final = 10_000
"""Lines beyond these are not counted, and have no page: who looks for one narrows the list."""
MOST_FOUND: Final = 300
"""The same where lines are looked at one by one."""
MOST_EXAMINED: Final = 2_000
"""So many lines are looked at one by one for a page; then it says that there may be more."""


class ConsentedPatients:
    """One facility's list; no other facility's consents can be reached through it."""

    def __init__(self, connection: Connection, facility_id: FacilityId) -> None:
        self._connection = connection
        self._facility_id = facility_id

    def page(self, query: ListQuery, *, now: datetime) -> Page:
        """Return a page of the list as it stands at ``now``.

        What it costs depends on the page's size and not on the list's. Where an index holds all
        that is asked, in the order that is asked, it is read to the end of the page. Where what is
        asked lies in a short stretch of some index, all of it is looked at. Else the first
        ``MOST_EXAMINED`` lines of the order are looked at, and the page says so.
        """
        plan_each(self._connection)
        if digits_form(query.search):
            return self._by_number(query, now)
        ways = Ways(self._facility_id, query, now)
        straight = ways.straight(asked_of(query, now=now).keys())
        if straight:
            return self._straight(straight, query, now)
        stretches = tuple(ways.all())
        found = lengths(self._connection, stretches, MOST_EXAMINED + 1)
        shortest = min(range(len(found)), key=found.__getitem__)
        if found[shortest] <= MOST_EXAMINED:
            return self._all_of(stretches[shortest], query, now)
        return self._begin_of(ways.walk(), query, now)

    def stream(self, query: ListQuery, *, now: datetime) -> Generator[ConsentedPatient, None, None]:
        """Yield every line that ``query`` finds, on all pages, from one statement.

        Close it when not all of it is read: it holds a cursor in the database.
        """
        source = consent.join(patient, patient.c.id == consent.c.patient_id)
        found = select(*_LINE, consent.c.id).select_from(source).where(self._own)
        found = found.where(*asked_of(query, now=now).values())
        if digits := digits_form(query.search):
            found = found.where(consent.c.id.in_(numbered(self._facility_id, digits)))
        column = SORT_COLUMNS[query.sort]
        order = _directed(column, consent.c.id, query.descending, is_whole=not column.nullable)
        rows = found.order_by(*order).execution_options(yield_per=STREAM_ROWS)
        with self._connection.execute(rows) as result:
            for row in result.mappings():
                yield _consented(row, now)

    def references_since(self, moment: datetime) -> frozenset[str]:
        """Return the reference of every line of the list that was recorded after ``moment``.

        A line that is recorded anew has a new reference.
        """
        plan_each(self._connection)
        query = select(consent.c.reference).where(
            self._own, is_listed(), consent.c.recorded_at > moment
        )
        return frozenset(self._connection.scalars(query))

    def _by_number(self, query: ListQuery, now: datetime) -> Page:
        digits = digits_form(query.search)
        some = references(self._facility_id, digits, MOST_REFERENCES + 1).subquery()
        count = self._connection.execute(select(func.count()).select_from(some)).scalar_one()
        walked = numbered(self._facility_id, digits, most=MOST_REFERENCES)
        names = self._connection.scalars(self._sieved(walked, query, now)).all()
        return self._found(names, query, now, Cut.REFERENCES if count > MOST_REFERENCES else None)

    def _straight(self, parts: Sequence[Stretch], query: ListQuery, now: datetime) -> Page:
        counts = lengths(self._connection, parts, MOST_COUNTED + 1)
        place = _Place.of(sum(counts), MOST_COUNTED, query)
        names: list[UUID] = []
        before, after = place.before, min(place.before + query.size, place.total)
        for part, count in zip(parts, counts, strict=True):
            if before < min(count, after):
                ordered = part.ordered(descending=query.descending)
                names += self._connection.scalars(ordered.limit(after - before).offset(before))
            before, after = max(0, before - count), after - count
        cut = Cut.COUNT if sum(counts) > MOST_COUNTED else None
        return Page(self._lines(names, now), place.total, place.number, place.pages, cut)

    def _all_of(self, stretch: Stretch, query: ListQuery, now: datetime) -> Page:
        if stretch.sort is query.sort:
            return self._in_order_of(stretch, query, now)
        walked = select(stretch.name.label("id")).where(stretch.condition).distinct()
        found = self._sieved(walked.limit(MOST_EXAMINED), query, now, stretch.answers)
        return self._found(self._connection.scalars(found).all(), query, now, None)

    def _in_order_of(self, stretch: Stretch, query: ListQuery, now: datetime) -> Page:
        # The order need not be looked up for every line, nor what lies behind the last page.
        walk = Walk((stretch,), query.descending)
        walked = stretch.ordered(descending=walk.descending).limit(MOST_EXAMINED)
        found = self._sieved(walked, query, now, stretch.answers, walk)
        names = self._connection.scalars(found.limit(MOST_FOUND + 1)).all()
        cut = Cut.COUNT if len(names) > MOST_FOUND else None
        return self._found(names[:MOST_FOUND], query, now, cut)

    def _begin_of(self, walk: Walk, query: ListQuery, now: datetime) -> Page:
        names: list[UUID] = []
        left = MOST_EXAMINED
        for part in walk.parts:
            walked = part.ordered(descending=walk.descending).limit(left)
            found = self._sieved(walked, query, now, part.answers, walk)
            names += self._connection.scalars(found.limit(MOST_FOUND + 1))
            if len(names) > MOST_FOUND:
                break
            left -= self._connection.execute(select(part.up_to(left))).scalar_one()
            if not left:
                break
        cut = Cut.COUNT if len(names) > MOST_FOUND else Cut.LINES
        page = self._found(names[:MOST_FOUND], query, now, cut)
        return replace(page, is_reordered=walk.is_reordered)

    def _sieved(
        self,
        walk: Select[Any],
        query: ListQuery,
        now: datetime,
        answered: Collection[Part] = (),
        order: Walk | None = None,
    ) -> Select[Any]:
        """Return the names that ``walk`` gives and that pass what is not ``answered`` yet.

        Each is looked up for itself: left to join, PostgreSQL may read all of the list rather
        than the few thousand lines that are walked.
        """
        walked = walk.subquery("walked")
        line = consent.join(patient, patient.c.id == consent.c.patient_id)
        own = (consent.c.id == walked.c.id, self._own)
        asked = asked_of(query, now=now)
        left = [condition for part, condition in asked.items() if part not in answered]
        needs_name = Part.NAME in asked and Part.NAME not in answered
        passes = select(literal(1)).select_from(line if needs_name else consent)
        passes = passes.where(*own, *left).correlate(walked)
        kept = select(walked.c.id).where(passes.scalar_subquery() == 1)
        if order:
            by = _directed(walked.c.key, walked.c.id, order.descending, is_whole=True)
            return kept.order_by(*by)
        value = select(SORT_COLUMNS[query.sort]).where(*own).correlate(walked).scalar_subquery()
        by = _directed(value, walked.c.id, query.descending)
        return kept.order_by(*by)

    def _found(
        self, names: Sequence[UUID], query: ListQuery, now: datetime, cut: Cut | None
    ) -> Page:
        place = _Place.of(len(names), len(names), query)
        lines = self._lines(names[place.before : place.before + query.size], now)
        return Page(lines, place.total, place.number, place.pages, cut)

    def _lines(self, names: Sequence[UUID], now: datetime) -> tuple[ConsentedPatient, ...]:
        rows = select(*_LINE, consent.c.id).join(patient, patient.c.id == consent.c.patient_id)
        found = self._connection.execute(rows.where(self._own, consent.c.id.in_(names))).mappings()
        lines = {row["id"]: _consented(row, now) for row in found}
        return tuple(lines[name] for name in names if name in lines)

    @property
    def _own(self) -> ColumnElement[bool]:
        return consent.c.facility_id == self._facility_id


@dataclass(frozen=True)
class _Place:
    """Where a page stands in the list."""

    total: int
    number: int
    pages: int
    before: int
    """Lines on the pages before it."""

    @classmethod
    def of(cls, counted: int, most: int, query: ListQuery) -> Self:
        total = min(counted, most)
        pages = max(1, -(-total // query.size))
        number = min(query.page, pages)
        return cls(total, number, pages, (number - 1) * query.size)


_COPIED: Final = frozenset({"id", "facility_id", "patient_id", "kana_key", "birth_date"})
_LINE: Final = (
    *(column for column in consent.c if column.name not in _COPIED),
    patient.c.name,
    patient.c.kana,
    patient.c.birth_date,
    patient.c.sex,
    patient.c.person_key,
    *(state_of(item) for item in ConsentItem),
)


def _directed(
    column: ColumnElement[Any],
    name: ColumnElement[Any],
    descending: bool,
    *,
    is_whole: bool = False,
) -> Iterator[ColumnElement[Any]]:
    order = column.desc() if descending else column.asc()
    # Where all have a value, or none, an index is read as it is.
    yield order if is_whole else order.nulls_last()
    yield name.desc() if descending else name.asc()


def _consented(row: RowMapping, now: datetime) -> ConsentedPatient:
    is_expired = row["valid_until"] is not None and row["valid_until"] <= now
    return ConsentedPatient(
        consent_id=ConsentId(row["id"]),
        name=row["name"],
        kana=row["kana"],
        birth_date=row["birth_date"],
        sex=Sex(row["sex"]) if row["sex"] else None,
        **{field_of(item): _item_state(row[item.value], is_expired) for item in ConsentItem},
        channel=Channel(row["channel"]),
        recorded_at=row["recorded_at"],
        visit_date=row["visit_date"],
        valid_until=row["valid_until"],
        reference=row["reference"],
        is_expired=is_expired,
        is_withheld=is_withheld(row),
    )


def _item_state(state: str | None, is_expired: bool) -> ItemState:
    if state is None:
        return ItemState.NOT_ASKED
    if state == ConsentState.GRANT:
        return ItemState.EXPIRED if is_expired else ItemState.GRANTED
    return ItemState.WITHDRAWN if state == ConsentState.WITHDRAWN else ItemState.REFUSED
