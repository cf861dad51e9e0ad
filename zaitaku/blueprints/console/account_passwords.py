"""Resetting passwords, telling a new one once, and the sheet to hand it over (domain.md §5)."""

import io
import logging
from http import HTTPStatus
from typing import Final
from uuid import UUID

from flask import redirect, render_template, request, send_file, session, url_for
from werkzeug.wrappers import Response

from zaitaku.accounts.model import (
    MAY_RESET_PASSWORD,
    ROLE_NAMES,
    SYSTEM_ROLES,
    Account,
    NewAccount,
    Permission,
)
from zaitaku.accounts.sheets import Sheet, sheet_pdf
from zaitaku.accounts.telling import Occasion, TellOnce, Told
from zaitaku.blueprints.console.accounts import (
    Page,
    list_page,
    seen_revision,
)
from zaitaku.blueprints.console.room import blueprint, failure
from zaitaku.blueprints.console.searches import lead_on
from zaitaku.blueprints.edge import services
from zaitaku.blueprints.kept_forms import repeatable
from zaitaku.blueprints.permissions import current_staff, requires
from zaitaku.core.clock import japan_date
from zaitaku.core.errors import StoreUnavailable
from zaitaku.core.ids import AccountId
from zaitaku.settings import Mode

log = logging.getLogger(__name__)

_TOLD_FIELD: Final = "told"
"""Where the browser's signed cookie carries, by account, names of passwords that wait for their
pages."""
_MOST_WAITING: Final = 5
"""The cookie stays small."""


@blueprint.get("/password-resets")
@requires(Permission.RESET_PASSWORDS)
def password_resets() -> Page:
    """Show the accounts whose passwords the person may reset."""
    roles = MAY_RESET_PASSWORD[current_staff().account.role]
    return list_page("console.password_resets", roles, "console/password_resets.html")


@blueprint.post("/password-resets")
@requires(Permission.RESET_PASSWORDS)
@repeatable
def search_password_resets() -> Page:
    """Lead on to the accounts that the form asks for."""
    return lead_on()


@blueprint.get("/accounts/<uuid:account>/password-reset")
@requires(Permission.RESET_PASSWORDS)
def confirm_reset(account: UUID) -> Page:
    """Tell what a new password does, and ask."""
    found = services().account_management.get_for_reset(current_staff(), AccountId(account))
    return render_template(
        "console/account_reset.html",
        account=found,
        role_name_of=ROLE_NAMES[found.role],
        is_person=found.role not in SYSTEM_ROLES,
    )


@blueprint.post("/accounts/<uuid:account>/password-reset")
@requires(Permission.RESET_PASSWORDS)
def reset_account_password(account: UUID) -> Page:
    """Make a new initial password and go on to the page that tells it once."""
    new = services().account_management.reset_password(
        current_staff(),
        AccountId(account),
        expected=seen_revision(),
        forget_sign_in=request.form.get("forget") == "yes",
    )
    return tell(new, Occasion.RESET)


def tell(new: NewAccount, occasion: Occasion) -> Page:
    """Lead to the page that tells the password; without a short-lived store show it here."""
    try:
        name = TellOnce(services().ephemeral).hold(new, occasion, teller=current_staff().account.id)
    except StoreUnavailable as error:
        log.warning("told at once: %s", error.code, extra={"code": error.code})
        return _told_page(new.account, Told(new.password, occasion))
    _remember(new.account, name)
    address = url_for("console.initial_password", account=new.account.id)
    return redirect(address, HTTPStatus.SEE_OTHER)


@blueprint.get("/accounts/<uuid:account>/initial-password")
@requires(Permission.RESET_PASSWORDS)
def initial_password(account: UUID) -> Page:
    """Tell the new password, now and never again."""
    staff = current_staff()
    found = services().account_management.get_for_reset(staff, AccountId(account))
    name = _recalled(found)
    told = TellOnce(services().ephemeral).take(name, found.id, teller=staff.account.id)
    if told is None:
        return failure(
            "はじめのパスワードは、もう表示できません",
            "はじめのパスワードは、作ったときに一度だけ表示します。登録や再発行は済んでいます。",
            "書き留めていないときは、もう一度、再発行してください。前に作ったものは使えなくなります。",
            action={
                "label": "パスワード再発行へ",
                "href": url_for("console.confirm_reset", account=found.id),
            },
        ), HTTPStatus.GONE
    return _told_page(found, told)


def _remember(account: Account, name: str) -> None:
    # By account: two tabs of one browser may each wait for the page of another one.
    others = {key: each for key, each in _waiting().items() if key != str(account.id)}
    newest = list({**others, str(account.id): name}.items())[-_MOST_WAITING:]
    session[_TOLD_FIELD] = dict(newest)


def _recalled(account: Account) -> str:
    waiting = _waiting()
    name = waiting.pop(str(account.id), "")
    session[_TOLD_FIELD] = waiting
    return name


def _waiting() -> dict[str, str]:
    found = session.get(_TOLD_FIELD)
    return dict(found) if isinstance(found, dict) else {}


def _told_page(account: Account, told: Told) -> str:
    return render_template(
        "console/account_password.html",
        account=account,
        role_name_of=ROLE_NAMES[account.role],
        told=told,
        is_new=told.occasion is Occasion.REGISTERED,
        until=account.initial_password_until,
    )


@blueprint.post("/accounts/<uuid:account>/settings-sheet")
@requires(Permission.RESET_PASSWORDS)
def settings_sheet(account: UUID) -> Page:
    """Return the PDF with the settings and the password that the page before has told.

    Nothing keeps the password, so the page sends it; one that is not the account's own initial
    password gets no sheet.
    """
    staff, management = current_staff(), services().account_management
    found = management.get_for_reset(staff, AccountId(account))
    password = request.form.get("initial_password", "")
    if not management.is_initial_password(found, password):
        return failure(
            "この用紙は、もう作れません",
            "パスワードは、そのあと変更されたか、再発行されました。",
        ), HTTPStatus.CONFLICT
    now = services().clock.now()
    address = services().settings.origin + url_for("console.login")
    is_practice = services().settings.mode is Mode.SANDBOX
    sheet = Sheet(staff.facility, NewAccount(found, password), address, now, is_practice)
    name = f"アカウント設定情報_{found.user_id}_{staff.facility.code}_{japan_date(now):%Y%m%d}.pdf"
    return _file(sheet_pdf(sheet), name)


def _file(content: bytes, name: str) -> Response:
    return send_file(
        io.BytesIO(content),
        mimetype="application/pdf",
        as_attachment=True,
        download_name=name,
        max_age=0,
    )
