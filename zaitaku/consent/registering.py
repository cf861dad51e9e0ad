"""What a registration reads and locks, and what it writes: a round trip each.

Nobody else can know a consent that is new: all that stands about it is written at once. What is
there already is brought up to the record.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    Connection,
    Label,
    String,
    bindparam,
    literal_column,
    null,
    or_,
    select,
    union_all,
)

from zaitaku.consent.document import ConsentDocument
from zaitaku.consent.grams import grams_of
from zaitaku.consent.lines import first_lines, present_lines
from zaitaku.consent.model import STATES, ConsentItem, ConsentRecord, Decision
from zaitaku.consent.patients import (
    Found,
    Settled,
    card_values,
    credentials_of_card,
    lock_of_card,
    owners,
)
from zaitaku.consent.state import implied_decisions, withdrawn_by
from zaitaku.consent.store import record_from, record_row
from zaitaku.consent.tables import (
    consent,
    consent_gram,
    consent_item,
    consent_record,
    credential,
    visit_key,
)
from zaitaku.core.asking import Row
from zaitaku.core.ids import ConsentId, new_uuid
from zaitaku.core.together import Adding, Command, Doing, Joined, NewRows, Work, together
from zaitaku.eligibility.model import Identified
from zaitaku.identity.model import Verified
from zaitaku.reception.store import held_context, url_version

_LATEST: Final = ("valid_until", "record_id", "recorded_at", "reference")
_IS_SAME: Final = or_(
    consent_record.c.journey == bindparam("of_journey"),
    consent_record.c.challenge == bindparam("of_challenge"),
)
_RECORDS: Final = Command(select(consent_record).where(_IS_SAME))


_NOTHING: Final = null()


def _kind(word: str) -> Label[str]:
    return Label("kind", literal_column(f"'{word}'", String))


_HERE: Final = (
    select(
        _kind("here"),
        consent.c.id,
        consent.c.patient_id,
        _NOTHING.label("subject_hash"),
        consent_item.c.item,
        consent_item.c.state,
    )
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
    same = {"of_journey": card.journey, "of_challenge": card.challenge}
    place = {**_place_of(document), **card_values(hashes, insured)}
    _, context, people, found = together(
        connection,
        *held_context(document.url_version),
        lock_of_card(hashes, insured),
        _found_of_card(len(hashes))(**place, **same),
    )
    kinds = {kind: [row for row in found if row["kind"] == kind] for kind in _KINDS}
    records = together(connection, _RECORDS(**same))[0] if kinds["record"] else ()
    return Look(
        [record_from(row) for row in records],
        context,
        Found(people, kinds["credential"]),
        kinds["here"],
    )


@dataclass(frozen=True)
class Entry:
    """A record that is about to be written, and whose it is."""

    record: ConsentRecord
    document: ConsentDocument
    settled: Settled

    def record_work(self) -> Doing:
        """Return the appending of the record."""
        return _ADD_RECORD(
            **record_row(self.record),
            url_version_id=self.document.url_version,
            patient_id=self.settled.patient,
        )

    def state_works(self, here: Sequence[Row]) -> Sequence[Work]:
        """Return what writes the record and brings the present state up to it.

        ``here`` is what stands.
        """
        own = [row for row in here if row["patient_id"] == self.settled.patient]
        standing = {row["item"]: STATES[row["state"]] for row in own if row["item"]}
        stated = {answer.item: answer.decision for answer in self.document.decisions}
        effects = {**withdrawn_by(stated, standing), **implied_decisions(stated)}
        if own:
            return self._later(ConsentId(own[0]["id"]), effects)
        return self._first(ConsentId(new_uuid()), effects)

    @property
    def _own(self) -> tuple[Doing, ...]:
        return (*self.settled.works, self.record_work())

    def _first(self, name: ConsentId, effects: Mapping[ConsentItem, Decision]) -> Sequence[Work]:
        names = self.settled.names
        added = _ADD_CONSENT(
            id=name,
            facility_id=self.record.facility_id,
            patient_id=self.settled.patient,
            channel=self.document.channel.value,
            visit_key=visit_key(self.document.visit_date),
            visit_date=self.document.visit_date,
            kana_key=names["kana_key"],
            birth_date=names["birth_date"],
            **first_lines(effects),
            **self._latest(),
        )
        return [Joined((*self._own, added, self._items(name, effects), *self._letters(name)))]

    def _later(self, name: ConsentId, effects: Mapping[ConsentItem, Decision]) -> Sequence[Work]:
        brought = _BRING_UP(the_consent=name, **self._latest())
        forgotten = _FORGET_LETTERS(the_consent=name)
        return [
            Joined((*self._own, self._items(name, effects))),
            Joined((brought, forgotten)),
            *self._letters(name),
        ]

    def _latest(self) -> dict[str, Any]:
        return {
            "valid_until": self.record.valid_until,
            "record_id": self.record.id,
            "recorded_at": self.record.recorded_at,
            "reference": self.record.reference,
        }

    def _items(self, name: ConsentId, effects: Mapping[ConsentItem, Decision]) -> Adding:
        rows = [{"item": str(item), "state": str(said)} for item, said in effects.items()]
        record = self.record
        return _ITEMS(rows, consent_id=name, since=record.recorded_at, record_id=record.id)

    def _letters(self, name: ConsentId) -> list[Adding]:
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
    together(connection, *entry.state_works(here))


_KINDS: Final = ("record", "credential", "here")


@cache
def _found_of_card(count: int) -> Command:
    """Return what finds everything small in one go, a row's ``kind`` saying what it is."""
    standing = (_NOTHING.label("item"), _NOTHING.label("state"))
    credentials = select(
        _kind("credential"), credential.c.id, credential.c.patient_id, credential.c.subject_hash
    )
    records = select(_kind("record"), consent_record.c.id, consent_record.c.patient_id, _NOTHING)
    return Command(
        union_all(
            credentials.add_columns(*standing).where(credentials_of_card(count)),
            records.add_columns(*standing).where(_IS_SAME),
            _HERE.where(consent.c.patient_id.in_(owners(count))),
        )
    )


def _place_of(document: ConsentDocument) -> dict[str, Any]:
    return {
        "version": document.url_version,
        "channel_word": document.channel.value,
        "visit": visit_key(document.visit_date),
    }
