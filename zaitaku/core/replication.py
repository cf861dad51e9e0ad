"""What PostgreSQL promises of a commit: on how many machines it stands when it is answered."""

import re
from dataclasses import dataclass
from typing import Any, Final, Self

from psycopg import Connection as Driver
from psycopg import Error as DriverError
from sqlalchemy import Connection, Engine, event, text

from zaitaku.core.errors import OutcomeUnknown, StoreUnavailable

MOST_STANDBYS: Final = 8
_COUNTED: Final = re.compile(r"\s*(?:(?:ANY|FIRST)\s+)?(\d+)\s*\(", re.IGNORECASE)
_QUESTION: Final = (
    "SELECT current_setting('synchronous_standby_names'), current_setting('fsync') = 'on'"
    " AND current_setting('full_page_writes') = 'on', pg_is_in_recovery()"
)


ONE_MORE_WORD: Final = "SELECT pg_logical_emit_message(true, 'zaitaku', '')"
"""Changes nothing, and its commit waits as every other: they have then all that came before it."""


class NotReplicated(StoreUnavailable):
    """The database would answer a commit before enough machines have it."""


@dataclass(frozen=True)
class Durability:
    """What a server does before it answers a commit."""

    standbys: int
    """How many standbys have the commit on their disks (``synchronous_standby_names``)."""
    is_on_disk: bool
    """Whether the server itself waits for its disk and survives a torn page."""
    is_standby: bool

    @classmethod
    def of(cls, connection: Connection) -> Self:
        """Ask the server behind ``connection``; any role may."""
        return cls.read(*connection.execute(text(_QUESTION)).one())

    @classmethod
    def read(cls, names: str, is_on_disk: bool, is_standby: bool) -> Self:
        """Read the answer to the question above."""
        return cls(standbys_needed(names), is_on_disk, is_standby)

    def check(self, standbys: int) -> None:
        """Check that a commit would stand on ``standbys`` other machines.

        Raises:
            NotReplicated: it would not.
        """
        if self.standbys < standbys:
            raise NotReplicated(f"{self.standbys} of {standbys} synchronous standbys are asked for")
        if standbys and not self.is_on_disk:
            raise NotReplicated("fsync or full_page_writes is off")


def standbys_needed(names: str) -> int:
    """Return for how many standbys a commit waits (PostgreSQL 15, §20.6.2).

    ``ANY 2 (a, b, c)``, ``FIRST 2 (…)`` and ``2 (…)`` wait for two, a bare list for its first.
    """
    counted = _COUNTED.match(names)
    if counted:
        return int(counted[1])
    return 1 if names.strip() else 0


def see_replicated(connection: Connection, standbys: int) -> None:
    """See that the commit that was answered just now waited for ``standbys`` machines.

    A server whose condition is taken away lets go at once of all that wait, and answers them as if
    they had been waited for. It learns of the change before it takes the next question
    (PostgreSQL 15, §20.1.2), so it is asked afterwards.

    Raises:
        OutcomeUnknown: it may have waited for nobody; what was committed may be lost.
    """
    driver: Any = connection.connection.driver_connection
    driver.autocommit = True
    try:
        Durability.read(*driver.execute(_QUESTION).fetchone()).check(standbys)
    except (NotReplicated, DriverError) as error:
        connection.invalidate()
        raise OutcomeUnknown(str(error)) from error


def insist_on_standbys(engine: Engine, standbys: int) -> None:
    """Take no connection of ``engine`` into use whose commits fewer standbys would have.

    So a primary that was promoted a moment ago is not written to before it waits for others. And
    one that has crashed is not read before they have what it shows: a commit that was waiting for
    them became visible by the crash, unanswered (PostgreSQL 15, §27.2.8).
    """

    @event.listens_for(engine, "connect")
    def check(driver: Driver[Any], _record: object) -> None:
        try:
            rows = driver.execute(_QUESTION).fetchall()
            driver.rollback()
            Durability.read(*rows[0]).check(standbys)
            driver.execute(ONE_MORE_WORD)
            driver.commit()
        except BaseException:
            driver.close()  # the pool does not have it yet
            raise
