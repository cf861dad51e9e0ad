"""Facilities and their settings in the durable store.

Settings are append-only versions; the current one is the highest.
"""

import json
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, select

from zaitaku.core.asking import Row
from zaitaku.core.ids import FacilityId
from zaitaku.facilities.model import (
    Channel,
    Enrolment,
    EnvironmentSettings,
    Facility,
    InstitutionCode,
    Known,
    SettingsChange,
)
from zaitaku.facilities.tables import (
    CURRENT_SETTINGS,
    FACILITY_COLUMNS,
    environment_settings,
    facility,
    terms_acceptance,
)
from zaitaku.facilities.terms import Acceptance, Terms

__all__ = [
    "CURRENT_SETTINGS",
    "FACILITY_COLUMNS",
    "FacilityStore",
    "environment_settings",
    "facility",
    "facility_from",
    "lock_facility",
]


@lru_cache(maxsize=256)
def _settings_from(text: str) -> EnvironmentSettings:
    # Each page reads them anew, and they are the same text again and again.
    return EnvironmentSettings.from_mapping(json.loads(text))


def facility_from(row: Row) -> Facility:
    """Return the facility in a row that has ``FACILITY_COLUMNS``."""
    return Facility(
        id=FacilityId(row["facility_id"]),
        code=InstitutionCode(row["code"]),
        registered_name=row["registered_name"],
        phone=row["phone"],
        hours=row["hours"],
        settings=_settings_from(row["settings_text"]),
        settings_version=row["settings_version"],
        created_at=row["facility_created_at"],
        enrolment=Enrolment(
            starts_on=row["facility_starts_on"],
            subsidy_pilot=row["subsidy_pilot"],
            chart_sharing_from=row["chart_sharing_from"],
        ),
        revision=row["facility_revision"],
    )


def lock_facility(connection: Connection, facility_id: FacilityId) -> None:
    """Make other changes of the facility's settings wait until this transaction ends."""
    row = select(facility.c.id).where(facility.c.id == facility_id)
    connection.execute(row.with_for_update(key_share=True))


def fact_columns(described: Facility) -> dict[str, Any]:
    """Return the columns of everything about a facility but its settings."""
    return {
        "code": described.code.digits,
        "registered_name": described.registered_name,
        "phone": described.phone,
        "hours": described.hours,
        "starts_on": described.enrolment.starts_on,
        "subsidy_pilot": described.enrolment.subsidy_pilot,
        "chart_sharing_from": described.enrolment.chart_sharing_from,
        "revision": described.revision,
    }


def _facilities() -> Select[Any]:
    return select(*FACILITY_COLUMNS).join_from(facility, environment_settings, CURRENT_SETTINGS)


class FacilityStore:
    """All facilities: for the operator and for logging in, before one facility is chosen."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def insert(self, added: Facility) -> None:
        """Add a facility; its settings follow by ``append_settings``."""
        own = {"id": added.id, "created_at": added.created_at}
        self._connection.execute(facility.insert().values({**own, **fact_columns(added)}))

    def update(self, changed: Facility) -> None:
        """Write everything about a facility but its settings."""
        row = facility.update().where(facility.c.id == changed.id)
        self._connection.execute(row.values(fact_columns(changed)))

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

    def append_acceptances(
        self,
        facility_id: FacilityId,
        settings_version: int,
        accepted: Iterable[Terms],
        *,
        at: datetime,
        actor: str,
    ) -> None:
        """Record which texts were agreed to when these settings were saved."""
        for text in accepted:
            self._connection.execute(
                terms_acceptance.insert().values(
                    facility_id=facility_id,
                    settings_version=settings_version,
                    channel=text.channel.value,
                    terms_version=text.version,
                    terms_digest=text.digest,
                    accepted_at=at,
                    accepted_by=actor,
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

    def known(self) -> dict[str, Known]:
        """Return name and telephone number of every facility, under its code."""
        query = select(facility.c.code, facility.c.registered_name, facility.c.phone)
        return {code: Known(name, phone) for code, name, phone in self._connection.execute(query)}

    def settings_history(self, facility_id: FacilityId) -> tuple[SettingsChange, ...]:
        """Return every version of the settings, oldest first."""
        query = (
            select(environment_settings)
            .where(environment_settings.c.facility_id == facility_id)
            .order_by(environment_settings.c.version)
        )
        return tuple(_change_from(row) for row in self._connection.execute(query).mappings())

    def acceptances(self, facility_id: FacilityId) -> tuple[Acceptance, ...]:
        """Return every OK to terms of use, oldest first."""
        query = (
            select(terms_acceptance)
            .where(terms_acceptance.c.facility_id == facility_id)
            .order_by(terms_acceptance.c.settings_version, terms_acceptance.c.channel)
        )
        return tuple(_acceptance_from(row) for row in self._connection.execute(query).mappings())

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


def _acceptance_from(row: RowMapping) -> Acceptance:
    return Acceptance(
        channel=Channel(row["channel"]),
        terms_version=row["terms_version"],
        terms_digest=row["terms_digest"],
        settings_version=row["settings_version"],
        at=row["accepted_at"],
        actor=row["accepted_by"],
    )
