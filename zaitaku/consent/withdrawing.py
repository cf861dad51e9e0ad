"""The use case of 取消し by the facility: recorded and in force in one transaction."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, Select, select
from sqlalchemy.exc import IntegrityError

from zaitaku.audit.model import Act
from zaitaku.audit.store import append
from zaitaku.consent.belonging import is_of
from zaitaku.consent.errors import NothingToWithdraw
from zaitaku.consent.lines import keep_lines
from zaitaku.consent.model import ConsentItem, ConsentState
from zaitaku.consent.names import REQUESTER_NAMES, item_list
from zaitaku.consent.patients import PatientMoved
from zaitaku.consent.present import PresentConsent, PresentConsents
from zaitaku.consent.tables import consent, consent_item, consent_record, consent_withdrawal
from zaitaku.consent.withdrawal import Requester, Withdrawal, WithdrawalRequest, ended_by
from zaitaku.core.clock import Clock
from zaitaku.core.database import Database
from zaitaku.core.errors import Conflict, StoreUnavailable
from zaitaku.core.ids import ConsentId, FacilityId, PatientId, new_uuid

ATTEMPTS: Final = 5
"""How often it begins anew when others change the same patient at the same moment."""


class WithdrawalStore:
    """The withdrawals of one facility."""

    def __init__(self, connection: Connection, facility_id: FacilityId) -> None:
        self._connection = connection
        self._facility_id = facility_id

    def find(self, submission: str) -> Withdrawal | None:
        """Return what became of a form that was sent before."""
        query = self._all().where(consent_withdrawal.c.submission == submission)
        row = self._connection.execute(query).mappings().one_or_none()
        return None if row is None else _withdrawal(row)

    def of_patient(self, patient_id: PatientId) -> list[Withdrawal]:
        """Return every withdrawal of a patient at this facility, newest first."""
        query = (
            self._all()
            .where(is_of(patient_id))
            .order_by(consent_withdrawal.c.withdrawn_at.desc(), consent_withdrawal.c.id.desc())
        )
        return [_withdrawal(row) for row in self._connection.execute(query).mappings()]

    def append(
        self,
        held: PresentConsent,
        request: WithdrawalRequest,
        items: Collection[ConsentItem],
        *,
        actor: str,
        at: datetime,
    ) -> None:
        """Record a withdrawal and let it hold.

        Raises:
            IntegrityError: the same form was sent before.
        """
        row = {
            "id": new_uuid(),
            "facility_id": self._facility_id,
            "record_id": held.record_id,
            "submission": request.submission,
            "items": [item.value for item in items],
            "requester": request.requester.value,
            "reason": request.reason,
            "actor": actor,
            "withdrawn_at": at,
        }
        self._connection.execute(consent_withdrawal.insert().values(row))
        self._end(held.id, items, at)

    def _end(self, consent_id: ConsentId, items: Collection[ConsentItem], at: datetime) -> None:
        named = consent_item.c.item.in_([item.value for item in items])
        granted = consent_item.c.state == ConsentState.GRANT.value
        chosen = consent_item.update().where(
            consent_item.c.consent_id == consent_id, named, granted
        )
        values = {"state": ConsentState.WITHDRAWN.value, "since": at}
        self._connection.execute(chosen.values(values))
        keep_lines(self._connection, consent.c.id == consent_id)

    def _all(self) -> Select[Any]:
        return (
            select(consent_withdrawal, consent_record.c.reference)
            .join(consent_record, consent_record.c.id == consent_withdrawal.c.record_id)
            .where(consent_withdrawal.c.facility_id == self._facility_id)
        )


@dataclass(frozen=True)
class WithdrawalService:
    """Withdrawals in all facilities."""

    database: Database
    clock: Clock

    def withdraw(
        self, facility_id: FacilityId, request: WithdrawalRequest, *, actor: str
    ) -> Withdrawal:
        """End what the request names; from its commit on nothing of it is shown.

        The same request again gives what it did the first time.

        Raises:
            NotFound: the facility has no such consent.
            Conflict: it is no longer as the person saw it; nothing was changed.
            NothingToWithdraw: nothing of what is named stands.
            StoreUnavailable: nothing was changed, unless the connection broke at the very end.
        """
        for _ in range(ATTEMPTS):
            try:
                with self.database.transaction() as connection:
                    return self._withdraw(connection, facility_id, request, actor)
            except (IntegrityError, PatientMoved):
                continue  # somebody else was faster: the next try sees what they wrote
        raise StoreUnavailable("withdrawals kept colliding")

    def _withdraw(
        self,
        connection: Connection,
        facility_id: FacilityId,
        request: WithdrawalRequest,
        actor: str,
    ) -> Withdrawal:
        store = WithdrawalStore(connection, facility_id)
        held = PresentConsents(connection, facility_id).hold(request.consent_id, to_change=True)
        repeated = store.find(request.submission)
        if repeated is not None:
            return repeated
        if held.version != request.expected:
            raise Conflict("the consent changed")
        # Read once the patient is locked, so that the later act has the later time.
        now = self.clock.now()
        items = ended_by(request.items, held.granted(now))
        if not items:
            raise NothingToWithdraw
        store.append(held, request, items, actor=actor, at=now)
        said = {"項目": item_list(items), "申し出た人": REQUESTER_NAMES[request.requester]}
        append(
            connection,
            facility_id,
            Act.WITHDRAW_CONSENT,
            actor=actor,
            at=now,
            subject=held.reference,
            detail=said,
        )
        return Withdrawal(held.reference, items, request.requester, request.reason, actor, now)


def _withdrawal(row: RowMapping) -> Withdrawal:
    return Withdrawal(
        reference=row["reference"],
        items=tuple(ConsentItem(item) for item in row["items"]),
        requester=Requester(row["requester"]),
        reason=row["reason"],
        actor=row["actor"],
        withdrawn_at=row["withdrawn_at"],
    )
