"""Joining two patients that turn out to be one person; records stay as they are.

What each of them said was said at another moment, told by the clock of whichever process recorded
it: nothing else tells the order, as the lock on a patient's row does within one patient.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, select

from zaitaku.consent.endings import Ends, ItemState, Place, endings
from zaitaku.consent.grams import forget_names, index_names
from zaitaku.consent.model import ConsentItem, ConsentState
from zaitaku.consent.tables import consent, consent_gram, consent_item, credential, patient
from zaitaku.core.ids import PatientId, RecordId

_LATEST = ("valid_until", "record_id", "recorded_at", "reference")
_DOUBT: Final = timedelta(days=2)
"""Between two moments that are no further apart than this, a clock that was a day off decides."""
_AHEAD: Final = timedelta(minutes=2)
"""So far other processes' clocks go ahead in good order; it also covers the time of a question."""


def join_patients(
    connection: Connection, *, source: PatientId, target: PatientId, now: datetime
) -> None:
    """Give everything of ``source`` to ``target``; of two states of one thing the later stands.

    Where nobody can be sure that a consent came after a refusal or withdrawal, the consent ends:
    the two are less than two days apart, or it lies minutes ahead of ``now``.

    Both rows must be locked. ``source`` stays behind as a sign-post without credentials.
    """
    moving = {_place(row): row for row in _consents(connection, source)}
    standing = {_place(row): row for row in _consents(connection, target)}
    shared = moving.keys() & standing.keys()
    ended = {each: endings(connection, each, shared) for each in (source, target)}
    for place, row in moving.items():
        if place not in shared:
            _update(connection, row, {"patient_id": target})
            continue
        one = _side(connection, standing[place], ended[target][place])
        other = _side(connection, row, ended[source][place])
        _merge(connection, row, standing[place], _merged(one, other, now))
    moved = credential.update().where(credential.c.patient_id == source)
    connection.execute(moved.values(patient_id=target))
    left = patient.update().where(patient.c.id == source)
    connection.execute(left.values(joined_into=target))
    index_names(connection, consent.c.patient_id == target)


def _consents(connection: Connection, owner: PatientId) -> list[RowMapping]:
    query = select(consent).where(consent.c.patient_id == owner)
    return list(connection.execute(query).mappings())


def _place(row: RowMapping) -> Place:
    return Place(row["facility_id"], row["channel"], row["visit_key"])


def _merge(
    connection: Connection,
    row: RowMapping,
    into: RowMapping,
    merged: Mapping[ConsentItem, ItemState],
) -> None:
    both = consent_item.c.consent_id.in_([row["id"], into["id"]])
    connection.execute(consent_item.delete().where(both))
    rows = [
        {
            "consent_id": into["id"],
            "item": item.value,
            "state": said.state.value,
            "since": said.since,
            "record_id": said.record_id,
        }
        for item, said in merged.items()
    ]
    connection.execute(consent_item.insert(), rows)
    forget_names(connection, consent_gram.c.consent_id == row["id"])
    connection.execute(consent.delete().where(consent.c.id == row["id"]))
    if row["is_listed"]:
        _update(connection, into, {"is_listed": True})
    if into["recorded_at"] < row["recorded_at"]:
        _update(connection, into, {name: row[name] for name in _LATEST})


@dataclass(frozen=True)
class _Side:
    """What one of the two patients has said at a place."""

    items: Mapping[ConsentItem, ItemState]
    """What holds of each item that was asked."""
    ended: Mapping[ConsentItem, ItemState]
    """The last end of each item, asked or not, whatever was granted after it."""


def _side(connection: Connection, row: RowMapping, ended: Ends) -> _Side:
    query = select(consent_item).where(consent_item.c.consent_id == row["id"])
    items = {
        ConsentItem(found["item"]): ItemState(
            ConsentState(found["state"]), found["since"], RecordId(found["record_id"])
        )
        for found in connection.execute(query).mappings()
    }
    for item, said in items.items():
        if said.state is not ConsentState.GRANT:
            ended[item] = max(said, ended.get(item, said), key=_since)
    return _Side(items, ended)


def _merged(one: _Side, other: _Side, now: datetime) -> dict[ConsentItem, ItemState]:
    """Return what holds of each item that either was asked.

    What one patient granted after an end of their own stands, whatever the clocks say; only an end
    of the other side is held against it.
    """
    merged = {}
    for item in one.items.keys() | other.items.keys():
        standing = [*_standing(item, one, other, now), *_standing(item, other, one, now)]
        ended = [side.ended[item] for side in (one, other) if item in side.ended]
        merged[item] = max(standing or ended, key=_since)
    return merged


def _standing(item: ConsentItem, own: _Side, other: _Side, now: datetime) -> Iterator[ItemState]:
    said, end = own.items.get(item), other.ended.get(item)
    if said is None or said.state is not ConsentState.GRANT:
        return
    if end is None or end.since + _DOUBT < said.since < now + _AHEAD:
        yield said


def _since(said: ItemState) -> datetime:
    return said.since


def _update(connection: Connection, row: RowMapping, values: Mapping[str, Any]) -> None:
    connection.execute(consent.update().where(consent.c.id == row["id"]).values(values))
