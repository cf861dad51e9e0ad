"""Use cases on the audit trail: search it, export it, prove that nothing was changed."""

import logging
from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, islice
from typing import Final

from zaitaku.audit.listing import AuditList, AuditQuery, Page
from zaitaku.audit.model import ACT_NAMES, FIRST_LINK, Act, Entry, is_sound
from zaitaku.audit.store import AuditTrail, Head, append, take_grown_heads
from zaitaku.core.clock import JST, Clock
from zaitaku.core.database import Database
from zaitaku.core.ids import FacilityId
from zaitaku.core.spreadsheets import Codec, encode_row, file_start

log = logging.getLogger(__name__)

BEGINNING: Final = Head(0, FIRST_LINK)
"""What the first entry of every chain follows."""
HEADS_AT_ONCE: Final = 500
"""So many ends are told in one transaction; their facilities' acts wait for it."""
_GROUP: Final = 8
_HEADINGS: Final = ("番号", "日時", "操作", "操作した人", "対象", "内容", "確認用の値")


@dataclass(frozen=True)
class Check:
    """What a walk along a whole chain found."""

    head: Head
    """The end that the walk came to."""
    broken_at: int | None
    """The number of the first entry that does not fit; ``None``: all fit."""

    @property
    def is_whole(self) -> bool:
        """Whether every entry fits the one before it, and the last is the recorded end."""
        return self.broken_at is None


class AuditService:
    """The trails of all facilities; each method names the facility it works in."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def page(self, facility_id: FacilityId, query: AuditQuery) -> Page:
        """Return one page of what is found."""
        with self._database.reading() as connection:
            return AuditList(connection, facility_id).page(query)

    def head(self, facility_id: FacilityId) -> Head:
        """Return the end of the chain: what to write down to prove later what stood before it."""
        with self._database.reading() as connection:
            return AuditTrail(connection, facility_id).head()

    def log_heads(self) -> int:
        """Write the end of every chain that grew since the last time into the log; for the worker.

        The log is kept elsewhere, so a chain that is made anew no longer fits what stands there.
        An end may be told twice, by a worker that is killed in the middle; it is never left out.

        Raises:
            StoreUnavailable: the database is away.
        """
        told = self._log_some()
        total = told
        while told == HEADS_AT_ONCE:
            told = self._log_some()
            total += told
        return total

    def _log_some(self) -> int:
        with self._database.transaction() as connection:
            ends = take_grown_heads(connection, HEADS_AT_ONCE)
            for facility_id, head in ends.items():
                log.info("audit head", extra={"facility": str(facility_id), "head": _grouped(head)})
        return len(ends)

    def check(self, facility_id: FacilityId) -> Check:
        """Walk the whole chain and tell where, if anywhere, it was changed."""
        with self._database.reading() as connection:
            return check_trail(AuditTrail(connection, facility_id))

    def holds(self, facility_id: FacilityId, earlier: Head) -> bool:
        """Tell whether an end that was written down earlier still stands in the chain.

        The end of an empty chain (sequence 0) says nothing and always stands.
        """
        if earlier.sequence == 0:
            return earlier.digest == FIRST_LINK
        with self._database.reading() as connection:
            return AuditTrail(connection, facility_id).digest_at(earlier.sequence) == earlier.digest

    def export(
        self, facility_id: FacilityId, query: AuditQuery, *, codec: Codec
    ) -> Generator[bytes, None, None]:
        """Yield what is found as CSV while it is read.

        Whoever hands the file out calls ``note_export`` first, when it is whole.

        Raises:
            StoreUnavailable: the database is away.
        """
        with self._database.reading() as connection:
            found = AuditList(connection, facility_id).stream(query)
            with closing(found) as entries:
                first = list(islice(entries, 1))
                yield from csv_lines(chain(first, entries), codec)

    def note_export(self, facility_id: FacilityId, *, actor: str) -> None:
        """Record that a file of the trail was made and is handed out.

        Raises:
            StoreUnavailable: the database is away; without the record nobody gets the file.
        """
        with self._database.transaction() as connection:
            append(connection, facility_id, Act.EXPORT_AUDIT, actor=actor, at=self._clock.now())


def _grouped(head: Head) -> str:
    # In groups, or the log would take the digest for a secret and hide it.
    groups = (head.digest[at : at + _GROUP] for at in range(0, len(head.digest), _GROUP))
    return f"{head.sequence} {'/'.join(groups)}"


def check_trail(trail: AuditTrail) -> Check:
    """Walk a whole trail, also while people go on working.

    On PostgreSQL each statement sees what was committed before it (READ COMMITTED), so the end is
    read after the walk: what came in between is walked as well, until both agree.
    """
    walked = BEGINNING
    while True:
        check = check_chain(trail.entries(after=walked.sequence), walked)
        head = trail.head()
        if check.broken_at is not None or check.head == head:
            return check
        if check.head == walked or head.sequence <= check.head.sequence:
            return Check(check.head, broken_at=check.head.sequence + 1)
        walked = check.head


def check_chain(entries: Iterable[Entry], begin: Head = BEGINNING) -> Check:
    """Walk ``entries``, the first of which follows ``begin``."""
    walked = begin
    for entry in entries:
        follows = (entry.sequence, entry.previous) == (walked.sequence + 1, walked.digest)
        if not follows or not is_sound(entry):
            return Check(walked, broken_at=walked.sequence + 1)
        walked = Head(entry.sequence, entry.digest)
    return Check(walked, broken_at=None)


def csv_lines(entries: Iterable[Entry], codec: Codec) -> Generator[bytes, None, None]:
    """Yield the file line by line, the headings first."""
    yield file_start(codec) + encode_row(_HEADINGS, codec)
    for entry in entries:
        yield encode_row(_cells(entry), codec)


def _cells(entry: Entry) -> tuple[str, ...]:
    return (
        str(entry.sequence),
        _moment(entry.at),
        ACT_NAMES[entry.act],
        entry.actor,
        entry.subject,
        in_words(entry),
        entry.digest,
    )


def in_words(entry: Entry) -> str:
    """Return what changed, as lists and files show it."""
    return "、".join(f"{name}：{value}" for name, value in entry.detail.items())


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(JST):%Y/%m/%d %H:%M:%S}"
