"""同意取得済み患者一覧: the patients who consented at one facility (domain.md §8)."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, func, select

from zaitaku.consent.model import ConsentItem, ConsentState
from zaitaku.consent.patients import is_withheld
from zaitaku.consent.tables import consent, patient
from zaitaku.core.ids import ConsentId, FacilityId
from zaitaku.eligibility.model import Sex
from zaitaku.facilities.model import Channel
from zaitaku.records.conditions import EVERYTHING, Finder, Search, filters, state_of
from zaitaku.records.listing import ConsentedPatient, ItemState, ListQuery, Page, SortKey, field_of

STREAM_ROWS: Final = 500
MOST_COUNTED: Final = 10_000
"""Lines beyond these are not counted, and have no page: who looks for one narrows the list."""
MOST_FOUND: Final = 500
"""The same for a search, whose lines are looked up one by one."""
_SORT_COLUMNS: Final = {
    SortKey.KANA: patient.c.kana,
    SortKey.BIRTH_DATE: patient.c.birth_date,
    SortKey.VISIT_DATE: consent.c.visit_date,
    SortKey.VALID_UNTIL: consent.c.valid_until,
    SortKey.REFERENCE: consent.c.reference,
}
_INDEXED: Final = frozenset({SortKey.RECORDED, SortKey.VISIT_DATE})
_PERSONAL: Final = frozenset({SortKey.KANA, SortKey.BIRTH_DATE})


class ConsentedPatients:
    """One facility's list; no other facility's consents can be reached through it."""

    def __init__(self, connection: Connection, facility_id: FacilityId) -> None:
        self._connection = connection
        self._facility_id = facility_id
        self._finder = Finder(connection, facility_id)

    def page(self, query: ListQuery, *, now: datetime) -> Page:
        """Return a page of the list as it stands at ``now``.

        What it costs depends on the page's size and not on the list's, for the orders that an
        index holds (同意日時, and 受診日 where these are asked for).
        """
        search = self._finder.search(query.search)
        with_person = query.sort in _PERSONAL
        chosen = self._ordered(search, query, now, with_person=with_person)
        if search is EVERYTHING:
            place = _Place.of(self._count(query, now), MOST_COUNTED, query)
            names = self._connection.scalars(chosen.limit(query.size).offset(place.before)).all()
        else:
            # One walk in the order of the index counts and chooses; a count of its own would
            # make the database read the whole list.
            found = self._connection.scalars(chosen.limit(MOST_FOUND + 1)).all()
            place = _Place.of(len(found), MOST_FOUND, query)
            names = found[: place.total][place.before : place.before + query.size]
        lines = self._lines(names, now)
        return Page(lines, place.total, place.number, place.pages, is_capped=place.is_capped)

    def stream(self, query: ListQuery, *, now: datetime) -> Generator[ConsentedPatient, None, None]:
        """Yield every line that ``query`` finds, on all pages, from one statement.

        Close it when not all of it is read: it holds a cursor in the database.
        """
        search = self._finder.search(query.search)
        ordered = self._ordered(search, query, now, with_person=True)
        rows = ordered.add_columns(*_LINE).execution_options(yield_per=STREAM_ROWS)
        with self._connection.execute(rows) as result:
            for row in result.mappings():
                yield _consented(row, now)

    def references_since(self, moment: datetime) -> frozenset[str]:
        """Return the reference of every line that was recorded after ``moment``.

        A line that is recorded anew has a new reference.
        """
        query = select(consent.c.reference).where(
            consent.c.facility_id == self._facility_id, consent.c.recorded_at > moment
        )
        return frozenset(self._connection.scalars(query))

    def _count(self, query: ListQuery, now: datetime) -> int:
        found = self._found(EVERYTHING, query, now, with_person=False)
        if query.sort in _INDEXED:
            # In an order, or the database may look for them among all facilities' lines.
            found = found.order_by(*_order(EVERYTHING, query))
        some = found.limit(MOST_COUNTED + 1).subquery()
        return self._connection.execute(select(func.count()).select_from(some)).scalar_one()

    def _found(
        self, search: Search, query: ListQuery, now: datetime, *, with_person: bool
    ) -> Select[Any]:
        chosen = search.chosen(with_person=with_person)
        return chosen.where(self._own, *filters(query, now=now))

    def _ordered(
        self, search: Search, query: ListQuery, now: datetime, *, with_person: bool
    ) -> Select[Any]:
        found = self._found(search, query, now, with_person=with_person)
        return found.order_by(*_order(search, query))

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
    is_capped: bool

    @classmethod
    def of(cls, counted: int, most: int, query: ListQuery) -> Self:
        total = min(counted, most)
        pages = max(1, -(-total // query.size))
        number = min(query.page, pages)
        return cls(total, number, pages, (number - 1) * query.size, counted > most)


_LINE: Final = (
    *(column for column in consent.c if column.name not in {"id", "facility_id", "patient_id"}),
    patient.c.name,
    patient.c.kana,
    patient.c.birth_date,
    patient.c.sex,
    patient.c.person_key,
    *(state_of(item) for item in ConsentItem),
)


def _order(search: Search, query: ListQuery) -> Iterator[ColumnElement[Any]]:
    column = _SORT_COLUMNS.get(query.sort, search.recorded_at)
    # Without a 受診日 nobody is found by it: where it is asked for, an index holds the order.
    is_whole = query.sort is SortKey.VISIT_DATE and (query.visit_from or query.visit_to)
    is_partial = getattr(column, "nullable", False) and not is_whole
    order = column.desc() if query.descending else column.asc()
    yield order.nulls_last() if is_partial else order
    yield search.tie.desc() if query.descending else search.tie.asc()


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
