"""Long work as the console shows it: progress by timer, the file it made, "one is under way"."""

from http import HTTPStatus
from types import MappingProxyType
from typing import Final
from uuid import UUID

from flask import Response, jsonify

from zaitaku.accounts.errors import NotPermitted
from zaitaku.accounts.imports import IMPORT_STATE_NAMES, import_state
from zaitaku.accounts.model import Permission
from zaitaku.blueprints.console.files import file_response
from zaitaku.blueprints.console.room import blueprint, failure
from zaitaku.blueprints.edge import refuse_head, services
from zaitaku.blueprints.permissions import by_timer, current_staff, no_page, requires
from zaitaku.jobs.errors import JobUnderWay, NoResult
from zaitaku.jobs.model import STATE_NAMES, Job, JobId, JobKind, JobState

NEEDED: Final = MappingProxyType(
    {
        JobKind.ACCOUNT_IMPORT: Permission.IMPORT_ACCOUNTS,
        JobKind.POSTER_ARCHIVE: Permission.SEE_RECEPTION_URLS,
        JobKind.VIEW_HISTORY_EXPORT: Permission.SEE_VIEW_HISTORY,
    }
)
"""What whoever looks at a job must be allowed; and they must have asked for it themselves."""

OWN_DOWNLOADS: Final = frozenset({JobKind.ACCOUNT_IMPORT})
"""Kinds whose files only a page of their own gives out."""


@blueprint.get("/jobs/<uuid:job>")
@requires(Permission.USE_CONSOLE)
@by_timer
def job_state(job: UUID) -> Response:
    """Tell how far one's own job is."""
    found = own_job(JobId(job))
    return jsonify(
        state=found.state.value,
        words=state_words(found),
        percent=found.percent,
        ended=found.is_ended,
    )


@blueprint.get("/jobs/<uuid:job>/result")
@requires(Permission.USE_CONSOLE)
@no_page
def job_result(job: UUID) -> Response:
    """Stream the file that one's own job made: no connection is held between its pieces."""
    refuse_head()
    found = own_job(JobId(job))
    if found.kind in OWN_DOWNLOADS or not has_current_file(found):
        raise NoResult
    name, media_type, content = services().jobs.result(found.facility_id, found.id)
    response = file_response(name, media_type, content)
    response.content_length = found.result_bytes
    return response


@blueprint.errorhandler(JobUnderWay)
def job_under_way(error: JobUnderWay) -> tuple[str, HTTPStatus]:
    """Say that the same work is going on already, and when to try again."""
    return failure(
        "同じ処理が、まだ終わっていません",
        "前に始めた処理が終わるまで、次の処理は始められません。この操作では、何も始めていません。",
        "1分ほど待ってから、もう一度お試しください。",
    ), error.status


def own_job(job_id: JobId) -> Job:
    """Return a job that the person asked for.

    Raises:
        JobUnknown: there is none, it is another facility's or somebody else's.
        NotPermitted: the role may not (any more) see what the job makes.
    """
    staff = current_staff()
    found = services().jobs.find(staff.facility.id, job_id, account_id=staff.account.id)
    if NEEDED[found.kind] not in staff.permissions:
        raise NotPermitted(f"lacks {NEEDED[found.kind]}")
    return found


def has_current_file(job: Job) -> bool:
    """Tell whether the job's file may be handed out; one that may not any more is removed."""
    is_history = job.kind is JobKind.VIEW_HISTORY_EXPORT
    if not (job.has_result and is_history and services().view_history.is_outdated(job)):
        return job.has_result
    services().jobs.drop_result(job.facility_id, job.id)
    return False


def state_words(job: Job) -> str:
    """Return how far a job is, for people."""
    is_import = job.kind is JobKind.ACCOUNT_IMPORT
    name = IMPORT_STATE_NAMES[import_state(job)] if is_import else STATE_NAMES[job.state]
    if job.state is JobState.RUNNING and job.total:
        return f"{name}：{job.done:,}／{job.total:,}件（{job.percent}%）"
    return name


blueprint.add_app_template_filter(state_words, "job_words")
