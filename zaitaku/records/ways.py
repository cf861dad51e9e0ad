"""Stretches of indexes that hold what a query asks for, or part of it (``docs/performance.md``).

Each is read in the order of its index. How long it is, is counted only so far as it matters.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Select,
    and_,
    func,
    literal,
    select,
    union,
    union_all,
)

from zaitaku.consent.belonging import owners_of
from zaitaku.consent.grams import beginning_with, pairs_in
from zaitaku.consent.model import ConsentState
from zaitaku.consent.search import digits_form, search_form
from zaitaku.consent.tables import consent, consent_gram, consent_record, patient
from zaitaku.core.ids import FacilityId
from zaitaku.records.conditions import (
    Part,
    begins_with,
    has_name,
    is_listed,
    is_over,
    recorded_in,
    stands,
    visited_in,
)
from zaitaku.records.listing import LineState, ListQuery, SortKey

MOST_REFERENCES: Final = 1_000
"""So many of the newest reference numbers with one beginning are looked at."""
SORT_COLUMNS: Final[dict[SortKey, Column[Any]]] = {
    SortKey.RECORDED: consent.c.recorded_at,
    SortKey.KANA: consent.c.kana_key,
    SortKey.BIRTH_DATE: consent.c.birth_date,
    SortKey.VISIT_DATE: consent.c.visit_date,
    SortKey.VALID_UNTIL: consent.c.valid_until,
    SortKey.REFERENCE: consent.c.reference,
}
_STANDING: Final = {
    LineState.VALID: ConsentState.GRANT,
    LineState.EXPIRED: ConsentState.GRANT,
    LineState.WITHDRAWN: ConsentState.WITHDRAWN,
    LineState.REFUSED: ConsentState.REFUSE,
}

_RARE: Final = frozenset({LineState.WITHDRAWN, LineState.REFUSED})


@dataclass(frozen=True)
class Stretch:
    """A stretch of one index: which consents, and in which order it holds them."""

    condition: ColumnElement[bool]
    answers: frozenset[Part]
    """What needs not be looked at any more."""
    sort: SortKey | None = None
    """``None``: in no order that a list has."""
    key: ColumnElement[Any] = field(default_factory=lambda: consent.c.recorded_at)
    name: ColumnElement[Any] = field(default_factory=lambda: consent.c.id)
    """The order is by ``key`` and then by the consent's ``name``."""

    def ordered(self, *, descending: bool = True) -> Select[Any]:
        """Return all names, as ``id``, and ``key`` in the order of the index."""
        columns = (self.key, self.name)
        order = (column.desc() if descending else column.asc() for column in columns)
        chosen = select(self.name.label("id"), self.key.label("key")).where(self.condition)
        return chosen.order_by(*order)

    def up_to(self, most: int) -> ColumnElement[int]:
        """Return how long the stretch is, or ``most``, as a column."""
        # In its order, or the database may look for the first of them among all facilities' lines.
        some = self.ordered().limit(most).subquery()
        return select(func.count()).select_from(some).scalar_subquery()


@dataclass(frozen=True)
class Walk:
    """What is read from its beginning: stretches one after the other."""

    parts: tuple[Stretch, ...]
    descending: bool
    is_reordered: bool = False
    """Whether it is in another order than was asked for."""


