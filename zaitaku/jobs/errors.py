"""What can go wrong with a job."""

from http import HTTPStatus

from zaitaku.core.errors import Conflict, NotFound, ZaitakuError


class JobUnderWay(Conflict):
    """One job of this kind at a time, and one is waiting or running: try again in a minute."""

    code = "job-under-way"


class JobUnknown(NotFound):
    """The facility (or the account that asks) has no such job."""

    code = "job-unknown"


class NoResult(NotFound):
    """The job made no file, is not done yet, or its file's days are over."""

    code = "no-result"


class JobLost(ZaitakuError):
    """Another worker has taken the job over; whoever meets this stops and writes nothing more."""

    code = "job-lost"
    status = HTTPStatus.CONFLICT
