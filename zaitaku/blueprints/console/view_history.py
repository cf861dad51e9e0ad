"""医療情報閲覧履歴照会: who viewed whose what and when, searched and exported (domain.md §6)."""

from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from typing import Final

from flask import Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from zaitaku.accounts.model import Permission
from zaitaku.blueprints.console.files import made_response
from zaitaku.blueprints.console.jobs import has_current_file
from zaitaku.blueprints.console.presenting import NOT_OBTAINED, WITHHELD
from zaitaku.blueprints.console.room import blueprint, failure
from zaitaku.blueprints.console.searches import address, asked, lead_on, shown_again
from zaitaku.blueprints.edge import refuse_head, services
from zaitaku.blueprints.kept_forms import repeatable
from zaitaku.blueprints.paging import paging
from zaitaku.blueprints.permissions import current_staff, no_page, requires
from zaitaku.core.errors import InvalidField
from zaitaku.core.texts import without_control_characters
from zaitaku.jobs.model import JobKind
from zaitaku.records.errors import TooManyRows
from zaitaku.records.view_export import file_name
from zaitaku.records.view_history import (
    MAXIMUM_WHO,
    MOST_ROWS,
    PAGE_SIZE,
    HistoryQuery,
)
from zaitaku.records.view_kinds import KIND_NAMES, PART_NAMES

_FIELDS: Final = ("from", "to", "kind", "who")
_MISTAKES: Final = {
    "from": "「いつから」は、日付と時刻（分まで）で入力してください。",
    "to": "「いつまで」は、「いつから」よりあとの日付と時刻（分まで）で入力してください。",
    "kind": "区分を一覧から選んでください。",
    "who": f"閲覧した人は、ふつうの文字で、{MAXIMUM_WHO}文字以内で入力してください。",
    "page": "ページは、表の下の番号から選んでください。",
}


@blueprint.get("/view-history")
@requires(Permission.SEE_VIEW_HISTORY)
def view_history() -> str | tuple[str, HTTPStatus]:
    """Show one page of what the address asks for."""
    try:
        query = HistoryQuery.from_mapping(asked())
    except InvalidField as error:
        return _unread(error), HTTPStatus.UNPROCESSABLE_ENTITY
    found = services().view_history.page(current_staff().facility.id, query)
    return render_template(
        "console/view_history.html",
        found=found,
        typed=asked(),
        errors={},
        first_row=(found.number - 1) * PAGE_SIZE + 1,
        paging=paging(found.number, found.pages, _address),
        is_filtered=bool(_asked()),
        export=address("console.export_view_history", _asked()),
        **_words(),
    )


@blueprint.post("/view-history")
@requires(Permission.SEE_VIEW_HISTORY)
@repeatable
def search_view_history() -> BaseResponse:
    """Lead on to the lines that the form asks for."""
    return lead_on()


def _unread(error: InvalidField) -> str:
    field = error.field if error.field in _FIELDS else "main"
    return render_template(
        "console/view_history.html",
        found=None,
        typed=shown_again(),
        errors={field: _MISTAKES[error.field]},
        **_words(),
    )


def _words() -> Mapping[str, object]:
    kinds = [{"value": kind.value, "label": name} for kind, name in KIND_NAMES.items()]
    return {
        "kinds": [{"value": "", "label": "すべて"}, *kinds],
        "kind_names": KIND_NAMES,
        "part_names": PART_NAMES,
        "not_obtained": NOT_OBTAINED,
        "withheld": WITHHELD,
        "most_rows": MOST_ROWS,
        "asked": _asked(),
    }


def _asked() -> dict[str, str]:
    given = {**asked(), **request.form}
    values = {name: given.get(name, "") for name in _FIELDS}
    return {name: without_control_characters(value) for name, value in values.items() if value}


def _address(number: int) -> str:
    return address("console.view_history", {**_asked(), "page": str(number)})


@blueprint.get("/view-history/export")
@requires(Permission.SEE_VIEW_HISTORY)
@no_page
def export_view_history() -> Response | tuple[str, HTTPStatus]:
    """Return everything that the address finds as CSV, up to 25,000 rows."""
    refuse_head()
    try:
        query = HistoryQuery.from_mapping(asked())
    except InvalidField as error:
        return _unread(error), HTTPStatus.UNPROCESSABLE_ENTITY
    staff = current_staff()
    codec = staff.facility.settings.character_set.codec
    history = services().view_history
    lines = history.export(staff.facility.id, query, codec=codec)
    name = file_name(staff.facility, services().clock.now(), ".csv")
    record = partial(history.note_export, staff.facility.id, actor=staff.account.label)
    return made_response(name, codec.content_type, lines, record=record)


@blueprint.errorhandler(TooManyRows)
def too_many_rows(error: TooManyRows) -> tuple[str, HTTPStatus]:
    """Say that one file cannot hold it, how to narrow the search, and that parts can."""
    return failure(
        f"{MOST_ROWS:,}件を超えるため、ダウンロードできません",
        "期間を短くする、区分や閲覧した人を選ぶなど、条件を絞って検索してください。",
        "すべて必要なときは、履歴の画面の「分けて作成する」を使うと、"
        f"{MOST_ROWS:,}件ずつのファイルをまとめて受け取れます。",
        action={
            "label": "条件を絞り直す",
            "href": address("console.view_history", _asked()),
        },
    ), error.status


@blueprint.get("/view-history/archive")
@requires(Permission.SEE_VIEW_HISTORY)
def view_history_archive() -> str:
    """Show how far one's own archives are, and the files."""
    staff = current_staff()
    made = services().jobs.newest(
        staff.facility.id, JobKind.VIEW_HISTORY_EXPORT, account_id=staff.account.id
    )
    files = {job.id for job in made if has_current_file(job)}
    return render_template("console/view_history_archive.html", jobs=made, files=files, **_words())


@blueprint.post("/view-history/archive")
@requires(Permission.SEE_VIEW_HISTORY)
def make_view_history_archive() -> BaseResponse | tuple[str, HTTPStatus]:
    """Have everything that is asked for made into an archive of parts, in the background."""
    staff, asked = current_staff(), _asked()
    try:
        HistoryQuery.from_mapping(asked)
    except InvalidField as error:
        return _unread(error), HTTPStatus.UNPROCESSABLE_ENTITY
    services().jobs.submit(
        staff.facility.id,
        kind=JobKind.VIEW_HISTORY_EXPORT,
        account_id=staff.account.id,
        actor=staff.account.label,
        parameters=asked,
    )
    return redirect(url_for("console.view_history_archive"), HTTPStatus.SEE_OTHER)
