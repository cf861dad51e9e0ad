"""同意取得済み患者一覧: the patients who consented at one facility (domain.md §8)."""

from collections.abc import Generator, Iterator
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Join,
    RowMapping,
    ScalarSelect,
    Select,
    func,
    or_,
    select,
)

from zaitaku.consent.model import ConsentItem, Decision
from zaitaku.consent.search import digits_form, search_form
from zaitaku.consent.tables import consent, consent_item, consent_record, credential, patient
from zaitaku.core.clock import JST
from zaitaku.core.ids import ConsentId, FacilityId
from zaitaku.eligibility.model import Sex
from zaitaku.facilities.model import Channel
from zaitaku.records.listing import ConsentedPatient, ItemState, ListQuery, Page, SortKey

STREAM_ROWS: Final = 500
_ESCAPE: Final = "\\"
_SORT_COLUMNS: Final = {
    SortKey.RECORDED: consent.c.recorded_at,
    SortKey.KANA: patient.c.kana,
    SortKey.BIRTH_DATE: patient.c.birth_date,
    SortKey.VISIT_DATE: consent.c.visit_date,
    SortKey.VALID_UNTIL: consent.c.valid_until,
    SortKey.REFERENCE: consent.c.reference,
}


class ConsentedPatients:
    """One facility's list; no other facility's consents can be reached through it."""

    def __init__(self, connection: Connection, facility_id: FacilityId) -> None:
        self._connection = connection
        self._facility_id = facility_id

    def page(self, query: ListQuery, *, now: datetime) -> Page:
        """Return a page of the list as it stands at ``now``; two statements whatever its size."""
        total = self._count(query)
        pages = max(1, -(-total // query.size))
        number = min(query.page, pages)
        rows = self._ordered(query).limit(query.size).offset((number - 1) * query.size)
        found = self._connection.execute(rows).mappings()
        return Page(tuple(_consented(row, now) for row in found), total, number, pages)

    def stream(self, query: ListQuery, *, now: datetime) -> Generator[ConsentedPatient, None, None]:
        """Yield every line that ``query`` finds, on all pages, from one statement.

        Close it when not all of it is read: it holds a cursor in the database.
        """
        rows = self._ordered(query).execution_options(yield_per=STREAM_ROWS)
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

    def _count(self, query: ListQuery) -> int:
        counted = select(func.count()).select_from(_joined()).where(*self._conditions(query))
        return self._connection.execute(counted).scalar_one()

    def _ordered(self, query: ListQuery) -> Select[Any]:
        column = _SORT_COLUMNS[query.sort]
        order = column.desc() if query.descending else column.asc()
        tie = consent.c.id.desc() if query.descending else consent.c.id.asc()
        return (
            select(consent, *_PERSON, *_STATES)
            .select_from(_joined())
            .where(*self._conditions(query))
            .order_by(order.nulls_last() if column.nullable else order, tie)
        )

    def _conditions(self, query: ListQuery) -> Iterator[ColumnElement[bool]]:
        yield consent.c.facility_id == self._facility_id
        if query.channel:
            yield consent.c.channel == query.channel.value
        if query.recorded_from:
            yield consent.c.recorded_at >= _midnight(query.recorded_from)
        if query.recorded_to:
            yield consent.c.recorded_at < _midnight(query.recorded_to + timedelta(days=1))
        if query.search.strip():
            yield self._matches(query.search)

    def _matches(self, typed: str) -> ColumnElement[bool]:
        conditions = [patient.c.search.like(_part(search_form(typed)), escape=_ESCAPE)]
        digits = digits_form(typed)
        if digits:
            conditions.append(consent.c.patient_id.in_(self._patients_with(digits)))
        return or_(*conditions)

    def _patients_with(self, digits: str) -> Select[Any]:
        # By every reference that a patient was ever given, not the latest alone.
        reference = func.replace(consent_record.c.reference, "-", "")
        return (
            select(credential.c.patient_id)
            .join(consent_record, consent_record.c.credential_id == credential.c.id)
            .where(consent_record.c.facility_id == self._facility_id)
            .where(reference.like(_part(digits), escape=_ESCAPE))
        )


def _state_of(item: ConsentItem) -> ScalarSelect[Any]:
    same = (consent_item.c.consent_id == consent.c.id) & (consent_item.c.item == item.value)
    return select(consent_item.c.state).where(same).correlate(consent).scalar_subquery()


_STATES: Final = tuple(_state_of(item).label(item.value) for item in ConsentItem)
_PERSON: Final = (patient.c.name, patient.c.kana, patient.c.birth_date, patient.c.sex)


def _joined() -> Join:
    return consent.join(patient, patient.c.id == consent.c.patient_id)


def _part(text: str) -> str:
    for special in (_ESCAPE, "%", "_"):
        text = text.replace(special, _ESCAPE + special)
    return f"%{text}%"


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), JST)


def _consented(row: RowMapping, now: datetime) -> ConsentedPatient:
    is_expired = row["valid_until"] is not None and row["valid_until"] <= now
    return ConsentedPatient(
        consent_id=ConsentId(row["id"]),
        name=row["name"],
        kana=row["kana"],
        birth_date=row["birth_date"],
        sex=Sex(row["sex"]) if row["sex"] else None,
        **{_field(item): _item_state(row[item.value], is_expired) for item in ConsentItem},
        channel=Channel(row["channel"]),
        recorded_at=row["recorded_at"],
        visit_date=row["visit_date"],
        valid_until=row["valid_until"],
        reference=row["reference"],
        is_expired=is_expired,
    )


def _field(item: ConsentItem) -> str:
    return item.value.replace("-", "_")


def _item_state(state: str | None, is_expired: bool) -> ItemState:
    if state is None:
        return ItemState.NOT_ASKED
    if state == Decision.REFUSE:
        return ItemState.REFUSED
    return ItemState.EXPIRED if is_expired else ItemState.GRANTED
