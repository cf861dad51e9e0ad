"""A facility, a job service that records what it announces, and runners."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.accounts.conftest import CODE, new_facility
from zaitaku.core.clock import FixedClock
from zaitaku.core.database import Database
from zaitaku.core.errors import StoreUnavailable
from zaitaku.core.ids import AccountId, FacilityId
from zaitaku.jobs.context import Handler
from zaitaku.jobs.model import Job, JobId, JobKind
from zaitaku.jobs.runner import Runner
from zaitaku.jobs.service import JobService

ACCOUNT = AccountId(UUID("00000000-0000-0000-0000-00000000000a"))
OTHER_ACCOUNT = AccountId(uuid4())
KEEP = timedelta(days=30)


@dataclass
class Announcements:
    """A queue that remembers, or is away."""

    heard: list[JobId] = field(default_factory=list)
    is_away: bool = False

    def announce(self, job_id: JobId) -> None:
        if self.is_away:
            raise StoreUnavailable("queue")
        self.heard.append(job_id)

    def close(self) -> None:
        """Do nothing."""


@dataclass
class Workshop:
    """Jobs of one facility on one database."""

    database: Database
    clock: FixedClock
    facility_id: FacilityId
    queue: Any = field(default_factory=Announcements)

    @property
    def jobs(self) -> JobService:
        return JobService(database=self.database, clock=self.clock, queue=self.queue)

    def submit(
        self,
        kind: JobKind = JobKind.VIEW_HISTORY_EXPORT,
        *,
        account_id: AccountId = ACCOUNT,
        parameters: Mapping[str, str] | None = None,
        content: bytes | None = None,
        is_held: bool = False,
    ) -> Job:
        return self.jobs.submit(
            self.facility_id,
            kind=kind,
            account_id=account_id,
            actor="kanri",
            parameters=parameters or {},
            input=content,
            is_held=is_held,
        )

    def find(self, job: Job) -> Job:
        return self.jobs.find(self.facility_id, job.id)

    def runner(
        self,
        handler: Handler,
        kind: JobKind = JobKind.VIEW_HISTORY_EXPORT,
        *,
        clock: FixedClock | None = None,
    ) -> Runner:
        own = clock or self.clock
        return Runner(database=self.database, clock=own, handlers={kind: handler}, keep=KEEP)

    def result(self, job: Job) -> tuple[str, str, bytes]:
        name, media_type, content = self.jobs.result(self.facility_id, job.id)
        return name, media_type, b"".join(content)


def workshop_on(database: Database, clock: FixedClock) -> Workshop:
    return Workshop(database, clock, new_facility(database, clock, CODE).id)


@pytest.fixture
def workshop(database: Database, clock: FixedClock) -> Workshop:
    return workshop_on(database, clock)


@pytest.fixture
def any_workshop(any_database: Database, clock: FixedClock) -> Workshop:
    return workshop_on(any_database, clock)
