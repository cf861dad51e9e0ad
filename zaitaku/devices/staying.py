"""Who and what goes on working when a facility has another owner (domain.md §2, 承継)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from sqlalchemy import Connection, select

from zaitaku.accounts.model import Account
from zaitaku.accounts.store import AccountStore
from zaitaku.core.ids import FacilityId
from zaitaku.devices.store import activation_code, device


@dataclass(frozen=True)
class StayingDevice:
    """A device at the bedside whose key is good."""

    memo: str
    """What the facility calls it."""
    name: str
    """What it calls itself."""
    registered_at: datetime


@dataclass(frozen=True)
class Staying:
    """What a new owner takes over with a facility: everything that can log in."""

    accounts: tuple[Account, ...]
    devices: tuple[StayingDevice, ...]

    @classmethod
    def of(cls, connection: Connection, facility_id: FacilityId) -> Self:
        """Return the facility's living accounts, by user ID, and devices, oldest first."""
        accounts = AccountStore(connection, facility_id).all()
        return cls(accounts, _devices(connection, facility_id))


def _devices(connection: Connection, facility_id: FacilityId) -> tuple[StayingDevice, ...]:
    query = (
        select(activation_code.c.memo, device.c.name, device.c.registered_at)
        .join_from(device, activation_code, activation_code.c.id == device.c.code_id)
        .where(device.c.facility_id == facility_id, activation_code.c.invalidated_at.is_(None))
        .order_by(device.c.registered_at, device.c.id)
    )
    return tuple(StayingDevice(*row) for row in connection.execute(query))
