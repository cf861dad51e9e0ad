"""What a patient has ended at one place, told from the records: for the joining of two patients.

The present state tells of an item only what was said last. Who refuses everything and agrees to one
item later has ended the others as well; where those were granted under another card, nothing but
the records remembers it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, RowMapping, select

from zaitaku.consent.belonging import is_of
from zaitaku.consent.document import ConsentDocument
from zaitaku.consent.errors import MalformedDocument
from zaitaku.consent.model import ConsentItem, ConsentState, Decision
from zaitaku.consent.state import Decisions, implied_decisions, is_full_refusal
from zaitaku.consent.tables import consent_record, consent_withdrawal, visit_key
from zaitaku.core.ids import FacilityId, PatientId, RecordId


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
class _Act:
    """What a statement or a withdrawal did: a full refusal ended every item."""

    granted: frozenset[ConsentItem]
    ended: frozenset[ConsentItem]
    ending: ItemState


def endings(
    connection: Connection, patient_id: PatientId, place: Place
) -> dict[ConsentItem, ItemState]:
    """Return how each item was last ended at ``place``, whatever was granted after it.

    An act that leaves nothing granted ends every item: nothing is to be shown, whatever card had
    agreed to it.
    """
    acts = [
        *_statements(connection, patient_id, place),
        *_withdrawals(connection, patient_id, place),
    ]
    granted: frozenset[ConsentItem] = frozenset()
    found: dict[ConsentItem, ItemState] = {}
    for act in sorted(acts, key=lambda act: act.ending.since):
        granted = (granted | act.granted) - act.ended
        found |= dict.fromkeys(act.ended if granted else ConsentItem, act.ending)
    return found


def _statements(connection: Connection, patient_id: PatientId, place: Place) -> Iterator[_Act]:
    record = consent_record.c
    query = select(record.id, record.recorded_at, record.document)
    chosen = query.where(record.facility_id == place.facility_id, is_of(patient_id))
    for row in connection.execute(chosen).mappings():
        document = _read(row)
        if _is_at(document, place):
            said = _said(document)
            granted = frozenset(item for item in said if said[item] is Decision.GRANT)
            ending = ItemState(ConsentState.REFUSE, row["recorded_at"], RecordId(row["id"]))
            yield _Act(granted, _with_clinical(frozenset(said) - granted), ending)


def _withdrawals(connection: Connection, patient_id: PatientId, place: Place) -> Iterator[_Act]:
    query = select(consent_withdrawal, consent_record.c.document).join(consent_record)
    here = consent_withdrawal.c.facility_id == place.facility_id
    for row in connection.execute(query.where(here, is_of(patient_id))).mappings():
        if _is_at(_read(row), place):
            ended = frozenset(ConsentItem(item) for item in row["items"])
            record_id = RecordId(row["record_id"])
            ending = ItemState(ConsentState.WITHDRAWN, row["withdrawn_at"], record_id)
            yield _Act(frozenset(), _with_clinical(ended), ending)


def _read(row: RowMapping) -> ConsentDocument | None:
    try:
        return ConsentDocument.parse(row["document"])
    except MalformedDocument:
        return None


def _is_at(document: ConsentDocument | None, place: Place) -> bool:
    # What cannot be read may have been a refusal at this very place.
    if document is None:
        return True
    said = (document.channel.value, visit_key(document.visit_date))
    return said == (place.channel, place.visit_key)


def _said(document: ConsentDocument | None) -> Decisions:
    stated = {answer.item: answer.decision for answer in document.decisions} if document else {}
    if is_full_refusal(stated.values()):
        return dict.fromkeys(ConsentItem, Decision.REFUSE)
    return implied_decisions(stated)


def _with_clinical(ended: frozenset[ConsentItem]) -> frozenset[ConsentItem]:
    # 診療 contains 薬剤, and would show it.
    return ended | {ConsentItem.CLINICAL} if ConsentItem.MEDICATION in ended else ended
