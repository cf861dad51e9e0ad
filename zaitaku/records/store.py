"""The tables of this room: who viewed whose medical information (医療情報閲覧履歴, domain.md §6).

A view record names the patient and the consent record that stood. It keeps no name of the patient:
the history shows the name that stands when the history is read. Only somebody whom the eligibility
check has named can be viewed, and such a patient is never joined into another one.
"""

from sqlalchemy import JSON, Column, ForeignKey, Index, String, Table, Uuid

from zaitaku.core.append_only import guard
from zaitaku.core.database import Moment, metadata

view_record = Table(
    "view_record",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("facility_id", Uuid, ForeignKey("facility.id"), nullable=False),
    Column("account_id", Uuid, ForeignKey("account.id"), nullable=False),
    Column("actor", String(100), nullable=False),
    Column("patient_id", Uuid, ForeignKey("patient.id"), nullable=False, index=True),
    Column("record_id", Uuid, ForeignKey("consent_record.id"), nullable=False, index=True),
    Column("kind", String(12), nullable=False),
    Column("parts", JSON, nullable=False),
    Column("first_month", String(7), nullable=False),
    Column("last_month", String(7), nullable=False),
    Column("viewed_at", Moment, nullable=False),
    Index(None, "facility_id", "viewed_at", "id"),
)
guard(view_record)
