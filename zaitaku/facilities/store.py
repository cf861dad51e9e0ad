"""Facilities and their settings in the durable store.

Settings are append-only versions; the current one is the highest.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    ForeignKey,
    Integer,
    RowMapping,
    Select,
    String,
    Table,
    Uuid,
    func,
    select,
)

from zaitaku.core.append_only import guard
from zaitaku.core.database import Moment, metadata
from zaitaku.core.ids import FacilityId
from zaitaku.facilities.model import (
    EnvironmentSettings,
    Facility,
    InstitutionCode,
    SettingsChange,
)

facility = Table(
    "facility",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("code", String(10), nullable=False, unique=True),
    Column("registered_name", String(60), nullable=False),
    Column("phone", String(20), nullable=False),
    Column("hours", String(80), nullable=False),
    Column("created_at", Moment, nullable=False),
)

environment_settings = Table(
    "environment_settings",
    metadata,
    Column("facility_id", Uuid, ForeignKey("facility.id"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("settings", JSON, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Column("changed_by", String(100), nullable=False),
)
guard(environment_settings)

_versions = environment_settings.alias()
CURRENT_SETTINGS = (environment_settings.c.facility_id == facility.c.id) & (
    environment_settings.c.version
    == select(func.max(_versions.c.version))
    .where(_versions.c.facility_id == facility.c.id)
    .correlate(facility)
    .scalar_subquery()
)
"""Joins a facility with the settings that hold now."""

FACILITY_COLUMNS = (
    facility.c.id.label("facility_id"),
    facility.c.code,
    facility.c.registered_name,
    facility.c.phone,
    facility.c.hours,
    facility.c.created_at.label("facility_created_at"),
    environment_settings.c.settings,
    environment_settings.c.version.label("settings_version"),
)
"""What ``facility_from`` reads, under names that no neighbour's table has."""


def facility_from(row: RowMapping) -> Facility:
    """Return the facility in a row that has ``FACILITY_COLUMNS``."""
    return Facility(
        id=FacilityId(row["facility_id"]),
        code=InstitutionCode(row["code"]),
        registered_name=row["registered_name"],
        phone=row["phone"],
        hours=row["hours"],
        settings=EnvironmentSettings.from_mapping(row["settings"]),
        settings_version=row["settings_version"],
        created_at=row["facility_created_at"],
    )


def lock_facility(connection: Connection, facility_id: FacilityId) -> None:
    """Make other changes of the facility's settings wait until this transaction ends."""
    row = select(facility.c.id).where(facility.c.id == facility_id)
    connection.execute(row.with_for_update(key_share=True))


def _facilities() -> Select[Any]:
    return select(*FACILITY_COLUMNS).join_from(facility, environment_settings, CURRENT_SETTINGS)


class FacilityStore:
    """All facilities: for the operator and for logging in, before one facility is chosen."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def insert(self, added: Facility) -> None:
        """Add a facility; its settings follow by ``append_settings``."""
        self._connection.execute(
            facility.insert().values(
                id=added.id,
                code=added.code.digits,
                registered_name=added.registered_name,
                phone=added.phone,
                hours=added.hours,
                created_at=added.created_at,
            )
        )

    def append_settings(
        self,
        facility_id: FacilityId,
        version: int,
        settings: EnvironmentSettings,
        *,
        at: datetime,
        actor: str,
    ) -> None:
        """Add the settings that hold from now on."""
        self._connection.execute(
            environment_settings.insert().values(
                facility_id=facility_id,
                version=version,
                settings=settings.to_mapping(),
                changed_at=at,
                changed_by=actor,
            )
        )

    def by_code(self, code: InstitutionCode) -> Facility | None:
        """Return the facility of a 医療機関等コード."""
        return self._one(_facilities().where(facility.c.code == code.digits))

    def by_id(self, facility_id: FacilityId) -> Facility | None:
        """Return the facility of a row name."""
        return self._one(_facilities().where(facility.c.id == facility_id))

    def all(self) -> list[Facility]:
        """Return every facility, by code."""
        rows = self._connection.execute(_facilities().order_by(facility.c.code)).mappings()
        return [facility_from(row) for row in rows]

    def settings_history(self, facility_id: FacilityId) -> tuple[SettingsChange, ...]:
        """Return every version of the settings, oldest first."""
        query = (
            select(environment_settings)
            .where(environment_settings.c.facility_id == facility_id)
            .order_by(environment_settings.c.version)
        )
        return tuple(_change_from(row) for row in self._connection.execute(query).mappings())

    def _one(self, query: Select[Any]) -> Facility | None:
        row = self._connection.execute(query).mappings().one_or_none()
        return None if row is None else facility_from(row)


def _change_from(row: RowMapping) -> SettingsChange:
    return SettingsChange(
        version=row["version"],
        settings=EnvironmentSettings.from_mapping(row["settings"]),
        at=row["changed_at"],
        actor=row["changed_by"],
    )
