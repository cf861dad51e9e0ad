"""Joining two patients that turn out to be one person; records stay as they are.

What each of them said was said at another moment, told by the clock of whichever process recorded
it: nothing else tells the order, as the lock on a patient's row does within one patient.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias
from uuid import UUID

from sqlalchemy import Connection, RowMapping, select

from zaitaku.consent.endings import Ending, Ends, ItemState, Place, endings
from zaitaku.consent.grams import forget_names, index_names
from zaitaku.consent.model import ConsentItem, ConsentState
from zaitaku.consent.tables import (
    consent,
    consent_gram,
    consent_item,
    consent_record,
    credential,
    patient,
)
from zaitaku.core.ids import PatientId, RecordId

_Rows: TypeAlias = Mapping[Place, RowMapping]
"""Consents of one patient."""
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
    for place in moving.keys() - standing.keys():
        _update(connection, moving[place], {"patient_id": target})
    shared = moving.keys() & standing.keys()
    if shared:
        kept = {place: standing[place] for place in shared}
        _merge(connection, kept, {place: moving[place] for place in shared}, now)
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


@dataclass(frozen=True)
class _Side:
    """What one of the two patients has said at a place."""

    items: Mapping[ConsentItem, ItemState]
    """What holds of each item that was asked."""
    ended: Ends
    """The last end of each item, asked or not, whatever was granted after it."""


def _merge(connection: Connection, kept: _Rows, gone: _Rows, now: datetime) -> None:
    one, other = _sides(connection, kept), _sides(connection, gone)
    merged = [
        _item_row(row["id"], item, said)
        for place, row in kept.items()
        for item, said in _merged(one[place], other[place], now).items()
    ]
    old = [row["id"] for row in (*kept.values(), *gone.values())]
    connection.execute(consent_item.delete().where(consent_item.c.consent_id.in_(old)))
    connection.execute(consent_item.insert(), merged)
    left = [row["id"] for row in gone.values()]
    forget_names(connection, consent_gram.c.consent_id.in_(left))
    connection.execute(consent.delete().where(consent.c.id.in_(left)))
    for place, row in kept.items():
        _bring_up(connection, row, gone[place])


def _bring_up(connection: Connection, row: RowMapping, gone: RowMapping) -> None:
    if gone["is_listed"]:
        _update(connection, row, {"is_listed": True})
    if row["recorded_at"] < gone["recorded_at"]:
        _update(connection, row, {name: gone[name] for name in _LATEST})


def _item_row(consent_id: UUID, item: ConsentItem, said: ItemState) -> dict[str, Any]:
    return {
        "consent_id": consent_id,
        "item": item.value,
        "state": said.state.value,
        "since": said.since,
        "record_id": said.record_id,
    }


def _sides(connection: Connection, rows: _Rows) -> dict[Place, _Side]:
    items: dict[UUID, dict[ConsentItem, ItemState]] = {row["id"]: {} for row in rows.values()}
    query = select(consent_item, consent_record.c.recorded_at).join(consent_record)
    chosen = query.where(consent_item.c.consent_id.in_(items))
    for found in connection.execute(chosen).mappings():
        state = ConsentState(found["state"])
        # A reset in the sandbox dates a grant anew; it was given when it was recorded.
        since = found["recorded_at" if state is ConsentState.GRANT else "since"]
        said = ItemState(state, since, RecordId(found["record_id"]))
        items[found["consent_id"]][ConsentItem(found["item"])] = said
    owner = PatientId(next(iter(rows.values()))["patient_id"])
    standing = {place: _records_of_grants(items[row["id"]]) for place, row in rows.items()}
    ended = endings(connection, owner, standing)
    return {place: _side(items[row["id"]], ended[place]) for place, row in rows.items()}


def _records_of_grants(items: Mapping[ConsentItem, ItemState]) -> frozenset[RecordId]:
    granted = (said for said in items.values() if said.state is ConsentState.GRANT)
    return frozenset(said.record_id for said in granted)


def _side(items: Mapping[ConsentItem, ItemState], ended: Ends) -> _Side:
    present = {
        item: _end(said, ended.get(item))
        for item, said in items.items()
        if said.state is not ConsentState.GRANT
    }
    return _Side(items, ended | present)


def _end(present: ItemState, found: Ending | None) -> Ending:
    if found and found.told.since >= present.since:
        return found
    return Ending(present, covers=present.since).after(found)


def _merged(one: _Side, other: _Side, now: datetime) -> dict[ConsentItem, ItemState]:
    """Return what holds of each item that either was asked.

    What one patient granted after an end of their own stands, whatever the clocks say; only an end
    of the other side is held against it.
    """
    merged = {}
    for item in one.items.keys() | other.items.keys():
        standing = [*_standing(item, one, other, now), *_standing(item, other, one, now)]
        ended = [side.ended[item].told for side in (one, other) if item in side.ended]
        merged[item] = max(standing or ended, key=_since)
    return merged


def _standing(item: ConsentItem, own: _Side, other: _Side, now: datetime) -> Iterator[ItemState]:
    said, end = own.items.get(item), other.ended.get(item)
    if said is None or said.state is not ConsentState.GRANT:
        return
    if end is None or end.covers + _DOUBT < said.since < now + _AHEAD:
        yield said


def _since(said: ItemState) -> datetime:
    return said.since


def _update(connection: Connection, row: RowMapping, values: Mapping[str, Any]) -> None:
    connection.execute(consent.update().where(consent.c.id == row["id"]).values(values))
