"""What the worker does for each kind of job: the subjects' handlers, wired to the services."""

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType

from zaitaku.jobs.context import Handler
from zaitaku.jobs.model import JobKind
from zaitaku.jobs.runner import Runner
from zaitaku.reception.posters.archive import PosterArchive
from zaitaku.records.view_export import ViewHistoryArchive
from zaitaku.services import Services


def handlers(services: Services) -> Mapping[JobKind, Handler]:
    """Return who does which kind of job."""
    return MappingProxyType(
        {
            JobKind.ACCOUNT_IMPORT: services.account_imports.handle,
            JobKind.VIEW_HISTORY_EXPORT: ViewHistoryArchive(
                services.database, services.facilities, services.clock
            ),
            JobKind.POSTER_ARCHIVE: PosterArchive(
                facilities=services.facilities,
                reception=services.reception,
                posters=services.posters,
                prints=services.prints,
                clock=services.clock,
            ),
        }
    )


def runner(services: Services) -> Runner:
    """Return what runs the jobs of a deployment."""
    return Runner(
        database=services.database,
        clock=services.clock,
        handlers=handlers(services),
        keep=timedelta(days=services.settings.job_result_days),
        watch=services.watch,
        chores=(
            services.appointments.forget,
            services.use_reports.forget,
            services.audit.log_heads,
        ),
    )


def work_off(services: Services) -> int:
    """Do every job that waits, here and now; return how many there were (tests, commands)."""
    return runner(services).work_off()
