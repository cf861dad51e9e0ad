"""What ends when a credential leaves a patient (domain.md §11).

From then on whoever holds it speaks for somebody else: they cannot withdraw what it once agreed
to. So all of that ends at every facility, and stands again only when it is given anew. What the
patient agreed to with another credential stays.
"""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Final

from sqlalchemy import Connection, RowMapping, select

from zaitaku.consent.lines import keep_lines
from zaitaku.consent.model import ConsentItem, ConsentState
from zaitaku.consent.tables import consent, consent_item, consent_record, consent_withdrawal
from zaitaku.consent.withdrawal import Requester
from zaitaku.core.ids import CredentialId, PatientId, new_secret_name, new_uuid

REASON: Final = "資格情報の変更"
ACTOR: Final = "システム"


def end_given_with(
    connection: Connection, *, left: CredentialId, patient_id: PatientId, at: datetime
) -> None:
    """End every grant of a patient that rests on a credential which is no longer theirs.

    The patient's row must be locked. Each consent's end is recorded as a withdrawal by nobody,
    never before what it ends.
    """
    for _, items in groupby(_granted(connection, left, patient_id), key=itemgetter("consent_id")):
        _end(connection, list(items), at)


def _granted(
    connection: Connection, left: CredentialId, patient_id: PatientId
) -> Sequence[RowMapping]:
    query = (
        select(consent_item, consent.c.facility_id, consent.c.record_id.label("latest"))
        .join(consent, consent.c.id == consent_item.c.consent_id)
        .join(consent_record, consent_record.c.id == consent_item.c.record_id)
        .where(
            consent.c.patient_id == patient_id,
            consent_item.c.state == ConsentState.GRANT.value,
            consent_record.c.credential_id == left,
        )
        .order_by(consent_item.c.consent_id)
    )
    return connection.execute(query).mappings().all()


def _end(connection: Connection, rows: Sequence[RowMapping], at: datetime) -> None:
    first, ended = rows[0], {row["item"] for row in rows}
    moment = max(at, *(row["since"] for row in rows))
    row = {
        "id": new_uuid(),
        "facility_id": first["facility_id"],
        "record_id": first["latest"],
        "submission": new_secret_name(),
        "items": [item.value for item in ConsentItem if item in ended],
        "requester": Requester.NOBODY.value,
        "reason": REASON,
        "actor": ACTOR,
        "withdrawn_at": moment,
    }
    connection.execute(consent_withdrawal.insert().values(row))
    chosen = consent_item.update().where(
        consent_item.c.consent_id == first["consent_id"], consent_item.c.item.in_(ended)
    )
    values = {"state": ConsentState.WITHDRAWN.value, "since": moment}
    connection.execute(chosen.values(values))
    keep_lines(connection, consent.c.id == first["consent_id"])
