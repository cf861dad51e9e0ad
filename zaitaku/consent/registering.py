"""What a registration reads and locks, and what it writes: a round trip each.

Nobody else can know a consent that is new: all that stands about it is written at once. What is
there already is brought up to the record.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from sqlalchemy import Connection, bindparam, or_, select

from zaitaku.consent.document import ConsentDocument
from zaitaku.consent.grams import grams_of
from zaitaku.consent.lines import first_lines, present_lines
from zaitaku.consent.model import ConsentItem, ConsentRecord, ConsentState, Decision
from zaitaku.consent.patients import Found, Settled, card_values, locks_of_card, owners
from zaitaku.consent.state import implied_decisions, withdrawn_by
from zaitaku.consent.store import record_from, record_row
from zaitaku.consent.tables import NO_VISIT, consent, consent_gram, consent_item, consent_record
from zaitaku.core.asking import Row
from zaitaku.core.ids import ConsentId, new_uuid
from zaitaku.core.together import Command, NewRows, Work, together
from zaitaku.eligibility.model import Identified
from zaitaku.identity.model import Verified
from zaitaku.reception.store import held_context, url_version

_LATEST: Final = ("valid_until", "record_id", "recorded_at", "reference")
_RECORDS: Final = Command(
    select(consent_record).where(
        or_(
            consent_record.c.journey == bindparam("of_journey"),
            consent_record.c.challenge == bindparam("of_challenge"),
        )
    )
)
_HERE: Final = (
    select(consent.c.id, consent.c.patient_id, consent_item.c.item, consent_item.c.state)
    .outerjoin(consent_item, consent_item.c.consent_id == consent.c.id)
    .where(
        consent.c.facility_id
        == select(url_version.c.facility_id)
        .where(url_version.c.id == bindparam("version"))
        .scalar_subquery(),
        consent.c.channel == bindparam("channel_word"),
        consent.c.visit_key == bindparam("visit"),
    )
)
_HERE_OF_PATIENT: Final = Command(_HERE.where(consent.c.patient_id == bindparam("of_patient")))
_ADD_RECORD: Final = Command(consent_record.insert(), *consent_record.columns.keys())
_ADD_CONSENT: Final = Command(consent.insert(), *consent.columns.keys())
_BRING_UP: Final = Command(
    consent.update().where(consent.c.id == bindparam("the_consent")).values(present_lines()),
    *_LATEST,
)
_ITEMS: Final = NewRows(consent_item, "item", "state", replacing=("consent_id", "item"))
_LETTERS: Final = NewRows(consent_gram, "gram")
_FORGET_LETTERS: Final = Command(
    consent_gram.delete().where(consent_gram.c.consent_id == bindparam("the_consent"))
)


@dataclass(frozen=True)
class Look:
    """What stands before a registration; the URL's pointer and the patients are locked."""

    records: Sequence[ConsentRecord]
    """Of the journey or of the challenge, both from one moment."""
    context: Sequence[Row]
    """Where the URL's version leads (``ReceptionService.opened``)."""
    people: Found
    here: Sequence[Row]
    """The items of the patients' consents for this facility, channel and 受診日."""


def look(
    connection: Connection, card: Verified, document: ConsentDocument, insured: Identified | None
) -> Look:
    """Return what stands, in one round trip."""
    hashes = card.subject_hashes
    records, _, context, people, credentials, here = together(
        connection,
        _RECORDS(of_journey=card.journey, of_challenge=card.challenge),
        *held_context(document.url_version),
        *locks_of_card(hashes, insured),
        _here_of_card(len(hashes))(**_place_of(document), **card_values(hashes, insured)),
    )
    found = Found(people, credentials)
    return Look([record_from(row) for row in records], context, found, here)


@dataclass(frozen=True)
class Entry:
    """A record that is about to be written, and whose it is."""

    record: ConsentRecord
    document: ConsentDocument
    settled: Settled

    def record_work(self) -> Work:
        """Return the appending of the record."""
        return _ADD_RECORD(
            **record_row(self.record),
            url_version_id=self.document.url_version,
            patient_id=self.settled.patient,
        )

    def state_works(self, here: Sequence[Row]) -> list[Work]:
        """Return what brings the present state up to the record, ``here`` being what stands."""
        own = [row for row in here if row["patient_id"] == self.settled.patient]
        standing = {row["item"]: ConsentState(row["state"]) for row in own if row["item"]}
        stated = {answer.item: answer.decision for answer in self.document.decisions}
        effects = {**withdrawn_by(stated, standing), **implied_decisions(stated)}
        if own:
            return self._later(ConsentId(own[0]["id"]), effects)
        return self._first(ConsentId(new_uuid()), effects)

    def _first(self, name: ConsentId, effects: Mapping[ConsentItem, Decision]) -> list[Work]:
        names = self.settled.names
        added = _ADD_CONSENT(
            id=name,
            facility_id=self.record.facility_id,
            patient_id=self.settled.patient,
            channel=self.document.channel.value,
            visit_key=_visit_key(self.document),
            visit_date=self.document.visit_date,
            kana_key=names["kana_key"],
            birth_date=names["birth_date"],
            **first_lines(effects),
            **self._latest(),
        )
        return [added, self._items(name, effects), *self._letters(name)]

    def _later(self, name: ConsentId, effects: Mapping[ConsentItem, Decision]) -> list[Work]:
        brought = _BRING_UP(the_consent=name, **self._latest())
        forgotten = _FORGET_LETTERS(the_consent=name)
        return [self._items(name, effects), brought, forgotten, *self._letters(name)]

    def _latest(self) -> dict[str, Any]:
        return {
            "valid_until": self.record.valid_until,
            "record_id": self.record.id,
            "recorded_at": self.record.recorded_at,
            "reference": self.record.reference,
        }

    def _items(self, name: ConsentId, effects: Mapping[ConsentItem, Decision]) -> Work:
        rows = [{"item": item.value, "state": said.value} for item, said in effects.items()]
        record = self.record
        return _ITEMS(rows, consent_id=name, since=record.recorded_at, record_id=record.id)

    def _letters(self, name: ConsentId) -> list[Work]:
        rows = [{"gram": gram} for gram in sorted(grams_of(self.settled.names["search"]))]
        if not rows:
            return []
        record = self.record
        return [
            _LETTERS(
                rows,
                consent_id=name,
                facility_id=record.facility_id,
                recorded_at=record.recorded_at,
            )
        ]


def write(connection: Connection, here: Sequence[Row], entry: Entry) -> None:
    """Append the record and let it hold, in one round trip, ``here`` being what stood.

    The patient's row is locked.

    Raises:
        IntegrityError: its journey, challenge or reference stands in another record, or another
            registration has made its patient at the same moment.
    """
    if entry.settled.is_moved:
        own = {"of_patient": entry.settled.patient}
        (here,) = together(connection, _HERE_OF_PATIENT(**_place_of(entry.document), **own))
    together(connection, *entry.settled.works, entry.record_work(), *entry.state_works(here))


@cache
def _here_of_card(count: int) -> Command:
    return Command(_HERE.where(consent.c.patient_id.in_(owners(count))))


def _place_of(document: ConsentDocument) -> dict[str, Any]:
    return {
        "version": document.url_version,
        "channel_word": document.channel.value,
        "visit": _visit_key(document),
    }


def _visit_key(document: ConsentDocument) -> str:
    return document.visit_date.isoformat() if document.visit_date else NO_VISIT
