"""What a query asks of the list, as conditions that an index answers (domain.md §8).

Whatever is asked, the database reads about as many rows as the page shows: a list in the order of
its index stops at the end of the page, a name is found by its rarest pair of letters, and a
reference number by its beginning.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    and_,
    func,
    literal,
    or_,
    select,
    true,
    union,
    union_all,
)

from zaitaku.consent.belonging import owners_of
from zaitaku.consent.grams import beginning_with, pairs_in
from zaitaku.consent.model import ConsentItem, ConsentState
from zaitaku.consent.search import digits_form, search_form
from zaitaku.consent.tables import (
    consent,
    consent_gram,
    consent_item,
    consent_record,
    patient,
)
from zaitaku.core.clock import JST
from zaitaku.core.ids import FacilityId
from zaitaku.records.listing import LineState, ListQuery

MOST_REFERENCES: Final = 1_000
"""So many of the newest reference numbers with one beginning are looked at."""
MANY: Final = 1_000
"""More lines than this with one pair of letters are too many to tell which pair is rarer."""
_REFERENCE_DIGITS: Final = 13
_DAY_DIGITS: Final = 6
_MIDDLE_DIGITS: Final = 9
_ESCAPE: Final = "\\"


@dataclass(frozen=True)
class Search:
    """A way to the lines with a typed name or number: where to read, and what must hold there."""

    source: FromClause
    condition: ColumnElement[bool]
    asks_person: bool
    """Whether the condition looks at ``patient``, which ``source`` does not hold."""
    recorded_at: ColumnElement[Any]
    tie: ColumnElement[Any]
    """Time and name of a line, in the columns whose index holds them in order."""

    def chosen(self, *, with_person: bool = False) -> Select[Any]:
        """Return the names of the consents; ``patient`` is joined where somebody asks for it."""
        source = self.source
        if with_person or self.asks_person:
            source = source.join(patient, patient.c.id == consent.c.patient_id)
        return select(consent.c.id).select_from(source).where(self.condition)


def _all_where(condition: ColumnElement[bool], *, asks_person: bool = False) -> Search:
    return Search(consent, condition, asks_person, consent.c.recorded_at, consent.c.id)


EVERYTHING: Final = _all_where(true())


class Finder:
    """Turns what somebody typed into the cheapest way to it, in one facility."""

    def __init__(self, connection: Connection, facility_id: FacilityId) -> None:
        self._connection = connection
        self._facility_id = facility_id

    def search(self, typed: str) -> Search:
        """Return the way to the lines whose name, reading or reference number has ``typed``.

        A name and its reading are found by any part, a reference number by its beginning.
        """
        term, digits = search_form(typed), digits_form(typed)
        if not term:
            return EVERYTHING
        if digits:
            return self._by_number(digits, term)
        if len(term) == 1:
            return self._by_letter(term)
        return self._by_pair(term)

    def _by_pair(self, term: str) -> Search:
        pairs = pairs_in(term)
        rarest = pairs[0] if len(pairs) == 1 else self._rarest(pairs)
        found = [self._own_gram, consent_gram.c.gram == rarest]
        if len(pairs) > 1:
            found.append(_has(term))
        return Search(
            consent_gram.join(consent, consent.c.id == consent_gram.c.consent_id),
            and_(*found),
            len(pairs) > 1,
            consent_gram.c.recorded_at,
            consent_gram.c.consent_id,
        )

    def _rarest(self, pairs: tuple[int, ...]) -> int:
        counts = union_all(
            *(
                select(literal(gram).label("gram"), self._up_to_many(consent_gram.c.gram == gram))
                for gram in dict.fromkeys(pairs)
            )
        )
        found = self._connection.execute(counts).all()
        return int(min(found, key=lambda row: row[1])[0])

    def _up_to_many(self, condition: ColumnElement[bool]) -> ColumnElement[int]:
        some = select(consent_gram.c.consent_id).where(self._own_gram, condition).limit(MANY + 1)
        return select(func.count()).select_from(some.subquery()).scalar_subquery()

    def _by_letter(self, letter: str) -> Search:
        among = beginning_with(letter)
        begins = and_(consent_gram.c.gram >= among.start, consent_gram.c.gram < among.stop)
        if self._connection.execute(select(self._up_to_many(begins))).scalar_one() > MANY:
            # So common that the newest lines have it: they are read until the page is full.
            return _all_where(_has(letter), asks_person=True)
        names = select(consent_gram.c.consent_id).where(self._own_gram, begins)
        return _all_where(consent.c.id.in_(names))

    def _by_number(self, digits: str, term: str) -> Search:
        by_name = self._by_letter(term) if len(term) == 1 else self._by_pair(term)
        named = by_name.chosen().where(consent.c.facility_id == self._facility_id)
        numbered = select(consent.c.id).where(
            consent.c.facility_id == self._facility_id,
            consent.c.patient_id.in_(self._patients_with(digits)),
        )
        return _all_where(consent.c.id.in_(union(named, numbered).subquery().select()))

    def _patients_with(self, digits: str) -> Select[Any]:
        # By every reference that a patient was ever given, not the latest alone.
        column = consent_record.c.reference
        newest = (
            select(consent_record.c.patient_id, consent_record.c.credential_id)
            .where(consent_record.c.facility_id == self._facility_id, _begins_with(column, digits))
            .order_by(column.desc())
            .limit(MOST_REFERENCES)
            .subquery()
        )
        return owners_of(newest)

    @property
    def _own_gram(self) -> ColumnElement[bool]:
        return consent_gram.c.facility_id == self._facility_id


def filters(query: ListQuery, *, now: datetime) -> Iterator[ColumnElement[bool]]:
    """Yield what ``query`` asks of a line beside the search, at the moment ``now``."""
    if query.channel:
        yield consent.c.channel == query.channel.value
    yield from _between(consent.c.recorded_at, query.recorded_from, query.recorded_to)
    if query.visit_from:
        yield consent.c.visit_date >= query.visit_from
    if query.visit_to:
        yield consent.c.visit_date <= query.visit_to
    if query.item:
        yield has_item(consent_item.c.item == query.item.value, _GRANTED)
    if query.state:
        yield _in_state(query.state, now)


def has_item(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the condition that a consent has an item for which all ``conditions`` hold."""
    found = select(literal(1)).where(consent_item.c.consent_id == consent.c.id, *conditions)
    return found.correlate(consent).exists()


