"""A job: who asked for what, how far it is, how it ended."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NewType
from uuid import UUID

from zaitaku.core.ids import AccountId, FacilityId

JobId = NewType("JobId", UUID)

STALE_AFTER: Final = timedelta(seconds=60)
"""A running job from which nothing was heard for so long has lost its worker."""
BEAT_EVERY: Final = timedelta(seconds=10)
MOST_ATTEMPTS: Final = 3
"""A job whose worker was lost so often is not tried again: it may be what kills workers."""
OUTAGES_FOR: Final = timedelta(hours=1)
"""For so long after it was submitted a job that met an outage has not been tried thereby. Later it
counts: what looks like an outage may be the job's own fault, and nobody else may have its lane."""
HELD_FOR: Final = timedelta(hours=1)
"""How long a job waits for somebody to confirm it before it is forgotten."""
TOLD_FOR: Final = timedelta(hours=24)
"""How long a job's secret can be fetched again after it was fetched first."""


class JobKind(StrEnum):
    """What there is to do."""

    ACCOUNT_IMPORT = "account-import"
    POSTER_ARCHIVE = "poster-archive"
    VIEW_HISTORY_EXPORT = "view-history-export"


FACILITY_WIDE: Final = frozenset({JobKind.ACCOUNT_IMPORT})
"""One at a time in the whole facility (domain.md §5); of the others one at a time an account."""


class JobState(StrEnum):
    """How far a job is."""

    HELD = "held"
    """Handed in, not confirmed."""
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


STATE_NAMES: Final = MappingProxyType(
    {
        JobState.HELD: "確認待ち",
        JobState.WAITING: "待ち",
        JobState.RUNNING: "実行中",
        JobState.DONE: "完了",
        JobState.FAILED: "失敗",
    }
)

ENDED: Final = frozenset({JobState.DONE, JobState.FAILED})


@dataclass(frozen=True)
class Job:
    """One job as it is now."""

    id: JobId
    facility_id: FacilityId
    kind: JobKind
    reference: str
    """受付番号: ten digits, unique in the facility."""
    account_id: AccountId
    actor: str
    """Who asked, as the audit trail names them."""
    parameters: Mapping[str, str]
    """What the handler needs to know; emptied with the result's removal."""
    state: JobState
    outcome: str
    """The kind's own word for how it ended; for a failed job the failure's code."""
    counts: Mapping[str, int]
    """The kind's own numbers about the outcome."""
    done: int
    total: int
    """Units of work done and to be done; 0 while not known."""
    submitted_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    result_name: str
    """The file's name; empty without a file."""
    result_type: str
    result_bytes: int

    @property
    def is_ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in ENDED

    @property
    def has_result(self) -> bool:
        """Whether its file can be downloaded."""
        return self.is_ended and bool(self.result_name)

    @property
    def percent(self) -> int:
        """How much is done, 0 to 100."""
        if self.state is JobState.DONE:
            return 100
        return min(100, self.done * 100 // self.total) if self.total else 0


def lane_of(kind: JobKind, account_id: AccountId) -> str:
    """Return the lane of which a facility has at most one waiting or running job."""
    return kind.value if kind in FACILITY_WIDE else f"{kind.value}:{account_id}"
