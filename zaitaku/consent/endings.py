"""What a patient has ended at a place, told from the records: for the joining of two patients.

The present state tells of an item only what was said last. Who refuses everything and agrees to one
item later has ended the others as well; where those were granted under another card, nothing but
the records remembers it.
"""

from collections.abc import Collection, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, NamedTuple, TypeAlias

from sqlalchemy import ColumnElement, Connection, RowMapping, select

from zaitaku.consent.belonging import is_of
from zaitaku.consent.document import ConsentDocument
from zaitaku.consent.errors import MalformedDocument
from zaitaku.consent.model import ConsentItem, ConsentState, Decision
from zaitaku.consent.state import implied_decisions, is_full_refusal
from zaitaku.consent.tables import consent_record, consent_withdrawal, visit_key
from zaitaku.consent.withdrawal import Requester
from zaitaku.core.ids import FacilityId, PatientId, RecordId

_ALL: Final = frozenset(ConsentItem)
_RECORD: Final = consent_record.c
_SAID: Final = (_RECORD.id, _RECORD.facility_id, _RECORD.recorded_at, _RECORD.document)

Ends: TypeAlias = dict[ConsentItem, "Ending"]
"""How each item was last ended at one place, whatever was granted after it."""


class Place(NamedTuple):
    """Where one consent of a patient holds: a facility, a channel and a 受診日."""

    facility_id: FacilityId
    channel: str
    visit_key: str


@dataclass(frozen=True)
class ItemState:
    """What holds of an item, since when, and the record that it comes from."""

    state: ConsentState
    since: datetime
    record_id: RecordId


@dataclass(frozen=True)
class Ending:
    """The end of an item, and what it does to grants that another patient gave of the same."""

    told: ItemState
    covers: datetime
    """Grants of the other patient up to this moment have ended by it as well."""

    def after(self, before: "Ending | None") -> "Ending":
        """Return both in one, where an item ended once more."""
        return replace(self, covers=max(self.covers, before.covers)) if before else self


Standing: TypeAlias = Mapping[Place, AbstractSet[RecordId]]
"""Of each place, the records of which a grant stands now."""


def endings(connection: Connection, patient_id: PatientId, places: Standing) -> dict[Place, Ends]:
    """Return what a patient, and everybody joined into it, has ended at each of ``places``.

    A refusal of all that was asked ends every item, and so does a withdrawal after which nothing
    stood: nothing is to be shown, whatever card had agreed to it. That something stood is sure
    where a grant of the very record from which was withdrawn stands still.
    """
    found: dict[Place, Ends] = {place: {} for place in places}
    acts = [
        *_statements(connection, patient_id, places),
        *_withdrawals(connection, patient_id, places),
    ]
    for act in sorted(acts, key=lambda act: act.ending.told.since):
        for place in act.places:
            ends = found[place]
            ends |= {item: act.ending.after(ends.get(item)) for item in act.ended}
    return found


@dataclass(frozen=True)
class _Act:
    """What ended, by a statement or a withdrawal, and at which of the places it may have been."""

    places: Collection[Place]
    ended: Collection[ConsentItem]
    ending: Ending


def _statements(connection: Connection, patient_id: PatientId, places: Standing) -> Iterator[_Act]:
    query = select(*_SAID).where(*_of(patient_id, places))
    for row in connection.execute(query).mappings():
        document = _read(row)
        told = ItemState(ConsentState.REFUSE, row["recorded_at"], RecordId(row["id"]))
        ending = Ending(told, covers=told.since)
        yield _Act(_made_at(row, document, places), _refused(document), ending)


def _withdrawals(connection: Connection, patient_id: PatientId, places: Standing) -> Iterator[_Act]:
    withdrawal = consent_withdrawal.c
    named = withdrawal["items"].label("named")
    query = select(*_SAID, withdrawal.withdrawn_at, withdrawal.requester, named)
    joined = query.join(consent_withdrawal).where(*_of(patient_id, places))
    for row in connection.execute(joined).mappings():
        told = ItemState(ConsentState.WITHDRAWN, row["withdrawn_at"], RecordId(row["id"]))
        items = _with_clinical({ConsentItem(item) for item in row["named"]})
        # By nobody: a card became another person's. What it had replaced stays replaced; what
        # another card granted after that, and the other items, nobody has ended.
        by_nobody = row["requester"] == Requester.NOBODY.value
        ending = Ending(told, covers=row["recorded_at"] if by_nobody else told.since)
        for place in _made_at(row, _read(row), places):
            ended = items if by_nobody or told.record_id in places[place] else _ALL
            yield _Act([place], ended, ending)


def _of(patient_id: PatientId, places: Collection[Place]) -> tuple[ColumnElement[bool], ...]:
    facilities = {place.facility_id for place in places}
    return consent_record.c.facility_id.in_(facilities), is_of(patient_id)


def _read(row: RowMapping) -> ConsentDocument | None:
    try:
        return ConsentDocument.parse(row["document"])
    except MalformedDocument:
        return None


def _made_at(
    row: RowMapping, document: ConsentDocument | None, places: Collection[Place]
) -> Collection[Place]:
    # What cannot be read may have been said at any place of its facility.
    if document is None:
        return [place for place in places if place.facility_id == row["facility_id"]]
    place = Place(row["facility_id"], document.channel.value, visit_key(document.visit_date))
    return {place}.intersection(places)


def _refused(document: ConsentDocument | None) -> Collection[ConsentItem]:
    stated = {answer.item: answer.decision for answer in document.decisions} if document else {}
    if is_full_refusal(stated.values()):
        return _ALL
    said = implied_decisions(stated)
    return _with_clinical({item for item in said if said[item] is Decision.REFUSE})


def _with_clinical(ended: AbstractSet[ConsentItem]) -> AbstractSet[ConsentItem]:
    # 診療 contains 薬剤, and would show it.
    return ended | {ConsentItem.CLINICAL} if ConsentItem.MEDICATION in ended else ended