_GRANTED: Final = consent_item.c.state == ConsentState.GRANT.value


def _in_state(state: LineState, now: datetime) -> ColumnElement[bool]:
    is_granted = has_item(_GRANTED)
    is_over = consent.c.valid_until <= now
    withdrawn = select(consent_item.c.consent_id).where(
        consent_item.c.state == ConsentState.WITHDRAWN.value
    )
    is_withdrawn = consent.c.id.in_(withdrawn)
    return {
        LineState.VALID: and_(
            is_granted, or_(consent.c.valid_until.is_(None), consent.c.valid_until > now)
        ),
        LineState.EXPIRED: and_(is_granted, is_over),
        LineState.WITHDRAWN: and_(is_withdrawn, ~is_granted),
        LineState.REFUSED: and_(~is_granted, ~has_item(consent_item.c.state == "withdrawn")),
    }[state]


def state_of(item: ConsentItem) -> ColumnElement[str]:
    """Return a column that tells an item's state on a line."""
    same = (consent_item.c.consent_id == consent.c.id) & (consent_item.c.item == item.value)
    states = select(consent_item.c.state).where(same).correlate(consent).scalar_subquery()
    return states.label(item.value)


def _has(term: str) -> ColumnElement[bool]:
    for special in (_ESCAPE, "%", "_"):
        term = term.replace(special, _ESCAPE + special)
    return patient.c.search.like(f"%{term}%", escape=_ESCAPE)


def _begins_with(column: ColumnElement[str], digits: str) -> ColumnElement[bool]:
    # As a range, which every collation and both engines read from the index: all references have
    # their hyphens at the same places.
    if len(digits) > _REFERENCE_DIGITS:
        return column == digits
    beginning, following = column >= _hyphened(digits), int(digits) + 1
    if len(str(following)) > len(digits):
        return beginning
    return and_(beginning, column < _hyphened(f"{following:0{len(digits)}d}"))


def _hyphened(digits: str) -> str:
    parts = (digits[:_DAY_DIGITS], digits[_DAY_DIGITS:_MIDDLE_DIGITS], digits[_MIDDLE_DIGITS:])
    return "-".join(part for part in parts if part)


def _between(
    column: ColumnElement[datetime], first: date | None, last: date | None
) -> Iterator[ColumnElement[bool]]:
    if first:
        yield column >= _midnight(first)
    if last:
        yield column < _midnight(last + timedelta(days=1))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), JST)
