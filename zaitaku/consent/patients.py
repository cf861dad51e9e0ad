"""Patients and their credentials: one person is one patient, whatever card is shown.

Credentials are joined by the eligibility provider's person key and by nothing else
(domain.md §11): never by a name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    CompoundSelect,
    Connection,
    String,
    and_,
    bindparam,
    select,
    union,
)

from zaitaku.consent.grams import index_names
from zaitaku.consent.joining import join_patients
from zaitaku.consent.leaving import end_given_with
from zaitaku.consent.search import search_form
from zaitaku.consent.tables import consent, credential, patient
from zaitaku.core.asking import Row
from zaitaku.core.ids import CredentialId, PatientId, new_uuid
from zaitaku.core.together import Command, Doing, Work, together
from zaitaku.eligibility.model import Identified, Insured, Withheld

_NOTHING_SHOWN: Final[Mapping[str, Any]] = MappingProxyType(
    {"name": None, "kana": None, "birth_date": None, "sex": None, "search": "", "kana_key": None}
)
_IDENTITY: Final = ("person_key", *_NOTHING_SHOWN, "insured_at")

_ADD_PATIENT: Final = Command(patient.insert(), "id", "created_at", *_IDENTITY)
_UPDATE_PATIENT: Final = Command(
    patient.update().where(patient.c.id == bindparam("the_patient")), *_IDENTITY
)
_ADD_CREDENTIAL: Final = Command(
    credential.insert(), "id", "patient_id", "subject_hash", "first_seen"
)
# One order for all, so that two transactions never wait for each other.
_LOCK: Final = select(patient).order_by(patient.c.id).with_for_update(of=patient)
_LOCK_HOLDER: Final = Command(_LOCK.where(patient.c.person_key == bindparam("person_key")))


class PatientMoved(Exception):
    """Another transaction joined the patient meanwhile: begin again."""


@dataclass(frozen=True)
class Found:
    """The patients that a card and its holder's key name, locked, and then its credentials."""

    patients: Sequence[Row]
    credentials: Sequence[Row]


@dataclass(frozen=True)
class Settled:
    """Whose a credential is, and what is to be written of it together with the record."""

    credential: CredentialId
    patient: PatientId
    names: Mapping[str, Any]
    """``search``, ``kana_key`` and ``birth_date`` of the patient as they stand now."""
    works: tuple[Doing, ...]
    is_moved: bool
    """Whether the patient's consents were changed by it."""


def owners(count: int) -> CompoundSelect[tuple[PatientId]]:
    """Return the patients of a card with ``count`` hashes and of its holder's key.

    Its parameters are those of ``card_values``.
    """
    former = patient.alias()
    of_card = select(credential.c.patient_id).where(credentials_of_card(count))
    of_key = select(former.c.id).where(former.c.person_key == bindparam("person_key"))
    return union(of_card, of_key)


def card_values(
    subject_hashes: tuple[str, ...], insured: Identified | None
) -> dict[str, str | None]:
    """Return the parameters by which a card's patients are found."""
    return {**_hash_values(subject_hashes), "person_key": insured.person_key if insured else None}


def lock_of_card(subject_hashes: tuple[str, ...], insured: Identified | None) -> Work:
    """Return what locks and reads a card's patients."""
    return _lock_command(len(subject_hashes))(**card_values(subject_hashes, insured))


def credentials_of_card(count: int) -> ColumnElement[bool]:
    """Return which credentials are those of a card with ``count`` hashes (``card_values``)."""
    return credential.c.subject_hash.in_(_hashes(count))


@cache
def _lock_command(count: int) -> Command:
    return Command(_LOCK.where(patient.c.id.in_(owners(count))))


@cache
def _credentials_command(count: int) -> Command:
    return Command(select(credential).where(credentials_of_card(count)))


def _hashes(count: int) -> list[BindParameter[str]]:
    return [bindparam(f"hash_{number}", type_=String) for number in range(count)]


def _hash_values(subject_hashes: tuple[str, ...]) -> dict[str, str]:
    return {f"hash_{number}": name for number, name in enumerate(subject_hashes)}


