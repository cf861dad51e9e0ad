"""The tables of facilities: what holds, and what only ever grows."""

from typing import Final

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Integer,
    String,
    Table,
    Text,
    Uuid,
    cast,
    false,
    func,
    select,
)

from zaitaku.core.append_only import guard
from zaitaku.core.database import Moment, metadata

REASON_CHARACTERS: Final = 200

facility = Table(
    "facility",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("code", String(10), nullable=False, unique=True),
    Column("registered_name", String(60), nullable=False),
    Column("phone", String(20), nullable=False),
    Column("hours", String(80), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("starts_on", Date),
    Column("subsidy_pilot", Boolean, nullable=False, server_default=false()),
    Column("chart_sharing_from", Date),
    Column("revision", Integer, nullable=False, server_default="1"),
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

terms_acceptance = Table(
    "terms_acceptance",
    metadata,
    Column("facility_id", Uuid, ForeignKey("facility.id"), primary_key=True),
    Column("settings_version", Integer, primary_key=True),
    Column("channel", String(20), primary_key=True),
    Column("terms_version", Integer, nullable=False),
    Column("terms_digest", String(64), nullable=False),
    Column("accepted_at", Moment, nullable=False),
    Column("accepted_by", String(100), nullable=False),
)
"""Who agreed to which version of a channel's terms of use, and when."""
guard(terms_acceptance)

institution_code_change = Table(
    "institution_code_change",
    metadata,
    Column("facility_id", Uuid, ForeignKey("facility.id"), primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("former_code", String(10), nullable=False, index=True),
    Column("code", String(10), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("effective_on", Date, nullable=False),
    Column("reason", String(REASON_CHARACTERS), nullable=False),
    Column("changed_at", Moment, nullable=False),
    Column("changed_by", String(100), nullable=False),
)
"""The codes that a facility had before: its row, and all that hangs on it, stays the same."""
guard(institution_code_change)

related_facility = Table(
    "related_facility",
    metadata,
    Column("facility_id", Uuid, ForeignKey("facility.id"), primary_key=True),
    Column("code", String(10), primary_key=True),
    Column("name", String(60), nullable=False),
    Column("relation", String(20), nullable=False),
    Column("opened_on", Date),
    Column("closed_on", Date),
)
"""関連医療機関情報 (domain.md §2)."""

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
    facility.c.starts_on.label("facility_starts_on"),
    facility.c.subsidy_pilot,
    facility.c.chart_sharing_from,
    facility.c.revision.label("facility_revision"),
    cast(environment_settings.c.settings, Text).label("settings_text"),
    environment_settings.c.version.label("settings_version"),
)
"""What ``facility_from`` reads, under names that no neighbour's table has."""
