"""Appointments of one facility, in the durable store."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Date,
    ForeignKey,
    Index,
    RowMapping,
    Select,
    String,
    Table,
    UniqueConstraint,
    Uuid,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from zaitaku.core.database import Moment, metadata
from zaitaku.core.errors import NotFound
from zaitaku.core.ids import FacilityId, new_uuid
from zaitaku.facilities.model import Channel
from zaitaku.facilities.tables import facility
from zaitaku.records.appointments.model import Appointment, AppointmentId, Planned

_TOLD: Final = ("at", "day", "channel", "patient_number", "name", "kana", "kana_key", "birth_date")

appointment = Table(
    "appointment",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("facility_id", Uuid, ForeignKey("facility.id"), nullable=False),
    Column("day", Date, nullable=False),
    Column("at", Moment, nullable=False),
    Column("channel", String(16), nullable=False),
    Column("patient_number", String(20), nullable=False),
    Column("name", String(100), nullable=False),
    Column("kana", String(200), nullable=False),
    Column("kana_key", String(200), nullable=False),
    Column("birth_date", Date, nullable=False),
    Column("sender_key", String(80), nullable=False),
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("facility_id", "sender_key"),
    Index("ix_appointment_day", "day", "facility_id", "at", "id"),
)


class AppointmentStore:
    """The appointments of one facility."""

    def __init__(self, connection: Connection, facility_id: FacilityId) -> None:
        self._connection = connection
        self._facility_id = facility_id

    def lock(self) -> None:
        """Let nobody else add appointments of this facility before the transaction ends."""
        own = select(facility.c.id).where(facility.c.id == self._facility_id)
        self._connection.execute(own.with_for_update(key_share=True))

    def keep(self, planned: Sequence[Planned], *, at: datetime) -> int:
        """Add what is not there yet, bring what its sender knows up to date; return the additions.

        What is told twice in ``planned`` is kept as it was told last.
        """
        latest = {each.sender_key: each for each in planned}
        if not latest:
            return 0
        known = self._known(list(latest))
        rows = [self._row(each, at) for each in latest.values()]
        insert = postgresql_insert if self._connection.dialect.name != "sqlite" else sqlite_insert
        statement = insert(appointment)
        changes = {name: statement.excluded[name] for name in _TOLD}
        self._connection.execute(
            statement.on_conflict_do_update(
                index_elements=["facility_id", "sender_key"], set_=changes
            ),
            rows,
        )
        return len(latest) - known

    def _known(self, keys: list[str]) -> int:
        query = select(func.count()).select_from(appointment).where(self._own)
        return self._connection.execute(
            query.where(appointment.c.sender_key.in_(keys))
        ).scalar_one()

    def _row(self, planned: Planned, at: datetime) -> dict[str, Any]:
        return {
            "id": new_uuid(),
            "facility_id": self._facility_id,
            "sender_key": planned.sender_key,
            "created_at": at,
            **{name: getattr(planned, name) for name in _TOLD},
        }

    def get(self, name: AppointmentId) -> Appointment:
        """Return one appointment.

        Raises:
            NotFound: the facility has none of this name.
        """
        query = self._all().where(appointment.c.id == name)
        row = self._connection.execute(query).mappings().one_or_none()
        if row is None:
            raise NotFound("appointment")
        return _appointment(row)

    def on(self, day: date, *, most: int) -> tuple[Appointment, ...]:
        """Return the day's appointments by their time, at most ``most``."""
        query = self._all().where(appointment.c.day == day)
        ordered = query.order_by(appointment.c.at, appointment.c.id).limit(most)
        return tuple(_appointment(row) for row in self._connection.execute(ordered).mappings())

    def count(self, day: date) -> int:
        """Return how many appointments a day has."""
        query = select(func.count()).select_from(appointment).where(self._own)
        return self._connection.execute(query.where(appointment.c.day == day)).scalar_one()

    def remove_day(self, day: date) -> int:
        """Remove a day's appointments; return how many there were."""
        chosen = appointment.delete().where(self._own, appointment.c.day == day)
        return self._connection.execute(chosen).rowcount

    def remove(self, name: AppointmentId) -> bool:
        """Remove one; tell whether it was there."""
        chosen = appointment.delete().where(self._own, appointment.c.id == name)
        return self._connection.execute(chosen).rowcount > 0

    def remove_known(self, sender_keys: Sequence[str]) -> int:
        """Remove what a sender no longer plans; return how many there were."""
        chosen = appointment.delete().where(self._own, appointment.c.sender_key.in_(sender_keys))
        return self._connection.execute(chosen).rowcount

    @property
    def _own(self) -> ColumnElement[bool]:
        return appointment.c.facility_id == self._facility_id

    def _all(self) -> Select[Any]:
        return select(appointment).where(self._own)


def forget_all_before(connection: Connection, day: date) -> int:
    """Remove all facilities' appointments of earlier days; return how many there were."""
    return connection.execute(appointment.delete().where(appointment.c.day < day)).rowcount


def _appointment(row: RowMapping) -> Appointment:
    return Appointment(
        id=AppointmentId(row["id"]),
        at=row["at"],
        channel=Channel(row["channel"]),
        patient_number=row["patient_number"],
        name=row["name"],
        kana=row["kana"],
        kana_key=row["kana_key"],
        birth_date=row["birth_date"],
    )
