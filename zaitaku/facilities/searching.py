"""Facilities found by code or name: for the operator, who may have 230,000 of them."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Connection, func, or_, select, true

from zaitaku.facilities.model import Facility
from zaitaku.facilities.store import facility_from
from zaitaku.facilities.tables import (
    CURRENT_SETTINGS,
    FACILITY_COLUMNS,
    environment_settings,
    facility,
)

PAGE_SIZE: Final = 50


@dataclass(frozen=True)
class FacilityPage:
    """One page of facilities, by code."""

    facilities: tuple[Facility, ...]
    total: int
    number: int
    """Counts from 1; the last page when a later one was asked for."""
    pages: int


def find_facilities(connection: Connection, search: str, page: int) -> FacilityPage:
    """Return a page of the facilities whose code begins with, or name holds, ``search``."""
    condition = _condition(search)
    counted = select(func.count()).select_from(facility).where(condition)
    total = connection.execute(counted).scalar_one()
    pages = max(1, -(-total // PAGE_SIZE))
    number = min(page, pages)
    query = (
        select(*FACILITY_COLUMNS)
        .join_from(facility, environment_settings, CURRENT_SETTINGS)
        .where(condition)
        .order_by(facility.c.code)
        .limit(PAGE_SIZE)
        .offset((number - 1) * PAGE_SIZE)
    )
    rows = connection.execute(query).mappings()
    return FacilityPage(tuple(facility_from(row) for row in rows), total, number, pages)


def _condition(search: str) -> ColumnElement[bool]:
    if not search:
        return true()
    return or_(
        facility.c.code.startswith(search, autoescape=True),
        facility.c.registered_name.contains(search, autoescape=True),
    )
