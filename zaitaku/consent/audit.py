"""Proving the records of a facility again: each by itself, each with its own verdict."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from zaitaku.consent.errors import EvidenceBroken
from zaitaku.consent.evidence import TokenProof, verify_record
from zaitaku.consent.model import ConsentRecord
from zaitaku.consent.store import ConsentStore, HeldRecord
from zaitaku.consent.wording import Wordings
from zaitaku.core.database import Database
from zaitaku.core.errors import NotFound
from zaitaku.core.ids import FacilityId
from zaitaku.core.sealing import SealBroken
from zaitaku.identity.oidc.id_token import TokenTrust, Witness

PAGE: Final = 500
"""Records in the memory at a time."""


@dataclass(frozen=True)
class Verdict:
    """What became of proving one record."""

    reference: str
    verified_at: datetime
    """When its reading was verified, as the record says."""
    broken: str = ""
    """The part that does not fit (``EvidenceBroken.part`` or ``seal``); empty: it proves itself."""
    witness: Witness | None = None
    """Who vouched, where an ID token proves it."""


@dataclass(frozen=True)
class RecordAudit:
    """Proves records; changes nothing."""

    database: Database
    wordings: Wordings
    trust: TokenTrust

    def one(self, facility_id: FacilityId, reference: str) -> Verdict:
        """Prove the facility's record under a reference number.

        Raises:
            NotFound: there is none.
        """
        with self.database.reading() as connection:
            held = ConsentStore(connection, facility_id).held(reference)
        if held is None:
            raise NotFound(reference)
        return self._verdict(held)

    def all(self, facility_id: FacilityId) -> Iterator[Verdict]:
        """Prove every record of the facility, by reference number."""
        after = ""
        while page := self._page(facility_id, after):
            yield from map(self._verdict, page)
            after = page[-1].record.reference

    def _page(self, facility_id: FacilityId, after: str) -> list[HeldRecord]:
        with self.database.reading() as connection:
            return ConsentStore(connection, facility_id).held_after(after, PAGE)

    def _verdict(self, held: HeldRecord) -> Verdict:
        record, proof = held.record, TokenProof(held.holder, self.trust)
        at = record.evidence.verified_at
        try:
            proved = verify_record(
                record=self._opened(record), wordings=self.wordings, tokens=proof
            )
        except EvidenceBroken as failure:
            return Verdict(record.reference, at, broken=failure.part)
        except SealBroken:
            return Verdict(record.reference, at, broken="seal")
        return Verdict(record.reference, at, witness=proved.witness)

    def _opened(self, record: ConsentRecord) -> ConsentRecord:
        opened = record.evidence.opened(self.database.seal, record.id)
        return replace(record, evidence=opened)
