"""Use cases of appointments: tell them, see who is still missing, forget them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from zaitaku.audit.model import Act
from zaitaku.audit.store import append
from zaitaku.core.clock import Clock, japan_date
from zaitaku.core.database import Database
from zaitaku.core.ids import FacilityId
from zaitaku.records.appointments.errors import TooManyAppointments
from zaitaku.records.appointments.lookup import matches_on
from zaitaku.records.appointments.matching import Expected, Standing, expected_of
from zaitaku.records.appointments.model import Appointment, AppointmentId, Planned
from zaitaku.records.appointments.store import AppointmentStore, forget_all_before

MOST_A_DAY: Final = 1_000


@dataclass(frozen=True)
class Day:
    """A day's expected patients, by their time."""

    day: date
    expected: tuple[Expected, ...]
    has_more: bool = False
    """Whether there are more appointments on this day than ``expected`` has."""

    @property
    def counts(self) -> Counter[Standing]:
        """How many there are of each standing."""
        return Counter(each.standing for each in self.expected)

    @property
    def done(self) -> int:
        """How many have consented."""
        return self.counts[Standing.CONSENTED]

    @property
    def still_open(self) -> tuple[Expected, ...]:
        """Those for whom somebody has to do something."""
        return tuple(each for each in self.expected if each.is_open)


@dataclass(frozen=True)
class Kept:
    """What became of the appointments that were told."""

    added: int
    updated: int
    removed: int


@dataclass(frozen=True)
class AppointmentService:
    """The appointments of all facilities; each method names the facility it works in."""

    database: Database
    clock: Clock
    keep_days: int
    """So many days after its day an appointment is forgotten."""

    def on(self, facility_id: FacilityId, day: date) -> Day:
        """Return who is expected on ``day`` and who of them has consented.

        Raises:
            StoreUnavailable: the database is away.
        """
        with self.database.reading() as connection:
            listed = AppointmentStore(connection, facility_id).on(day, most=MOST_A_DAY + 1)
            matches = matches_on(connection, facility_id, day) if listed else ()
        expected = expected_of(listed, matches)
        return Day(day, expected[:MOST_A_DAY], has_more=len(expected) > MOST_A_DAY)

    def keep(
        self,
        facility_id: FacilityId,
        planned: Sequence[Planned],
        *,
        actor: str,
        cancelled: Sequence[str] = (),
    ) -> Kept:
        """Add what is new, bring what is known up to date, remove what a sender cancelled.

        All or nothing. What was told before may be told again.

        Raises:
            TooManyAppointments: a day would have more than ``MOST_A_DAY``.
            StoreUnavailable: the database is away; nothing was kept.
        """
        now = self.clock.now()
        with self.database.transaction() as connection:
            store = AppointmentStore(connection, facility_id)
            # Two who add to one day at once would each count without the other's.
            store.lock()
            removed = store.remove_known(cancelled)
            added = store.keep(planned, at=now)
            for day in sorted({each.day for each in planned}):
                if store.count(day) > MOST_A_DAY:
                    raise TooManyAppointments(day)
            kept = Kept(added, len({each.sender_key for each in planned}) - added, removed)
            detail = {
                "追加": f"{kept.added}件",
                "更新": f"{kept.updated}件",
                "取消し": f"{removed}件",
            }
            append(
                connection,
                facility_id,
                Act.KEEP_APPOINTMENTS,
                actor=actor,
                at=now,
                subject=_days_of(planned),
                detail=detail,
            )
        return kept

    def get(self, facility_id: FacilityId, name: AppointmentId) -> Appointment:
        """Return one appointment.

        Raises:
            NotFound: the facility has none of this name.
        """
        with self.database.reading() as connection:
            return AppointmentStore(connection, facility_id).get(name)

    def remove(self, facility_id: FacilityId, name: AppointmentId, *, actor: str) -> None:
        """Remove one appointment; removing it twice changes nothing.

        Raises:
            StoreUnavailable: the database is away; nobody knows until the day is read again.
        """
        with self.database.transaction() as connection:
            if AppointmentStore(connection, facility_id).remove(name):
                append(
                    connection,
                    facility_id,
                    Act.REMOVE_APPOINTMENTS,
                    actor=actor,
                    at=self.clock.now(),
                    detail={"件数": "1件"},
                )

    def remove_day(self, facility_id: FacilityId, day: date, *, actor: str) -> int:
        """Remove all appointments of a day and return how many there were.

        Raises:
            StoreUnavailable: the database is away; nobody knows until the day is read again.
        """
        with self.database.transaction() as connection:
            removed = AppointmentStore(connection, facility_id).remove_day(day)
            if removed:
                append(
                    connection,
                    facility_id,
                    Act.REMOVE_APPOINTMENTS,
                    actor=actor,
                    at=self.clock.now(),
                    subject=day.isoformat(),
                    detail={"件数": f"{removed}件"},
                )
        return removed

    def forget(self) -> int:
        """Remove what is too old in all facilities; the worker does it now and then.

        Raises:
            StoreUnavailable: the database is away.
        """
        with self.database.transaction() as connection:
            return forget_all_before(connection, self.oldest_day)

    @property
    def oldest_day(self) -> date:
        """The first day whose appointments are kept."""
        return japan_date(self.clock.now()) - timedelta(days=self.keep_days)


def _days_of(planned: Sequence[Planned]) -> str:
    days = sorted({each.day for each in planned})
    if not days:
        return ""
    return days[0].isoformat() if len(days) == 1 else f"{days[0]} - {days[-1]}"
