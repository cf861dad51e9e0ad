"""One consent as it stands now, and holding it still while something rests on it.

Whoever acts on what stands (shows something, withdraws it) locks the patient first, as every
registration does: so a consent never ends between the look and the act.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, RowMapping, Select, select

from zaitaku.consent.document import ConsentDocument
from zaitaku.consent.model import ConsentItem, ConsentState, Decision, last_day
from zaitaku.consent.patients import PatientMoved
from zaitaku.consent.questions import WIDENED_BY_CHART_SHARING, wording_id
from zaitaku.consent.tables import consent, consent_item, consent_record, credential, patient
from zaitaku.core.errors import NotFound
from zaitaku.core.ids import ConsentId, FacilityId, PatientId, RecordId
from zaitaku.facilities.model import Channel

VERSION_CHARACTERS: Final = 16


@dataclass(frozen=True)
class PresentItem:
    """What stands of one item, since when, and by which record it was last decided."""

    state: ConsentState
    since: datetime
    record_id: RecordId


@dataclass(frozen=True)
class PresentConsent:
    """A patient's consent at one facility, on one channel, and there for one 受診日 if any."""

    id: ConsentId
    patient_id: PatientId
    person_key: str | None
    """``None``: the eligibility check has not told yet who the patient is."""
    channel: Channel
    visit_date: date | None
    valid_until: datetime | None
    record_id: RecordId
    """The latest record."""
    reference: str
    recorded_at: datetime
    is_left: bool
    """Whether the credential of the latest record is another patient's now."""
    items: Mapping[ConsentItem, PresentItem]

    @property
    def version(self) -> str:
        """A word that changes whenever anything of it does; forms carry it."""
        said = [str(self.record_id)]
        said += [f"{item}={self.items[item].state}@{self.items[item].since}" for item in self.items]
        return hashlib.sha256("\n".join(said).encode()).hexdigest()[:VERSION_CHARACTERS]

    @property
    def last_day(self) -> date | None:
        """The last day in Japan on which it holds; ``None``: until withdrawn."""
        return last_day(self.valid_until)

    def is_expired(self, now: datetime) -> bool:
        """Tell whether its time is over."""
        return self.valid_until is not None and self.valid_until <= now

    def granted(self, now: datetime) -> tuple[ConsentItem, ...]:
        """Return the items that may be seen at ``now``, in the order of asking."""
        if self.is_expired(now):
            return ()
        return tuple(
            item for item, standing in self.items.items() if standing.state is ConsentState.GRANT
        )

    def allows_requery(self, now: datetime) -> bool:
        """Tell whether the patient may be asked about without the card (domain.md §12).

        At home as long as something is granted; online until the consent's time is over. Never
        when the card has become another person's.
        """
        if self.channel is Channel.HOME_VISIT:
            return bool(self.granted(now))
        return not self.is_left and not self.is_expired(now)


class PresentConsents:
    """The consents of one facility as they stand."""

    def __init__(self, connection: Connection, facility_id: FacilityId) -> None:
        self._connection = connection
        self._facility_id = facility_id

    def find(self, consent_id: ConsentId) -> PresentConsent:
        """Return a consent.

        Raises:
            NotFound: this facility has none of this name.
        """
        row = self._connection.execute(self._chosen(consent_id)).mappings().one_or_none()
        if row is None:
            raise NotFound("consent")
        return _present(row, self._items(row))

    def hold(self, consent_id: ConsentId, *, to_change: bool) -> PresentConsent:
        """Return a consent that nobody else changes before this transaction ends.

        Without ``to_change`` others may hold it as well.

        Raises:
            NotFound: this facility has none of this name.
            PatientMoved: another transaction joined the patient meanwhile; the caller begins a
                new transaction.
        """
        holder = self.find(consent_id).patient_id
        locked = select(patient.c.id).where(patient.c.id == holder)
        self._connection.execute(locked.with_for_update(read=not to_change))
        held = self.find(consent_id)
        if held.patient_id != holder:
            raise PatientMoved
        return held

    def widened(self, held: PresentConsent) -> frozenset[ConsentItem]:
        """Return the items that were granted under the wording with the bracketed part.

        A grant under the narrower wording never opens what it did not name (domain.md §4).
        """
        granted = {
            item: standing.record_id
            for item, standing in held.items.items()
            if standing.state is ConsentState.GRANT and item in WIDENED_BY_CHART_SHARING
        }
        documents = self._documents(set(granted.values()))
        return frozenset(item for item, name in granted.items() if _is_wide(item, documents[name]))

    def _documents(self, names: set[RecordId]) -> Mapping[RecordId, ConsentDocument]:
        query = select(consent_record.c.id, consent_record.c.document).where(
            consent_record.c.facility_id == self._facility_id, consent_record.c.id.in_(names)
        )
        rows = self._connection.execute(query)
        return {RecordId(name): ConsentDocument.parse_canonical(text) for name, text in rows}

    def _chosen(self, consent_id: ConsentId) -> Select[Any]:
        return (
            select(consent, patient.c.person_key, credential.c.patient_id.label("holder"))
            .join(patient, patient.c.id == consent.c.patient_id)
            .join(consent_record, consent_record.c.id == consent.c.record_id)
            .join(credential, credential.c.id == consent_record.c.credential_id)
            .where(consent.c.facility_id == self._facility_id, consent.c.id == consent_id)
        )

    def _items(self, row: RowMapping) -> Mapping[ConsentItem, PresentItem]:
        query = (
            select(consent_item, credential.c.patient_id.label("holder"))
            .join(consent_record, consent_record.c.id == consent_item.c.record_id)
            .join(credential, credential.c.id == consent_record.c.credential_id)
            .where(consent_item.c.consent_id == row["id"])
        )
        items = {item["item"]: item for item in self._connection.execute(query).mappings()}
        owner = row["patient_id"]
        return {item: _item(items[item], owner) for item in ConsentItem if item in items}


def _is_wide(item: ConsentItem, document: ConsentDocument) -> bool:
    # 薬剤 may have been granted by the one question on 診療・薬剤, which contains it.
    granted = {
        answer.item: answer.wording.id
        for answer in document.decisions
        if answer.decision is Decision.GRANT
    }
    asked = item if item in granted else ConsentItem.CLINICAL
    return granted.get(asked) == wording_id(asked, with_chart=True)


def _item(row: RowMapping, owner: UUID) -> PresentItem:
    state = ConsentState(row["state"])
    if state is ConsentState.GRANT and row["holder"] != owner:
        # Moving a card ends what it granted; whatever else moves one, nothing of it is served.
        state = ConsentState.WITHDRAWN
    return PresentItem(state, row["since"], RecordId(row["record_id"]))


def _present(row: RowMapping, items: Mapping[ConsentItem, PresentItem]) -> PresentConsent:
    return PresentConsent(
        id=ConsentId(row["id"]),
        patient_id=PatientId(row["patient_id"]),
        person_key=row["person_key"],
        channel=Channel(row["channel"]),
        visit_date=row["visit_date"],
        valid_until=row["valid_until"],
        record_id=RecordId(row["record_id"]),
        reference=row["reference"],
        recorded_at=row["recorded_at"],
        is_left=row["holder"] != row["patient_id"],
        items=items,
    )
