"""操作履歴照会: the facility's own acts, searched, exported and proved."""

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from typing import Final

from flask import Response, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from zaitaku.accounts.model import Permission
from zaitaku.audit.listing import AuditQuery, Page
from zaitaku.audit.model import ACT_NAMES
from zaitaku.audit.service import Check, in_words
from zaitaku.audit.store import Head
from zaitaku.blueprints.console.act_groups import act_choices
from zaitaku.blueprints.console.files import made_response
from zaitaku.blueprints.console.room import blueprint
from zaitaku.blueprints.console.searches import address, asked, lead_on, shown_again
from zaitaku.blueprints.edge import refuse_head, services
from zaitaku.blueprints.kept_forms import repeatable
from zaitaku.blueprints.paging import paging
from zaitaku.blueprints.permissions import current_staff, no_page, requires
from zaitaku.core.clock import japan_date
from zaitaku.core.errors import InvalidField
from zaitaku.core.texts import without_control_characters

_FIELDS: Final = ("from", "to", "act", "q")
_DIGEST_CHARACTERS: Final = 64
_SEQUENCE: Final = re.compile(r"[1-9][0-9]{0,8}")
_MISTAKES: Final = {
    "from": "「いつから」は、日付と時刻で入力してください。",
    "to": "「いつまで」は、「いつから」よりあとの日付と時刻で入力してください。",
    "act": "操作を一覧から選んでください。",
    "q": "検索する言葉は、ふつうの文字で、100文字以内で入力してください。",
    "page": "ページは、表の下の番号から選んでください。",
}
_NOT_A_NUMBER: Final = "書き留めた番号を、数字で入力してください。"
_NOT_A_DIGEST: Final = "書き留めた確認用の値を、64文字すべて入力してください。"


@blueprint.get("/audit-trail")
@requires(Permission.SEE_AUDIT_TRAIL)
def audit_trail() -> str | tuple[str, HTTPStatus]:
    """Show one page of what the address asks for."""
    try:
        query = AuditQuery.from_mapping(asked())
    except InvalidField as error:
        return _unread(error), HTTPStatus.UNPROCESSABLE_ENTITY
    return _list(query, services().audit.page(current_staff().facility.id, query))


@blueprint.post("/audit-trail")
@requires(Permission.SEE_AUDIT_TRAIL)
@repeatable
def search_audit_trail() -> BaseResponse:
    """Lead on to the lines that the form asks for."""
    return lead_on()


def _list(query: AuditQuery, page: Page) -> str:
    return render_template(
        "console/audit_trail.html",
        found=page,
        typed=asked(),
        errors={},
        in_words=in_words,
        act_names=ACT_NAMES,
        acts=act_choices(),
        paging=paging(page.number, page.pages, _address),
        is_filtered=query != replace(AuditQuery(), page=query.page),
        export=address("console.export_audit_trail", _asked()),
        head=services().audit.head(current_staff().facility.id),
    )


def _unread(error: InvalidField) -> str:
    field = error.field if error.field in _FIELDS else "main"
    return render_template(
        "console/audit_trail.html",
        found=None,
        typed=shown_again(),
        errors={field: _MISTAKES[error.field]},
        acts=act_choices(),
    )


def _asked() -> dict[str, str]:
    return {name: word for name, word in asked().items() if name in _FIELDS and word}


def _address(number: int) -> str:
    return address("console.audit_trail", {**_asked(), "page": str(number)})


@blueprint.get("/audit-trail/export")
@requires(Permission.SEE_AUDIT_TRAIL)
@no_page
def export_audit_trail() -> Response | tuple[str, HTTPStatus]:
    """Return everything that the address finds as CSV."""
    refuse_head()
    try:
        query = AuditQuery.from_mapping(asked())
    except InvalidField as error:
        return _unread(error), HTTPStatus.UNPROCESSABLE_ENTITY
    staff = current_staff()
    codec = staff.facility.settings.character_set.codec
    audit = services().audit
    lines = audit.export(staff.facility.id, query, codec=codec)
    day = japan_date(services().clock.now())
    name = f"操作履歴_{staff.facility.code}_{day:%Y%m%d}.csv"
    record = partial(audit.note_export, staff.facility.id, actor=staff.account.label)
    return made_response(name, codec.content_type, lines, record=record)


@blueprint.get("/audit-trail/check")
@requires(Permission.SEE_AUDIT_TRAIL)
def audit_check() -> str:
    """Offer both proofs: the walk along the whole chain, and what was written down earlier."""
    return _check_page({}, {})


@blueprint.post("/audit-trail/walk")
@requires(Permission.SEE_AUDIT_TRAIL)
def walk_audit_trail() -> str:
    """Walk the whole chain and tell whether there is a break in it."""
    check = services().audit.check(current_staff().facility.id)
    return _check_page({}, {}, check=check)


@blueprint.post("/audit-trail/check")
@requires(Permission.SEE_AUDIT_TRAIL)
def compare_audit() -> str | tuple[str, HTTPStatus]:
    """Tell whether an end that was written down earlier still stands in the chain."""
    names = ("sequence", "digest")
    typed = {name: "".join(request.form.get(name, "").split()) for name in names}
    errors = _slips(typed)
    if errors:
        typed = {name: without_control_characters(value) for name, value in typed.items()}
        return _check_page(typed, errors), HTTPStatus.UNPROCESSABLE_ENTITY
    earlier = Head(int(typed["sequence"]), typed["digest"].lower())
    stands = services().audit.holds(current_staff().facility.id, earlier)
    return _check_page(typed, {}, stands=stands)


def _slips(typed: Mapping[str, str]) -> dict[str, str]:
    errors = {}
    sequence, digest = typed["sequence"], typed["digest"]
    if not _SEQUENCE.fullmatch(sequence):
        errors["sequence"] = _NOT_A_NUMBER
    if len(digest) != _DIGEST_CHARACTERS or not digest.isascii() or not digest.isalnum():
        errors["digest"] = _NOT_A_DIGEST
    return errors


def _check_page(
    typed: Mapping[str, str],
    errors: Mapping[str, str],
    *,
    stands: bool | None = None,
    check: Check | None = None,
) -> str:
    return render_template(
        "console/audit_check.html",
        check=check,
        typed=typed,
        errors=errors,
        stands=stands,
    )