class Ways:
    """The stretches that one query of one facility can use."""

    def __init__(self, facility_id: FacilityId, query: ListQuery, now: datetime) -> None:
        self._facility_id = facility_id
        self._query = query
        self._now = now

    def all(self) -> Iterator[Stretch]:
        """Yield every stretch in which all that is asked for must lie; the narrow ones first."""
        recorded = recorded_in(consent.c.recorded_at, self._query)
        term = search_form(self._query.search)
        if term and not digits_form(term):
            yield from self._by_name(term)
        if self._query.state:
            yield self._in_standing(self._query.state, recorded)
        if self._query.state is not LineState.REFUSED:
            yield from self._narrower(recorded)
            yield self._listed({Part.RECORDED}, SortKey.RECORDED, *recorded)

    def straight(self, asked: Collection[Part]) -> tuple[Stretch, ...]:
        """Return what holds all that is ``asked`` in the order that is asked; nothing: no index."""
        for stretch in self.all():
            if stretch.sort is self._query.sort and stretch.answers.issuperset(asked):
                return (stretch,)
        return self._by(self._query.sort) if set(asked) <= {Part.LISTED} else ()

    def walk(self) -> Walk:
        """Return what is to be read from its beginning where every stretch is long.

        A name or a rare state is read by 同意日時 whatever is asked: in another order, nearly all
        of the list could lie before the first line that fits.
        """
        query = self._query
        for stretch in self.all():
            if stretch.sort is query.sort:
                return Walk((stretch,), query.descending)
        if len(search_form(query.search)) > 1 or query.state in _RARE:
            newest = next(each for each in self.all() if each.sort is SortKey.RECORDED)
            return Walk((newest,), descending=True, is_reordered=True)
        return Walk(self._by(query.sort), query.descending)

    def _by(self, sort: SortKey) -> tuple[Stretch, ...]:
        # Lines that have a value, then those that have none.
        column = SORT_COLUMNS[sort]
        if not column.nullable:
            return (self._listed(set(), sort),)
        return (
            self._listed(set(), sort, column.is_not(None)),
            self._listed(set(), sort, column.is_(None)),
        )

    def _in_standing(self, state: LineState, recorded: tuple[ColumnElement[bool], ...]) -> Stretch:
        answers = {Part.RECORDED, *({Part.STATE} if state in _RARE else ())}
        return self._own(answers, SortKey.RECORDED, stands(_STANDING[state]), *recorded)

    def _narrower(self, recorded: tuple[ColumnElement[bool], ...]) -> Iterator[Stretch]:
        if self._query.channel:
            channel = consent.c.channel == self._query.channel.value
            answers = {Part.CHANNEL, Part.RECORDED}
            yield self._listed(answers, SortKey.RECORDED, channel, *recorded)
        if visited := visited_in(self._query):
            yield self._listed({Part.VISIT}, SortKey.VISIT_DATE, *visited)
        if self._query.state is LineState.EXPIRED:
            yield self._listed(set(), SortKey.VALID_UNTIL, is_over(self._now))

    def _by_name(self, term: str) -> Iterator[Stretch]:
        if len(term) == 1:
            among = beginning_with(term)
            begins = (consent_gram.c.gram >= among.start, consent_gram.c.gram < among.stop)
            yield self._letters(frozenset({Part.NAME}), None, *begins)
            return
        pairs = tuple(dict.fromkeys(pairs_in(term)))
        answers = {Part.RECORDED, *({Part.NAME} if len(term) == len("ab") else ())}
        recorded = recorded_in(consent_gram.c.recorded_at, self._query)
        for each in pairs:
            condition = (consent_gram.c.gram == each, *recorded)
            yield self._letters(frozenset(answers), SortKey.RECORDED, *condition)

    def _letters(
        self, answers: frozenset[Part], sort: SortKey | None, *conditions: ColumnElement[bool]
    ) -> Stretch:
        own = consent_gram.c.facility_id == self._facility_id
        key = consent_gram.c.recorded_at if sort else consent_gram.c.gram
        return Stretch(and_(own, *conditions), answers, sort, key, consent_gram.c.consent_id)

    def _listed(
        self, answers: set[Part], sort: SortKey, *conditions: ColumnElement[bool]
    ) -> Stretch:
        return self._own(answers | {Part.LISTED}, sort, is_listed(), *conditions)

    def _own(self, answers: set[Part], sort: SortKey, *conditions: ColumnElement[bool]) -> Stretch:
        own = consent.c.facility_id == self._facility_id
        return Stretch(and_(own, *conditions), frozenset(answers), sort, SORT_COLUMNS[sort])


def lengths(connection: Connection, stretches: Sequence[Stretch], most: int) -> list[int]:
    """Return how long each stretch is, or ``most``, from one statement."""
    counts = (
        select(literal(number).label("number"), stretch.up_to(most).label("length"))
        for number, stretch in enumerate(stretches)
    )
    rows = connection.execute(union_all(*counts)).all()
    return [length for _, length in sorted((row.number, row.length) for row in rows)]


def numbered(facility_id: FacilityId, digits: str, *, most: int | None = None) -> Select[Any]:
    """Return the consents of patients who have a reference number that begins with ``digits``.

    By every reference that a patient was ever given, not the latest alone; where ``most`` is
    given, by the newest references only. A name with these digits is found as well.
    """
    newest = references(facility_id, digits, most).subquery()
    by_number = select(consent.c.id).where(
        consent.c.facility_id == facility_id, consent.c.patient_id.in_(owners_of(newest))
    )
    named = (
        select(consent.c.id)
        .join(patient, patient.c.id == consent.c.patient_id)
        .where(consent.c.id.in_(_with_letters(facility_id, digits)), has_name(digits))
    )
    return select(union(by_number, named).subquery().c.id)


def references(facility_id: FacilityId, digits: str, most: int | None) -> Select[Any]:
    """Return whose the newest references are that begin with ``digits``."""
    column = consent_record.c.reference
    query = select(consent_record.c.patient_id, consent_record.c.credential_id).where(
        consent_record.c.facility_id == facility_id, begins_with(column, digits)
    )
    return query if most is None else query.order_by(column.desc()).limit(most)


def _with_letters(facility_id: FacilityId, term: str) -> Select[Any]:
    among = beginning_with(term[0])
    gram = consent_gram.c.gram
    first = and_(gram >= among.start, gram < among.stop) if len(term) == 1 else None
    condition = gram == pairs_in(term)[0] if first is None else first
    return select(consent_gram.c.consent_id).where(
        consent_gram.c.facility_id == facility_id, condition
    )
