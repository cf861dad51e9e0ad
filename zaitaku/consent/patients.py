"""Patients and their credentials: one person is one patient, whatever card is shown.

Credentials are joined by the eligibility provider's person key and by nothing else
(domain.md §11): never by a name.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, select

from zaitaku.consent.grams import index_names
from zaitaku.consent.joining import join_patients
from zaitaku.consent.leaving import end_given_with
from zaitaku.consent.search import search_form
from zaitaku.consent.tables import consent, credential, patient
from zaitaku.core.ids import CredentialId, PatientId, new_uuid
from zaitaku.eligibility.model import Identified, Insured, Withheld

_NOTHING_SHOWN: Final[Mapping[str, Any]] = MappingProxyType(
    {"name": None, "kana": None, "birth_date": None, "sex": None, "search": "", "kana_key": None}
)


class PatientMoved(Exception):
    """Another transaction joined the patient meanwhile: begin again."""


class PatientStore:
    """All patients; a facility sees them only through its consents."""

    def __init__(self, connection: Connection, asked_at: datetime) -> None:
        """Work on what was learnt by a question of ``asked_at``: the moment before asking.

        Answers may overtake each other: what a later question told is never undone.
        """
        self._connection = connection
        self._at = asked_at

    def settle(
        self, subject_hashes: tuple[str, ...], insured: Identified | None
    ) -> tuple[CredentialId, PatientId]:
        """Return whose credential this is, making or joining what is missing, and lock the patient.

        A credential known under an older key is re-keyed to the newest. Rotate subject keys in two
        steps: first give the new key to every process as the last one, then put it first.

        Raises:
            PatientMoved, IntegrityError: another transaction did the same meanwhile; the caller
                begins a new transaction.
        """
        known = self._credential(subject_hashes)
        holder = self._holder(insured)
        locked = self._lock({row["patient_id"] for row in (known,) if row} | holder)
        target = self._target(locked, known, holder, insured)
        if known is None:
            return self._add_credential(subject_hashes[0], target), target
        self._move(known, locked[known["patient_id"]], target)
        self._rekey(known, subject_hashes[0])
        return CredentialId(known["id"]), target

    def learn(self, identified: Identified) -> None:
        """Keep what a check tells of a patient who is known by the provider's key already.

        Of somebody who is withheld, nothing stays that a list, a search or a file could show
        (自己情報提供不可, domain.md §9); the next check that tells a name brings it back.
        """
        locked = self._lock(self._holder(identified))
        for row in locked.values():
            self._update(row, identified)

    def _credential(self, subject_hashes: tuple[str, ...]) -> RowMapping | None:
        query = select(credential).where(credential.c.subject_hash.in_(subject_hashes))
        rows = {row["subject_hash"]: row for row in self._connection.execute(query).mappings()}
        return next((rows[name] for name in subject_hashes if name in rows), None)

    def _holder(self, insured: Identified | None) -> set[PatientId]:
        if insured is None:
            return set()
        query = select(patient.c.id).where(patient.c.person_key == insured.person_key)
        return {PatientId(name) for name in self._connection.execute(query).scalars()}

    def _lock(self, names: Iterable[PatientId]) -> Mapping[PatientId, RowMapping]:
        wanted = sorted(names)
        if not wanted:
            return {}
        # One order for all, so that two transactions never wait for each other.
        query = select(patient).where(patient.c.id.in_(wanted)).order_by(patient.c.id)
        rows = list(self._connection.execute(query.with_for_update()).mappings())
        if any(row["joined_into"] is not None for row in rows):
            raise PatientMoved
        return {PatientId(row["id"]): row for row in rows}

    def _target(
        self,
        locked: Mapping[PatientId, RowMapping],
        known: RowMapping | None,
        holder: set[PatientId],
        insured: Identified | None,
    ) -> PatientId:
        present = locked[known["patient_id"]] if known else None
        if insured is None:
            return PatientId(present["id"]) if present else self._add_patient(None)
        if holder:
            return self._update(locked[next(iter(holder))], insured)
        if present and present["person_key"] is None:
            return self._update(present, insured)
        return self._add_patient(insured)

    def _add_patient(self, insured: Identified | None) -> PatientId:
        name = PatientId(new_uuid())
        values = self._identity(insured) if insured else {"search": ""}
        self._connection.execute(
            patient.insert().values(id=name, created_at=self._at, **values),
        )
        return name

    def _update(self, row: RowMapping, insured: Identified) -> PatientId:
        name = PatientId(row["id"])
        if row["insured_at"] is not None and self._at < row["insured_at"]:
            return name
        identity = self._identity(insured)
        # Its moment is kept even of an answer that says the same: an older one may still come.
        self._connection.execute(patient.update().where(patient.c.id == name).values(identity))
        if any(row[fact] != identity[fact] for fact in _NOTHING_SHOWN):
            index_names(self._connection, consent.c.patient_id == name)
        return name

    def _identity(self, insured: Identified) -> dict[str, Any]:
        facts = _NOTHING_SHOWN if isinstance(insured, Withheld) else _shown(insured)
        return {"person_key": insured.person_key, **facts, "insured_at": self._at}

    def _add_credential(self, subject_hash: str, owner: PatientId) -> CredentialId:
        name = CredentialId(new_uuid())
        self._connection.execute(
            credential.insert().values(
                id=name, patient_id=owner, subject_hash=subject_hash, first_seen=self._at
            )
        )
        return name

    def _move(self, known: RowMapping, present: RowMapping, target: PatientId) -> None:
        if present["id"] == target:
            return
        if present["person_key"] is None:
            join_patients(self._connection, source=PatientId(present["id"]), target=target)
            return
        # The provider now names another person for this card: nobody's consents are mixed, and
        # what the card agreed to before ends, since its holder could not withdraw it any more.
        left, former = CredentialId(known["id"]), PatientId(present["id"])
        end_given_with(self._connection, left=left, patient_id=former, at=self._at)
        chosen = credential.update().where(credential.c.id == left)
        self._connection.execute(chosen.values(patient_id=target))

    def _rekey(self, known: RowMapping, newest: str) -> None:
        if known["subject_hash"] != newest:
            chosen = credential.update().where(credential.c.id == known["id"])
            self._connection.execute(chosen.values(subject_hash=newest))


def is_withheld(row: RowMapping) -> bool:
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
