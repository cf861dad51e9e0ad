"""What stands of each consent, compared with what its records say must stand.

A consent has its place: a facility, a patient, a channel, a 受診日 if any. Everything that was ever
said there is in records, withdrawals and resets that only grow; the present state is kept beside
them. Here it is made anew from them, by the rules of domain.md §12 written down once more: what
the product computes with is what may be broken.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, RowMapping, Select, func, literal_column, select

from zaitaku.audit.model import Act
from zaitaku.audit.store import audit_entry
from zaitaku.consent.tables import (
    consent,
    consent_item,
    consent_record,
    consent_withdrawal,
    credential,
    patient,
)
from zaitaku.core.database import Database

_GRANT: Final = "grant"
_REFUSE: Final = "refuse"
_WITHDRAWN: Final = "withdrawn"
_LEFT: Final = "left"
"""Withdrawn because the card is another person's now: no reset brings it back."""
_NOBODY: Final = "nobody"
_COPIED: Final = ("reference", "recorded_at", "valid_until")
"""What a consent repeats of its newest record."""


class Place(NamedTuple):
    """Where there is one consent at most."""

    facility: UUID
    patient: UUID
    channel: str
    visit: str


class Happened(NamedTuple):
    """What befell a consent between two of its records: a withdrawal, or a reset of the sandbox."""

    at: datetime
    ended: tuple[str, ...]
    """The items; of a reset none."""
    becomes: str


@dataclass
class Course:
    """What must stand at one place, after everything that was said there."""

    states: dict[str, str] = field(default_factory=dict)
    by: dict[str, UUID] = field(default_factory=dict)
    """The record that last decided each item."""
    is_listed: bool = False
    """Whether anything was ever granted: from then on the consent is in the clinic's list."""

    def say(self, record: UUID, decisions: Mapping[str, str]) -> None:
        """Let a statement hold, with what it contains and what it takes back unasked."""
        said = dict(decisions)
        if "clinical" in said:  # 診療 contains 薬剤
            said["medication"] = said["clinical"]
        for item in self._taken_back(said):
            said.setdefault(item, _REFUSE)
        self.states.update(said)
        self.by.update(dict.fromkeys(said, record))
        self.is_listed |= _GRANT in self.states.values()

    def _taken_back(self, said: Mapping[str, str]) -> tuple[str, ...]:
        if _GRANT not in said.values():  # 「すべて同意しない」: nothing is shown any more
            return tuple(item for item, state in self.states.items() if state == _GRANT)
        refuses_medication = said.get("medication") == _REFUSE
        return ("clinical",) if refuses_medication and "clinical" in self._granted else ()

    @property
    def _granted(self) -> set[str]:
        return {item for item, state in self.states.items() if state == _GRANT}

    def befall(self, happened: Happened) -> None:
        """Let a withdrawal or a reset hold."""
        is_reset = happened.becomes == _GRANT
        met = {item for item, state in self.states.items() if state == _WITHDRAWN}
        met = met if is_reset else self._granted & set(happened.ended)
        self.states.update(dict.fromkeys(met, happened.becomes))

    def items(self) -> dict[str, tuple[str, UUID]]:
        """Return each item's state and record as a database has them."""
        shown = {_LEFT: _WITHDRAWN}
        return {item: (shown.get(each, each), self.by[item]) for item, each in self.states.items()}


@dataclass(frozen=True)
class Seen:
    """Everything that a database has of consents."""

    records: Mapping[Place, Sequence[RowMapping]]
    """In the order in which they were written."""
    merged: frozenset[UUID]
    """Patients into whom others were joined: two courses of time meet there."""
    withdrawals: Mapping[UUID, Sequence[Happened]]
    """By the record that stood."""
    resets: Mapping[UUID, Sequence[Happened]]
    """By facility."""
    consents: Mapping[Place, RowMapping]
    items: Mapping[UUID, Mapping[str, tuple[str, UUID]]]
    """By consent."""


def broken_places(database: Database) -> list[str]:
    """Return what does not stand as it must, a line for each place; nobody writes meanwhile.

    Where patients were joined only what a consent repeats of its own items and record is compared.
    """
    with database.reading() as connection:
        seen = _seen(connection, is_sqlite=database.is_sqlite)
    lines = [
        _difference(seen, place)
        for place in sorted(set(seen.records) | set(seen.consents), key=str)
    ]
    return [line for line in lines if line]


def _difference(seen: Seen, place: Place) -> str:
    row, records = seen.consents.get(place), seen.records.get(place, ())
    if row is None:
        return f"no consent of {records[-1]['reference']}"
    if not records:
        return f"a consent without a record: {row['reference']}"
    found = seen.items.get(row["id"], {})
    if place.patient in seen.merged:
        wrong = _wrong_where_joined(row, found, records)
    else:
        wrong = _wrong(row, found, records[-1], _course(seen, place))
    return f"{row['reference']}: {' '.join(wrong)} wrong" if wrong else ""


