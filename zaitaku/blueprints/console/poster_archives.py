"""Every poster in one ZIP file: chosen here, made by a worker, fetched when it is done."""

from collections.abc import Iterable
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from zaitaku.accounts.model import Permission
from zaitaku.blueprints.console.downloads import DESCRIPTIONS
from zaitaku.blueprints.console.room import blueprint
from zaitaku.blueprints.edge import services
from zaitaku.blueprints.permissions import current_staff, requires
from zaitaku.core.errors import InvalidField
from zaitaku.core.ids import FacilityId
from zaitaku.facilities.channels import CHANNEL_NAMES
from zaitaku.facilities.model import Channel
from zaitaku.jobs.model import Job, JobId, JobKind
from zaitaku.reception.errors import UrlChanged
from zaitaku.reception.posters.archive import has_practice_mark, parameters_of
from zaitaku.reception.printing import KIND_NAMES

_CHOOSE: Final = "作るものを、1つ以上選んでください。"
FAILURES: Final = MappingProxyType(
    {
        UrlChanged.code: "作っているあいだにURLが変更されたため、ファイルをお渡ししていません。"
        "前のURLのポスターは、患者さんが使えないためです。今のURLで、もう一度作ってください。"
    }
)
"""What is told about an archive that failed for a reason of its own, by the job's outcome."""


@blueprint.get("/reception-urls/all-posters")
@requires(Permission.SEE_RECEPTION_URLS)
def poster_archive() -> str:
    """Offer the kinds of file, and show the newest archives that the person asked for."""
    return _page({})


def _page(errors: dict[str, str]) -> str:
    staff = current_staff()
    jobs = services().jobs.newest(
        staff.facility.id, JobKind.POSTER_ARCHIVE, account_id=staff.account.id
    )
    return render_template(
        "console/poster_archive.html",
        jobs=jobs,
        newest=jobs[0] if jobs else None,
        names=KIND_NAMES,
        descriptions=DESCRIPTIONS,
        errors=errors,
        off=[CHANNEL_NAMES[each] for each in Channel if not staff.facility.settings.is_on(each)],
        outdated=_outdated(staff.facility.id, jobs),
        misfits=_misfits(jobs),
        is_practice=services().prints.is_practice,
        failures=FAILURES,
    )


def _outdated(facility_id: FacilityId, jobs: Iterable[Job]) -> set[JobId]:
    """Return the archives that hold a URL which was changed since."""
    current = {
        channel.value: services().reception.show(facility_id, channel).current.number
        for channel in Channel
    }
    return {
        job.id
        for job in jobs
        if any(job.counts.get(channel, number) != number for channel, number in current.items())
    }


def _misfits(jobs: Iterable[Job]) -> set[JobId]:
    """Return the archives that a sandbox made without its mark, or that bear it and this is none.

    They are kept for some days, also when a new version or another mode came in between.
    """
    is_practice = services().prints.is_practice
    return {job.id for job in jobs if job.has_result and has_practice_mark(job) is not is_practice}


@blueprint.post("/reception-urls/all-posters")
@requires(Permission.SEE_RECEPTION_URLS)
def make_poster_archive() -> Response | tuple[str, HTTPStatus]:
    """Hand in the work, and show how far it is."""
    staff = current_staff()
    try:
        parameters = parameters_of(request.form.getlist("kinds"))
    except InvalidField:
        return _page({"kinds": _CHOOSE}), HTTPStatus.UNPROCESSABLE_ENTITY
    services().jobs.submit(
        staff.facility.id,
        kind=JobKind.POSTER_ARCHIVE,
        account_id=staff.account.id,
        actor=staff.account.label,
        parameters=parameters,
    )
    return redirect(url_for("console.poster_archive"), HTTPStatus.SEE_OTHER)
