"""アクティベーションコード管理: issue, search, invalidate (domain.md §7)."""

from http import HTTPStatus
from typing import Final
from uuid import UUID

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from zaitaku.accounts.model import Permission
from zaitaku.blueprints.console.room import blueprint, failure
from zaitaku.blueprints.console.searches import address, asked, lead_on, shown_again
from zaitaku.blueprints.edge import services
from zaitaku.blueprints.kept_forms import repeatable
from zaitaku.blueprints.paging import paging
from zaitaku.blueprints.permissions import current_staff, requires
from zaitaku.core.errors import InvalidField
from zaitaku.core.ids import ActivationCodeId
from zaitaku.core.texts import without_control_characters
from zaitaku.devices.errors import HomeVisitOff
from zaitaku.devices.model import MEMO_CHARACTERS, USABLE_AFTER, CodeQuery, CodeSort, CodeState

Page = str | Response | tuple[str, HTTPStatus]

_STATES: Final = (
    {"value": "", "label": "すべて"},
    {"value": CodeState.UNREGISTERED.value, "label": "未登録"},
    {"value": CodeState.REGISTERED.value, "label": "登録済み"},
)
_MISTAKES: Final = {
    "state": "登録状況を一覧から選んでください。",
    "q": "検索する言葉は、ふつうの文字で、40文字以内で入力してください。",
    "sort": "並べ替えは、表の見出しから選んでください。",
    "page": "ページは、表の下の番号から選んでください。",
}
_COLUMNS: Final = (
    ("登録状況", CodeSort.STATE),
    ("コード", CodeSort.CODE),
    ("端末メモ", CodeSort.MEMO),
    ("無効化", CodeSort.INVALIDATED),
    ("更新日時", CodeSort.UPDATED),
)
_MEMO_MISTAKES: Final = {
    "required": "端末メモを入力してください。例：Aさん用の携帯1",
    "too-long": f"端末メモは{MEMO_CHARACTERS}文字以内で入力してください。",
    "characters": "端末メモに使えない文字が入っています。入力し直してください。",
}


@blueprint.errorhandler(HomeVisitOff)
def home_visit_off(error: HomeVisitOff) -> tuple[str, HTTPStatus]:
    """Say that codes belong to home visits, and where those are switched on."""
    return failure(
        "訪問診療等機能を使っていません",
        "アクティベーションコードは、訪問先で使う端末のためのものです。",
        "環境設定情報更新で、訪問診療等機能を「利用する」にすると使えます。",
    ), error.status


def _check_open() -> None:
    if not current_staff().facility.settings.home_visit:
        raise HomeVisitOff


@blueprint.get("/activation-codes")
@requires(Permission.MANAGE_ACTIVATION_CODES)
def activation_codes() -> Page:
    """Show one page of what the address asks for; at first the ones that can still be used."""
    _check_open()
    try:
        query = CodeQuery.from_mapping(asked())
    except InvalidField as error:
        return _unread(error), HTTPStatus.UNPROCESSABLE_ENTITY
    found = services().devices.page(current_staff().facility.id, query)
    return render_template(
        "console/activation_codes.html",
        found=found,
        query=query,
        typed=asked(),
        errors={},
        states=_STATES,
        now=services().clock.now(),
        headings=[_heading(query, label, key) for label, key in _COLUMNS],
        paging=paging(found.number, found.pages, lambda number: _address(page=str(number))),
        is_filtered=bool(query.search or query.state),
    )


@blueprint.post("/activation-codes")
@requires(Permission.MANAGE_ACTIVATION_CODES)
@repeatable
def search_activation_codes() -> Response:
    """Lead on to the lines that the form asks for."""
    return lead_on()


def _unread(error: InvalidField) -> str:
    field = error.field if error.field in {"state", "q"} else "main"
    return render_template(
        "console/activation_codes.html",
        found=None,
        query=CodeQuery(),
        typed=shown_again(),
        errors={field: _MISTAKES[error.field]},
        states=_STATES,
    )


def _address(**changed: str) -> str:
    kept = {name: value for name, value in asked().items() if name != "page"}
    return address("console.activation_codes", {**kept, **changed})


def _heading(query: CodeQuery, label: str, key: CodeSort) -> dict[str, str]:
    is_sorted = query.sort is key
    turned = f"-{key}" if is_sorted and not query.descending else key.value
    order = "descending" if query.descending else "ascending"
    return {"label": label, "href": _address(sort=turned), "sort": order if is_sorted else ""}


@blueprint.get("/activation-codes/new")
@requires(Permission.MANAGE_ACTIVATION_CODES)
def new_activation_code() -> Page:
    """Ask what the device is called."""
    _check_open()
    return _new_page("", {})


@blueprint.post("/activation-codes/new")
@requires(Permission.MANAGE_ACTIVATION_CODES)
def issue_activation_code() -> Page:
    """Issue a code for one device."""
    staff, typed = current_staff(), request.form.get("memo", "")
    try:
        issued = services().devices.issue(staff.facility, typed, actor=staff.account.label)
    except InvalidField as error:
        errors = {"memo": _MEMO_MISTAKES[error.rule]}
        shown = without_control_characters(typed)
        return _new_page(shown, errors), HTTPStatus.UNPROCESSABLE_ENTITY
    address = url_for("console.issued_activation_code", code=issued.id)
    return redirect(address, HTTPStatus.SEE_OTHER)


def _new_page(memo: str, errors: dict[str, str]) -> str:
    return render_template("console/activation_code_new.html", memo=memo, errors=errors)


@blueprint.get("/activation-codes/<uuid:code>/issued")
@requires(Permission.MANAGE_ACTIVATION_CODES)
def issued_activation_code(code: UUID) -> Page:
    """Show a code, from when it works, and what to do with it."""
    return render_template("console/activation_code_issued.html", **_code(code))


@blueprint.get("/activation-codes/<uuid:code>/invalidation")
@requires(Permission.MANAGE_ACTIVATION_CODES)
def warn_of_invalidation(code: UUID) -> Page:
    """Warn that it is final and which device stops."""
    return render_template("console/activation_code_invalidation.html", **_code(code))


@blueprint.post("/activation-codes/<uuid:code>/invalidation")
@requires(Permission.MANAGE_ACTIVATION_CODES)
def invalidate_activation_code(code: UUID) -> Page:
    """Make the code dead for ever."""
    staff = current_staff()
    services().devices.invalidate(
        staff.facility.id, ActivationCodeId(code), actor=staff.account.label
    )
    address = url_for("console.invalidated_activation_code", code=code)
    return redirect(address, HTTPStatus.SEE_OTHER)


@blueprint.get("/activation-codes/<uuid:code>/invalidated")
@requires(Permission.MANAGE_ACTIVATION_CODES)
def invalidated_activation_code(code: UUID) -> Page:
    """Say that it is done; before that, lead back to the warning."""
    values = _code(code)
    if (
        not services()
        .devices.code(current_staff().facility.id, ActivationCodeId(code))
        .is_invalidated
    ):
        return redirect(url_for("console.warn_of_invalidation", code=code), HTTPStatus.SEE_OTHER)
    return render_template("console/activation_code_invalidated.html", **values)


def _code(code: UUID) -> dict[str, object]:
    _check_open()
    facility_id, code_id = current_staff().facility.id, ActivationCodeId(code)
    found = services().devices.code(facility_id, code_id)
    return {
        "code": found,
        "device": services().devices.device_of(facility_id, code_id),
        "is_waiting": found.is_waiting(services().clock.now()),
        "wait_minutes": int(USABLE_AFTER.total_seconds() // 60),
        "facility": current_staff().facility,
    }
