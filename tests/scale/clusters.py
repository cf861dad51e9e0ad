"""A trial of the way past one primary (docs/scale.md): facilities spread over several clusters.

A facility and all that hangs on it lives on one cluster, found by a slot. The handle of its URL is
drawn until it falls into the same slot, so that a patient's URL leads there without a directory,
and goes on doing so when a slot moves. A patient has a row on every cluster where they consented.
"""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Self

from sqlalchemy import or_, select

from tests.consent.world import EVERYTHING, World
from zaitaku.consent.patients import PatientStore
from zaitaku.consent.tables import consent, credential, patient
from zaitaku.core.database import Database
from zaitaku.core.errors import StoreUnavailable
from zaitaku.core.ids import FacilityId, UrlVersionId, new_uuid
from zaitaku.eligibility.model import Identified
from zaitaku.facilities.model import Channel, Enrolment, Facility, InstitutionCode
from zaitaku.facilities.store import FacilityStore
from zaitaku.reception.model import Handle, UrlVersion
from zaitaku.reception.store import ReceptionStore
from zaitaku.reception.tokens import new_handle

SLOTS: Final = 4096
"""Many more than clusters, so that a part of one can move to a new one."""


def slot_of(name: bytes) -> int:
    """Return the slot of a facility's name or of a handle."""
    return int.from_bytes(sha256(name).digest()[:4]) % SLOTS


def handle_in(slot: int) -> Handle:
    """Return a new random handle that falls into ``slot``."""
    handle = new_handle()
    while slot_of(handle.encode()) != slot:
        handle = new_handle()
    return handle


@dataclass(frozen=True)
class Found:
    """What a look-up across clusters found."""

    references: frozenset[str]
    silent: tuple[str, ...]
    """Clusters that did not answer: there may be more, and whoever asks must be told."""


@dataclass(frozen=True)
class Clusters:
    """Clusters by name, and which has which slot."""

    worlds: Mapping[str, World]
    owners: tuple[str, ...]

    @classmethod
    def of(cls, worlds: Mapping[str, World]) -> Self:
        """Deal the slots out evenly."""
        names = sorted(worlds)
        return cls(worlds, tuple(names[slot % len(names)] for slot in range(SLOTS)))

    def of_facility(self, facility_id: FacilityId) -> str:
        """Return the cluster of a facility."""
        return self.owners[slot_of(facility_id.bytes)]

    def of_handle(self, handle: Handle) -> str:
        """Return the cluster to which a patient's URL leads."""
        return self.owners[slot_of(handle.encode())]

    def found(self, code: str) -> Facility:
        """Add a facility on the cluster of its slot, with the URL for home visits."""
        facility_id = FacilityId(new_uuid())
        world = self.worlds[self.of_facility(facility_id)]
        facility = _facility(facility_id, code, world)
        version = UrlVersion(
            id=UrlVersionId(new_uuid()),
            facility_id=facility_id,
            channel=Channel.HOME_VISIT,
            number=1,
            handle=handle_in(slot_of(facility_id.bytes)),
            predecessor=None,
            created_at=facility.created_at,
        )
        with world.database.transaction() as connection:
            store, at = FacilityStore(connection), facility.created_at
            store.insert(facility)
            store.append_settings(facility_id, 1, EVERYTHING, at=at, actor="trial")
            urls = ReceptionStore(connection, facility_id)
            urls.insert_version(version)
            urls.insert_pointer(version)
        return facility

    def look_up(self, subject_hashes: Iterable[str], person_key: str | None) -> Found:
        """Return the references of every consent of one person, wherever it was given."""
        hashes, names = tuple(subject_hashes), tuple(self.worlds)

        def ask(name: str) -> frozenset[str] | None:
            return _references(self.worlds[name].database, hashes, person_key)

        with ThreadPoolExecutor(len(names)) as pool:
            answers = dict(zip(names, pool.map(ask, names), strict=True))
        told = [found for found in answers.values() if found is not None]
        silent = tuple(name for name, found in answers.items() if found is None)
        return Found(frozenset[str]().union(*told), silent)

    def learn(self, identified: Identified) -> None:
        """Tell every cluster what a check told; each keeps it if it knows the person."""
        for world in self.worlds.values():
            with world.database.transaction() as connection:
                PatientStore(connection, world.clock.now()).learn(identified)


def _facility(facility_id: FacilityId, code: str, world: World) -> Facility:
    return Facility(
        id=facility_id,
        code=InstitutionCode(code),
        registered_name="みどり坂クリニック",
        phone="03-0000-1234",
        hours="",
        settings=EVERYTHING,
        settings_version=1,
        created_at=world.clock.now(),
        enrolment=Enrolment(),
        revision=1,
    )


def _references(
    database: Database, hashes: tuple[str, ...], person_key: str | None
) -> frozenset[str] | None:
    # Also by the provider's own name: here the person may only ever have shown a former card.
    own = or_(credential.c.subject_hash.in_(hashes), patient.c.person_key == person_key)
    people = select(patient.c.id).join(credential, credential.c.patient_id == patient.c.id)
    query = select(consent.c.reference).where(consent.c.patient_id.in_(people.where(own)))
    try:
        with database.reading() as connection:
            return frozenset(connection.scalars(query))
    except StoreUnavailable:
        return None