def _wrong(
    row: RowMapping,
    found: Mapping[str, tuple[str, UUID]],
    newest: RowMapping,
    course: Course,
) -> list[str]:
    due: dict[str, Any] = {name: newest[name] for name in _COPIED}
    due |= {"record_id": newest["id"], "is_listed": course.is_listed}
    due |= {"standing": _standing(course.items())}
    wrong = [name for name, value in due.items() if row[name] != value]
    return [*wrong, *(["items"] if found != course.items() else [])]


def _wrong_where_joined(
    row: RowMapping, found: Mapping[str, tuple[str, UUID]], records: Sequence[RowMapping]
) -> list[str]:
    own = next((each for each in records if each["id"] == row["record_id"]), None)
    wrong = ["record_id"] if own is None else [n for n in _COPIED if row[n] != own[n]]
    standing = _standing(found)
    wrong += [] if row["standing"] == standing else ["standing"]
    wrong += [] if row["is_listed"] or standing == _REFUSE else ["is_listed"]
    return [*wrong, *([] if found else ["items"])]


def _standing(items: Mapping[str, tuple[str, UUID]]) -> str:
    states = {state for state, _ in items.values()}
    return next((state for state in (_GRANT, _WITHDRAWN) if state in states), _REFUSE)


def _course(seen: Seen, place: Place) -> Course:
    course, records = Course(), seen.records[place]
    for turn, record in enumerate(records):
        course.say(record["id"], _decisions(record["document"]))
        later = records[turn + 1]["recorded_at"] if turn + 1 < len(records) else None
        resets = _between(seen.resets.get(place.facility, ()), record["recorded_at"], later)
        for happened in sorted((*seen.withdrawals.get(record["id"], ()), *resets)):
            course.befall(happened)
    return course


def _between(
    found: Iterable[Happened], since: datetime, until: datetime | None
) -> Iterator[Happened]:
    return (each for each in found if since <= each.at and (until is None or each.at < until))


def _decisions(document: str) -> dict[str, str]:
    return {each["item"]: each["decision"] for each in json.loads(document)["decisions"]}


def _seen(connection: Connection, *, is_sqlite: bool) -> Seen:
    items: dict[UUID, dict[str, tuple[str, UUID]]] = defaultdict(dict)
    for each in connection.execute(select(consent_item)).mappings():
        items[each["consent_id"]][each["item"]] = (each["state"], each["record_id"])
    consents = connection.execute(select(consent)).mappings()
    joined = select(patient.c.joined_into).where(patient.c.joined_into.is_not(None))
    return Seen(
        records=_records(connection, is_sqlite=is_sqlite),
        merged=frozenset(connection.execute(joined).scalars()),
        withdrawals=_withdrawals(connection),
        resets=_resets(connection),
        consents={_place_of_consent(each): each for each in consents},
        items=items,
    )


def _place_of_consent(row: RowMapping) -> Place:
    return Place(row["facility_id"], row["patient_id"], row["channel"], row["visit_key"])


def _records(connection: Connection, *, is_sqlite: bool) -> Mapping[Place, Sequence[RowMapping]]:
    found: dict[Place, list[RowMapping]] = defaultdict(list)
    for row in connection.execute(_all_records(is_sqlite=is_sqlite)).mappings():
        said = json.loads(row["document"])
        visit = said["visit_date"] or ""
        found[Place(row["facility_id"], row["owner"], said["channel"], visit)].append(row)
    return found


def _all_records(*, is_sqlite: bool) -> Select[Any]:
    # In the order of writing: of times nothing can be said where a clock jumps. Of one patient no
    # two records are written at once here, so the order of transactions is that of commits.
    order = "consent_record.rowid" if is_sqlite else "-age(consent_record.xmin)"
    of_record = func.coalesce(consent_record.c.patient_id, credential.c.patient_id)
    return (
        select(consent_record, func.coalesce(patient.c.joined_into, patient.c.id).label("owner"))
        .join(credential, credential.c.id == consent_record.c.credential_id)
        .join(patient, patient.c.id == of_record)
        .order_by(literal_column(order), consent_record.c.recorded_at)
    )


def _withdrawals(connection: Connection) -> Mapping[UUID, Sequence[Happened]]:
    found: dict[UUID, list[Happened]] = defaultdict(list)
    for row in connection.execute(select(consent_withdrawal)).mappings():
        becomes = _LEFT if row["requester"] == _NOBODY else _WITHDRAWN
        happened = Happened(row["withdrawn_at"], tuple(row["items"]), becomes)
        found[row["record_id"]].append(happened)
    return found


def _resets(connection: Connection) -> Mapping[UUID, Sequence[Happened]]:
    found: dict[UUID, list[Happened]] = defaultdict(list)
    acts = select(audit_entry).where(audit_entry.c.act == Act.RESET_TEST_CONSENTS.value)
    for row in connection.execute(acts).mappings():
        found[row["facility_id"]].append(Happened(row["at"], (), _GRANT))
    return found
