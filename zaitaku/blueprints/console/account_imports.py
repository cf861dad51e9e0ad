"""アカウント一括登録: the template, the upload, the check, the confirmation (domain.md §5)."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from types import MappingProxyType
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from flask import redirect, render_template, request, url_for
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Response

from zaitaku.accounts.errors import PasswordsLost, PasswordsNotTold
from zaitaku.accounts.import_result import (
    LOST,
    NOT_TOLD,
    TOLD_OUT,
    RowFate,
    csv_lines,
    results_in,
)
from zaitaku.accounts.import_table import (
    HEADINGS,
    MOST_BYTES,
    MOST_ROWS,
    CheckedRow,
    template_file,
)
from zaitaku.accounts.imports import FileRefused, Preview, Secret
from zaitaku.accounts.managing import manageable_by
from zaitaku.accounts.model import ROLE_NAMES, Permission, Role
from zaitaku.blueprints.console.files import file_response, made_response
from zaitaku.blueprints.console.jobs import own_job
from zaitaku.blueprints.console.room import blueprint, failure
from zaitaku.blueprints.edge import refuse_head, services
from zaitaku.blueprints.paging import paging
from zaitaku.blueprints.permissions import current_staff, no_page, requires
from zaitaku.blueprints.uploads import MEGABYTE, takes_file
from zaitaku.core.spreadsheets import Codec
from zaitaku.core.table_words import table_mistake
from zaitaku.core.tables_in import TableUnreadable
from zaitaku.core.texts import without_control_characters
from zaitaku.jobs.errors import JobUnderWay, JobUnknown
from zaitaku.jobs.model import TOLD_FOR, Job, JobId, JobKind, JobState

Page = str | Response | tuple[str, HTTPStatus]

FORM_BYTES: Final = 64 * 1024
"""What a form adds round its file."""
NEWEST: Final = 3
ROWS_ON_PAGE: Final = 50
NAME_CHARACTERS: Final = 80
PAGE_DIGITS: Final = 6
SHOW: Final = MappingProxyType(
    {
        "all": ("すべて", frozenset(RowFate)),
        "errors": ("エラーの行だけ", frozenset({RowFate.MISTAKEN})),
        "duplicates": ("ID重複の行だけ", frozenset({RowFate.DUPLICATE})),
    }
)
_FATE_WORDS: Final = {
    RowFate.REGISTERED: "登録します",
    RowFate.DUPLICATE: "ID重複：登録しません",
    RowFate.MISTAKEN: "エラー",
    RowFate.LEFT: "エラーなし：登録しません",
}
_UNTOLD: Final = MappingProxyType({Secret.NONE: TOLD_OUT, Secret.KEPT: NOT_TOLD, Secret.LOST: LOST})
_TEMPLATES: Final = {"utf-8": Codec.UTF_8, "shift-jis": Codec.SHIFT_JIS}


@blueprint.get("/account-imports")
@requires(Permission.IMPORT_ACCOUNTS)
def account_imports() -> Page:
    """Ask for a file, and list what became of the newest ones of this account."""
    return _front({})


def _front(errors: Mapping[str, str]) -> str:
    staff = current_staff()
    newest = services().jobs.newest(
        staff.facility.id, JobKind.ACCOUNT_IMPORT, account_id=staff.account.id, limit=NEWEST
    )
    allowed = manageable_by(staff.account.role)
    return render_template(
        "console/account_imports.html",
        jobs=newest,
        errors=errors,
        most_rows=MOST_ROWS,
        most_megabytes=MOST_BYTES // MEGABYTE,
        headings=HEADINGS,
        roles=[ROLE_NAMES[role] for role in Role if role in allowed],
    )


@blueprint.get("/account-imports/template/<any('utf-8', 'shift-jis'):codec>")
@requires(Permission.IMPORT_ACCOUNTS)
@no_page
def account_import_template(codec: str) -> Response:
    """Return the table to fill in, in the encoding that the person chose."""
    refuse_head()
    staff, chosen = current_staff(), _TEMPLATES[codec]
    allowed = manageable_by(staff.account.role)
    content = template_file(chosen, staff.facility.code.kind, allowed)
    name = f"アカウント一括登録様式_{staff.facility.code}.csv"
    return file_response(name, chosen.content_type, [content])


@blueprint.post("/account-imports")
@takes_file(MOST_BYTES + FORM_BYTES)
@requires(Permission.IMPORT_ACCOUNTS)
def upload_accounts() -> Page:
    """Keep a file that can be read, and go on to what would become of it."""
    file = request.files.get("file")
    if file is None or not file.filename:
        return _refused("登録するCSVファイルを選んでください。")
    content = file.stream.read()
    if len(content) > MOST_BYTES:
        return _refused(TOO_LARGE)
    staff = current_staff()
    name = without_control_characters(file.filename)[-NAME_CHARACTERS:]
    try:
        held = services().account_imports.hand_in(
            staff, content, file_name=name, actor=staff.account.label
        )
    except FileRefused as error:
        mistake = table_mistake(error.reason, HEADINGS, MOST_ROWS)
        return _refused(f"{mistake}（受付番号 {error.job.reference}：登録失敗）")
    return redirect(url_for("console.preview_accounts", job=held.id), HTTPStatus.SEE_OTHER)


TOO_LARGE: Final = (
    f"ファイルが大きすぎます。{MOST_BYTES // MEGABYTE}MB、{MOST_ROWS:,}件までにしてください。"
    "多いときは、ファイルを分けてください。"
)


def _refused(message: str) -> Page:
    return _front({"file": message}), HTTPStatus.UNPROCESSABLE_ENTITY


@blueprint.errorhandler(RequestEntityTooLarge)
def too_large(_error: RequestEntityTooLarge) -> tuple[str, HTTPStatus]:
    """Say that what was sent is more than any page takes; it was not read."""
    return failure(
        "ファイルが大きすぎます",
        f"この画面で送れるのは、{_limit_words()}までです。この操作では、何も変更していません。",
        "件数の多いときは、ファイルを分けて送ってください。",
        action={"label": "前の画面に戻る", "href": request.path},
    ), HTTPStatus.REQUEST_ENTITY_TOO_LARGE


def _limit_words() -> str:
    most = request.max_content_length or 0
    return f"{most // MEGABYTE}MB" if most >= MEGABYTE else f"{most // 1024}KB"


@blueprint.get("/account-imports/<uuid:job>/check")
@requires(Permission.IMPORT_ACCOUNTS)
def preview_accounts(job: UUID) -> Page:
    """Show what would become of each row; nothing has been done."""
    try:
        held = _own_import(job)
    except JobUnknown as error:
        return _forgotten(error)
    if held.state is not JobState.HELD:
        return redirect(url_for("console.account_import", job=held.id), HTTPStatus.SEE_OTHER)
    preview = services().account_imports.preview(current_staff(), held)
    shown = request.args.get("show", "")
    chosen = shown if shown in SHOW else ("errors" if preview.count(RowFate.MISTAKEN) else "all")
    rows = [(row, fate) for row, fate in preview.rows if fate in SHOW[chosen][1]]
    return _preview_page(held, preview, rows, chosen)


def _forgotten(error: JobUnknown) -> Page:
    return failure(
        "確認するファイルが見つかりません",
        "送ったファイルは、「OK」を押さないまま1時間たつか、別のファイルを送ると消えます。"
        "何も登録していません。もう一度、ファイルを送ってください。",
        action={"label": "一括登録の画面へ", "href": url_for("console.account_imports")},
    ), error.status


def _preview_page(
    held: Job, preview: Preview, rows: list[tuple[CheckedRow, RowFate]], chosen: str
) -> str:
    pages = max(1, -(-len(rows) // ROWS_ON_PAGE))
    number = min(_page_number(), pages)
    start = (number - 1) * ROWS_ON_PAGE
    return render_template(
        "console/account_import_check.html",
        job=held,
        counts={fate.value: preview.count(fate) for fate in RowFate},
        in_file=len(preview.rows),
        rows=rows[start : start + ROWS_ON_PAGE],
        total=len(rows),
        fate_words=_FATE_WORDS,
        choices=[{"value": value, "label": label} for value, (label, _) in SHOW.items()],
        chosen=chosen,
        columns=[{"label": heading} for heading in HEADINGS],
        paging=paging(number, pages, lambda page: _check_address(held, chosen, page)),
    )


def _page_number() -> int:
    typed = request.args.get("page", "1")
    is_number = typed.isascii() and typed.isdecimal() and len(typed) <= PAGE_DIGITS
    return max(1, int(typed)) if is_number else 1


def _check_address(held: Job, chosen: str, page: int) -> str:
    query = urlencode({"show": chosen, "page": page})
    return f"{url_for('console.preview_accounts', job=held.id)}?{query}"


@blueprint.post("/account-imports/<uuid:job>/check")
@requires(Permission.IMPORT_ACCOUNTS)
def confirm_accounts(job: UUID) -> Page:
    """Hand the file over to the worker; a second click changes nothing."""
    try:
        held = _own_import(job)
        services().jobs.release(held.facility_id, held.id)
    except JobUnknown as error:
        return _forgotten(error)
    except JobUnderWay as error:
        return _wait(JobId(job), error)
    return redirect(url_for("console.account_import", job=held.id), HTTPStatus.SEE_OTHER)


def _wait(job_id: JobId, error: JobUnderWay) -> Page:
    return failure(
        "ほかの一括登録が進んでいます",
        "この医療機関の前の一括登録が終わるまで、次の登録は始められません。"
        "送ったファイルは、そのまま残っています。",
        "1分ほど待ってから、確認の画面でもう一度「OK」を押してください。",
        action={
            "label": "確認の画面に戻る",
            "href": url_for("console.preview_accounts", job=job_id),
        },
    ), error.status


@blueprint.get("/account-imports/<uuid:job>")
@requires(Permission.IMPORT_ACCOUNTS)
def account_import(job: UUID) -> Page:
    """Tell the 受付番号, how far it is, and how it ended."""
    found = _own_import(job)
    if found.state is JobState.HELD:
        return redirect(url_for("console.preview_accounts", job=found.id), HTTPStatus.SEE_OTHER)
    return render_template(
        "console/account_import.html",
        job=found,
        secret=services().account_imports.secret(found).value,
        mistake=_structure_mistake(found),
        told_hours=TOLD_FOR // timedelta(hours=1),
    )


def _structure_mistake(found: Job) -> str:
    """Return what was wrong with a file that was no table; empty where that is not known."""
    rule, row = (found.parameters.get(name, "") for name in ("rule", "row"))
    if not rule:
        return ""
    error = TableUnreadable(rule, int(row) if row else None)
    return table_mistake(error, HEADINGS, MOST_ROWS)


@blueprint.get("/account-imports/<uuid:job>/result")
@requires(Permission.IMPORT_ACCOUNTS)
def account_import_result(job: UUID) -> Response:
    """Return the result file without passwords."""
    refuse_head()
    found = _own_import(job)
    return _result_file(found, {}, _UNTOLD[services().account_imports.secret(found)])


@blueprint.post("/account-imports/<uuid:job>/result")
@requires(Permission.IMPORT_ACCOUNTS)
def account_import_passwords(job: UUID) -> Page:
    """Return the result file with the initial passwords, as long as they are kept."""
    found, imports = _own_import(job), services().account_imports
    try:
        passwords = imports.passwords(found)
    except PasswordsLost as error:
        return _lost(found, error)
    telling = partial(imports.note_telling, found, actor=current_staff().account.label)
    return _result_file(found, passwords, TOLD_OUT, record=telling if passwords else None)


def _lost(found: Job, error: PasswordsLost) -> Page:
    return failure(
        "初期パスワードを復元できません",
        "初期パスワードを保護していた鍵が、この環境からなくなっています。"
        "登録したアカウントは、そのまま残っています。",
        "アカウントごとにパスワードを再発行してください。鍵を戻せるかは、運用者に確かめてください。",
        action={"label": "登録結果に戻る", "href": _address_of(found)},
    ), error.status


def _address_of(found: Job) -> str:
    return url_for("console.account_import", job=found.id)


@blueprint.post("/account-imports/<uuid:job>/receipt")
@requires(Permission.IMPORT_ACCOUNTS)
def confirm_passwords(job: UUID) -> Page:
    """Throw the initial passwords away: the person says that they have them."""
    found = _own_import(job)
    try:
        services().account_imports.forget_passwords(found, actor=current_staff().account.label)
    except PasswordsNotTold as error:
        return failure(
            "まだダウンロードされていません",
            "初期パスワード付きの結果ファイルが、まだ一度もダウンロードされていないため、消していません。",
            "先にダウンロードして、ファイルを開き、初期パスワードがあることを確かめてください。",
            action={"label": "登録結果に戻る", "href": _address_of(found)},
        ), error.status
    return redirect(_address_of(found), HTTPStatus.SEE_OTHER)


def _result_file(
    found: Job,
    passwords: Mapping[int, str],
    instead: str,
    *,
    record: Callable[[], None] | None = None,
) -> Response:
    name, _, content = services().jobs.result(found.facility_id, found.id)
    codec = current_staff().facility.settings.character_set.codec
    lines = csv_lines(results_in(content), codec, passwords, instead)
    return made_response(name, codec.content_type, lines, record=record)


def _own_import(job: UUID) -> Job:
    found = own_job(JobId(job))
    if found.kind is not JobKind.ACCOUNT_IMPORT:
        raise JobUnknown
    return found
