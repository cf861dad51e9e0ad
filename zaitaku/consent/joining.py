"""Joining two patients that turn out to be one person; records stay as they are.

What each of them said was said at another moment, told by the clock of whichever process recorded
it: nothing else tells the order, as the lock on a patient's row does within one patient.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, select

from zaitaku.consent.grams import forget_names, index_names
from zaitaku.consent.model import ConsentItem, ConsentState
from zaitaku.consent.tables import consent, consent_gram, consent_item, credential, patient
from zaitaku.core.ids import PatientId

_PLACE = ("facility_id", "channel", "visit_key")
_LATEST = ("valid_until", "record_id", "recorded_at", "reference")
_DOUBT: Final = timedelta(days=2)
"""Between two moments that are no further apart than this, a clock that was a day off decides."""


def join_patients(
    connection: Connection, *, source: PatientId, target: PatientId, now: datetime
) -> None:
    """Give everything of ``source`` to ``target``; of two states of one thing the later stands.

    Where nobody can be sure that a consent came after a refusal or withdrawal, the consent ends:
    the two are less than two days apart, or it lies ahead of ``now``.

    Both rows must be locked. ``source`` stays behind as a sign-post without credentials.
    """
    standing = {_place(row): row for row in _consents(connection, target)}
    for row in _consents(connection, source):
        if _place(row) in standing:
            _merge(connection, row, standing[_place(row)], now)
        else:
            _update(connection, row, {"patient_id": target})
    moved = credential.update().where(credential.c.patient_id == source)
    connection.execute(moved.values(patient_id=target))
    left = patient.update().where(patient.c.id == source)
    connection.execute(left.values(joined_into=target))
    index_names(connection, consent.c.patient_id == target)


def _consents(connection: Connection, owner: PatientId) -> list[RowMapping]:
    query = select(consent).where(consent.c.patient_id == owner)
    return list(connection.execute(query).mappings())


def _place(row: RowMapping) -> tuple[Any, ...]:
    return tuple(row[name] for name in _PLACE)


def _merge(connection: Connection, row: RowMapping, into: RowMapping, now: datetime) -> None:
    ends = [end for each in (row, into) if (end := _end_of_all(connection, each))]
    standing = {item["item"]: item for item in _items(connection, into)}
    for item in _items(connection, row):
        other = standing.get(item["item"])
        if other is None or _stands(item, other, now):
            _replace_item(connection, into, item)
    _settle_contained(connection, into, now)
    for end in ends:
        _settle_end(connection, end, into, now)
    forget_names(connection, consent_gram.c.consent_id == row["id"])
    for table, column in ((consent_item, consent_item.c.consent_id), (consent, consent.c.id)):
        connection.execute(table.delete().where(column == row["id"]))
    if row["is_listed"]:
        _update(connection, into, {"is_listed": True})
    if into["recorded_at"] < row["recorded_at"]:
        _update(connection, into, {name: row[name] for name in _LATEST})


def _stands(item: RowMapping, other: RowMapping, now: datetime) -> bool:
    if _is_grant(item) == _is_grant(other):
        return bool(other["since"] < item["since"])
    if _is_grant(item):
        return _is_surely_later(item, other, now)
    return not _is_surely_later(other, item, now)


def _is_grant(item: RowMapping) -> bool:
    return bool(item["state"] == ConsentState.GRANT)


def _is_surely_later(grant: RowMapping, end: RowMapping, now: datetime) -> bool:
    return bool(end["since"] + _DOUBT < grant["since"] <= now)


def _settle_contained(connection: Connection, into: RowMapping, now: datetime) -> None:
    # 診療 contains 薬剤: a later refusal of 薬剤 ends an earlier grant of 診療, as in one patient.
    items = {item["item"]: item for item in _items(connection, into)}
    clinical, medication = items.get(ConsentItem.CLINICAL), items.get(ConsentItem.MEDICATION)
    if clinical is None or medication is None or clinical["record_id"] == medication["record_id"]:
        return
    is_contrary = _is_grant(clinical) and not _is_grant(medication)
    if is_contrary and not _is_surely_later(clinical, medication, now):
        _replace_item(connection, into, {**medication, "item": ConsentItem.CLINICAL.value})


def _end_of_all(connection: Connection, row: RowMapping) -> RowMapping | None:
    # Who refuses all that was asked, or has all of it withdrawn, wants nothing shown: so what was
    # granted before and not asked ends as well, as in one patient.
    items = _items(connection, row)
    if not any(map(_is_grant, items)):
        # Also where the last that was said was a consent, which a joining ended: in doubt.
        return max(items, key=_since, default=None)
    said = [item for item in items if item["record_id"] == row["record_id"]]
    if any(map(_is_grant, said)):
        return None
    return max(said, key=_since, default=None)


def _settle_end(connection: Connection, end: RowMapping, into: RowMapping, now: datetime) -> None:
    for item in _items(connection, into):
        if _is_grant(item) and not _is_surely_later(item, end, now):
            _replace_item(connection, into, {**end, "item": item["item"]})


def _since(item: RowMapping) -> datetime:
    since: datetime = item["since"]
    return since


def _items(connection: Connection, row: RowMapping) -> list[RowMapping]:
    query = select(consent_item).where(consent_item.c.consent_id == row["id"])
    return list(connection.execute(query).mappings())


def _replace_item(
    connection: Connection, into: RowMapping, item: RowMapping | dict[str, Any]
) -> None:
    same = (consent_item.c.consent_id == into["id"]) & (consent_item.c.item == item["item"])
    connection.execute(consent_item.delete().where(same))
    connection.execute(consent_item.insert().values({**item, "consent_id": into["id"]}))


def _update(connection: Connection, row: RowMapping, values: Mapping[str, Any]) -> None:
    connection.execute(consent.update().where(consent.c.id == row["id"]).values(values))
