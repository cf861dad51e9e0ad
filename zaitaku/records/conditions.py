"""What a query asks of a line of the list, as conditions (domain.md §8)."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from enum import StrEnum, auto
from typing import Final

from sqlalchemy import ColumnElement, and_, literal, or_, select, true

from zaitaku.consent.model import ConsentItem, ConsentState
from zaitaku.consent.search import digits_form, search_form
from zaitaku.consent.tables import consent, consent_item, patient
from zaitaku.core.clock import JST
from zaitaku.records.listing import LineState, ListQuery

_REFERENCE_DIGITS: Final = 13
_DAY_DIGITS: Final = 6
_MIDDLE_DIGITS: Final = 9


class Part(StrEnum):
    """What a query may ask of a line."""

    LISTED = auto()
    """Something is granted, or was once; who only ever refused is found by the state alone."""
    RECORDED = auto()
    VISIT = auto()
    CHANNEL = auto()
    STATE = auto()
    ITEM = auto()
    NAME = auto()


Conditions = Mapping[Part, ColumnElement[bool]]


def asked_of(query: ListQuery, *, now: datetime) -> Conditions:
    """Return what ``query`` asks of a line at the moment ``now``, but for a reference number.

    ``Part.NAME`` looks at ``patient``, every other part at ``consent``.
    """
    return {part: and_(*conditions) for part, conditions in _asked(query, now) if conditions}


def _asked(
    query: ListQuery, now: datetime
) -> Iterator[tuple[Part, tuple[ColumnElement[bool], ...]]]:
    if query.state is None:
        yield Part.LISTED, (is_listed(),)
    else:
        yield Part.STATE, (_in_state(query.state, now),)
    yield Part.RECORDED, recorded_in(consent.c.recorded_at, query)
    yield Part.VISIT, visited_in(query)
    if query.channel:
        yield Part.CHANNEL, (consent.c.channel == query.channel.value,)
    if query.item:
        yield Part.ITEM, (_grants(query.item),)
    if query.search and not digits_form(query.search):
        yield Part.NAME, (has_name(search_form(query.search)),)


def is_listed() -> ColumnElement[bool]:
    """Return the condition that something of a line is granted or was once."""
    return consent.c.is_listed == true()


def stands(state: ConsentState) -> ColumnElement[bool]:
    """Return the condition that a line comes to ``state``, its time aside."""
    return consent.c.standing == state.value


def recorded_in(
    column: ColumnElement[datetime], query: ListQuery
) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions that a line was recorded on the days that are asked for."""
    first, last = query.recorded_from, query.recorded_to
    begin = (column >= _midnight(first),) if first else ()
    end = (column < _midnight(last + timedelta(days=1)),) if last else ()
    return *begin, *end


def visited_in(query: ListQuery) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions that the 受診日 is among those that are asked for."""
    first, last = query.visit_from, query.visit_to
    begin = (consent.c.visit_date >= first,) if first else ()
    end = (consent.c.visit_date <= last,) if last else ()
    return *begin, *end


def is_over(now: datetime) -> ColumnElement[bool]:
    """Return the condition that a line's time is over."""
    return consent.c.valid_until <= now


def _in_state(state: LineState, now: datetime) -> ColumnElement[bool]:
    granted = stands(ConsentState.GRANT)
    return {
        LineState.VALID: and_(
            granted, or_(consent.c.valid_until.is_(None), consent.c.valid_until > now)
        ),
        LineState.EXPIRED: and_(granted, is_over(now)),
        LineState.WITHDRAWN: stands(ConsentState.WITHDRAWN),
        LineState.REFUSED: stands(ConsentState.REFUSE),
    }[state]


def _grants(item: ConsentItem) -> ColumnElement[bool]:
    found = select(literal(1)).where(
        consent_item.c.consent_id == consent.c.id,
        consent_item.c.item == item.value,
        consent_item.c.state == ConsentState.GRANT.value,
    )
    return found.correlate(consent).exists()


def state_of(item: ConsentItem) -> ColumnElement[str]:
    """Return a column that tells an item's state on a line."""
    same = (consent_item.c.consent_id == consent.c.id) & (consent_item.c.item == item.value)
    states = select(consent_item.c.state).where(same).correlate(consent).scalar_subquery()
    return states.label(item.value)


def has_name(term: str) -> ColumnElement[bool]:
    """Return the condition that a patient's name or reading has ``term`` (a search form) in it."""
    return patient.c.search.contains(term, autoescape=True)


def begins_with(column: ColumnElement[str], digits: str) -> ColumnElement[bool]:
    """Return the condition that a reference number begins with ``digits``."""
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


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), JST)
