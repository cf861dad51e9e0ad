"""Deleting an account: target and effect, then once more, then it is done (domain.md §5)."""

from http import HTTPStatus
from typing import Final
from uuid import UUID

from flask import redirect, render_template, request, url_for

from zaitaku.accounts.model import ROLE_NAMES, Account, Permission
from zaitaku.blueprints.console.accounts import Page, seen_revision
from zaitaku.blueprints.console.room import blueprint
from zaitaku.blueprints.edge import services
from zaitaku.blueprints.permissions import current_session, current_staff, requires
from zaitaku.core.ids import AccountId

_CONFIRMATION: Final = "confirmation"
_DONE: Final = "done"
_BASE: Final = "/accounts/<uuid:account>/deletion"


def _reached(account: UUID) -> str:
    """Return how far this session has come in deleting this very account."""
    draft = current_session().draft
    return draft.get("reached", "") if draft.get("subject") == f"delete:{account}" else ""


def _keep(account: UUID, reached: str, **more: str) -> None:
    draft = {"subject": f"delete:{account}", "reached": reached, **more}
    services().sessions.keep_draft(current_session(), draft)


def _get(account: UUID) -> Account:
    return services().account_management.get(current_staff(), AccountId(account))


def _page(template: str, account: Account, errors: dict[str, str]) -> str:
    return render_template(
        template, account=account, role_name_of=ROLE_NAMES[account.role], errors=errors
    )


@blueprint.get(_BASE)
@requires(Permission.MANAGE_ACCOUNTS)
def start_deletion(account: UUID) -> Page:
    """Tell which account it is and what deleting does, and offer the box."""
    return _page("console/account_deletion.html", _get(account), {})


@blueprint.post(_BASE)
@requires(Permission.MANAGE_ACCOUNTS)
def tick_deletion(account: UUID) -> Page:
    """Take the first confirmation."""
    found = _get(account)
    if request.form.get("ticked") != "yes":
        errors = {"ticked": "内容を確かめて、チェックを入れてください。"}
        return _page("console/account_deletion.html", found, errors), (
            HTTPStatus.UNPROCESSABLE_ENTITY
        )
    _keep(account, _CONFIRMATION, expected=str(seen_revision()))
    address = url_for("console.confirm_deletion", account=account)
    return redirect(address, HTTPStatus.SEE_OTHER)


@blueprint.get(f"{_BASE}/confirmation")
@requires(Permission.MANAGE_ACCOUNTS)
def confirm_deletion(account: UUID) -> Page:
    """Ask once more."""
    found = _get(account)
    if _reached(account) != _CONFIRMATION:
        return redirect(url_for("console.start_deletion", account=account), HTTPStatus.SEE_OTHER)
    revision = current_session().draft["expected"]
    return render_template(
        "console/account_deletion_confirmation.html",
        account=found,
        role_name_of=ROLE_NAMES[found.role],
        revision=revision,
    )


@blueprint.post(f"{_BASE}/confirmation")
@requires(Permission.MANAGE_ACCOUNTS)
def delete_account(account: UUID) -> Page:
    """Delete it, unless somebody else managed it since the first page."""
    if _reached(account) == _DONE:
        return redirect(url_for("console.account_deleted"), HTTPStatus.SEE_OTHER)
    found = _get(account)
    if _reached(account) != _CONFIRMATION:
        return redirect(url_for("console.start_deletion", account=account), HTTPStatus.SEE_OTHER)
    services().account_management.delete(current_staff(), found.id, expected=seen_revision())
    _keep(account, _DONE, deleted=found.label)
    return redirect(url_for("console.account_deleted"), HTTPStatus.SEE_OTHER)


@blueprint.get("/accounts/deleted")
@requires(Permission.MANAGE_ACCOUNTS)
def account_deleted() -> Page:
    """Say that it is done."""
    draft = current_session().draft
    if draft.get("reached") != _DONE:
        return redirect(url_for("console.accounts"), HTTPStatus.SEE_OTHER)
    return render_template("console/account_deleted.html", deleted=draft.get("deleted", ""))