class PatientStore:
    """All patients; a facility sees them only through its consents."""

    def __init__(self, connection: Connection, asked_at: datetime) -> None:
        """Work on what was learnt by a question of ``asked_at``: the moment before asking.

        Answers may overtake each other: what a later question told is never undone.
        """
        self._connection = connection
        self._at = asked_at
        self._works: list[Doing] = []

    def settle(self, subject_hashes: tuple[str, ...], insured: Identified | None) -> Settled:
        """Return whose credential this is, making or joining what is missing.

        Raises:
            PatientMoved, IntegrityError: as ``plan`` does.
        """
        read = _credentials_command(len(subject_hashes))
        found = together(
            self._connection,
            lock_of_card(subject_hashes, insured),
            read(**_hash_values(subject_hashes)),
        )
        settled = self.plan(subject_hashes, insured, Found(*found))
        self._write()
        return settled

    def plan(
        self, subject_hashes: tuple[str, ...], insured: Identified | None, found: Found
    ) -> Settled:
        """Return whose credential this is; the commonest is left to be written with the record.

        A credential known under an older key is re-keyed to the newest. Rotate subject keys in two
        steps: first give the new key to every process as the last one, then put it first.

        Raises:
            PatientMoved, IntegrityError: another transaction did the same meanwhile; the caller
                begins a new transaction.
        """
        locked = _standing(found.patients)
        known = _newest(subject_hashes, found.credentials)
        if known is not None and known["patient_id"] not in locked:
            raise PatientMoved
        target, names = self._target(locked, known, insured)
        if known is None:
            name, is_moved = self._add_credential(subject_hashes[0], target), False
        else:
            name = CredentialId(known["id"])
            is_moved = self._move(known, locked[known["patient_id"]], target)
            self._rekey(known, subject_hashes[0])
        return Settled(name, target, names, tuple(self._works), is_moved)

    def learn(self, identified: Identified) -> None:
        """Keep what a check tells of a patient who is known by the provider's key already.

        Of somebody who is withheld, nothing stays that a list, a search or a file could show
        (自己情報提供不可, domain.md §9); the next check that tells a name brings it back.
        """
        holder = _LOCK_HOLDER(person_key=identified.person_key)
        (rows,) = together(self._connection, holder)
        for row in _standing(rows).values():
            self._update(row, identified)
        self._write()

    def _target(
        self, locked: Mapping[PatientId, Row], known: Row | None, insured: Identified | None
    ) -> tuple[PatientId, Mapping[str, Any]]:
        present = locked[known["patient_id"]] if known else None
        if insured is None:
            return _as_it_stands(present) if present else self._add_patient(None)
        for row in locked.values():
            if row["person_key"] == insured.person_key:
                return self._update(row, insured)
        if present and present["person_key"] is None:
            return self._update(present, insured)
        return self._add_patient(insured)

    def _add_patient(self, insured: Identified | None) -> tuple[PatientId, Mapping[str, Any]]:
        name = PatientId(new_uuid())
        nobody = {"person_key": None, **_NOTHING_SHOWN, "insured_at": None}
        values = self._identity(insured) if insured else nobody
        self._works.append(_ADD_PATIENT(id=name, created_at=self._at, **values))
        return name, values

    def _update(self, row: Row, insured: Identified) -> tuple[PatientId, Mapping[str, Any]]:
        name = PatientId(row["id"])
        # Who is withheld is so whatever the clocks say: a moment that is still to come may be that
        # of a machine whose clock ran ahead.
        is_older = row["insured_at"] is not None and self._at < row["insured_at"]
        is_hiding = isinstance(insured, Withheld) and not is_withheld(row)
        if is_older and not is_hiding:
            return _as_it_stands(row)
        identity = self._identity(insured)
        # Its moment is kept even of an answer that says the same: an older one may still come.
        self._works.append(_UPDATE_PATIENT(the_patient=name, **identity))
        if any(row[fact] != identity[fact] for fact in _NOTHING_SHOWN):
            self._write()
            index_names(self._connection, consent.c.patient_id == name)
        return name, identity

    def _identity(self, insured: Identified) -> dict[str, Any]:
        facts = _NOTHING_SHOWN if isinstance(insured, Withheld) else _shown(insured)
        return {"person_key": insured.person_key, **facts, "insured_at": self._at}

    def _add_credential(self, subject_hash: str, owner: PatientId) -> CredentialId:
        name = CredentialId(new_uuid())
        self._works.append(
            _ADD_CREDENTIAL(
                id=name, patient_id=owner, subject_hash=subject_hash, first_seen=self._at
            )
        )
        return name

    def _move(self, known: Row, present: Row, target: PatientId) -> bool:
        if present["id"] == target:
            return False
        self._write()
        if present["person_key"] is None:
            source = PatientId(present["id"])
            join_patients(self._connection, source=source, target=target, now=self._at)
            return True
        # The provider now names another person for this card: nobody's consents are mixed, and
        # what the card agreed to before ends, since its holder could not withdraw it any more.
        left, former = CredentialId(known["id"]), PatientId(present["id"])
        end_given_with(self._connection, left=left, patient_id=former, at=self._at)
        chosen = credential.update().where(credential.c.id == left)
        self._connection.execute(chosen.values(patient_id=target))
        return True

    def _rekey(self, known: Row, newest: str) -> None:
        if known["subject_hash"] != newest:
            chosen = credential.update().where(credential.c.id == known["id"])
            self._connection.execute(chosen.values(subject_hash=newest))

    def _write(self) -> None:
        together(self._connection, *self._works)
        self._works.clear()


def _standing(rows: Sequence[Row]) -> Mapping[PatientId, Row]:
    if any(row["joined_into"] is not None for row in rows):
        raise PatientMoved
    return {PatientId(row["id"]): row for row in rows}


def _newest(subject_hashes: tuple[str, ...], credentials: Sequence[Row]) -> Row | None:
    rows = {row["subject_hash"]: row for row in credentials}
    return next((rows[name] for name in subject_hashes if name in rows), None)


def _as_it_stands(row: Row) -> tuple[PatientId, Mapping[str, Any]]:
    return PatientId(row["id"]), dict(row)


IS_WITHHELD: Final = and_(patient.c.person_key.is_not(None), patient.c.name.is_(None))
"""The same of a row of ``patient``, asked of the database."""


def is_withheld(row: Row) -> bool:
    """Tell whether the patient of a row with ``person_key`` and ``name`` is 自己情報提供不可.

    Whoever the provider has identified has a name, unless nothing may be shown of them.
    """
    return row["person_key"] is not None and row["name"] is None


def _shown(insured: Insured) -> dict[str, Any]:
    return {
        "name": insured.name,
        "kana": insured.kana,
        "birth_date": insured.birth_date,
        "sex": insured.sex.value,
        "search": f"{search_form(insured.name)}\n{search_form(insured.kana)}",
        "kana_key": search_form(insured.kana),
    }
