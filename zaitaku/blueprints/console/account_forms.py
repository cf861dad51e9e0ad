"""Registering an account, changing it, releasing its lock (domain.md §5)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final
from uuid import UUID

from flask import redirect, render_template, request, url_for

from zaitaku.accounts.errors import (
    AccountChanged,
    AccountExists,
    InvalidEntry,
    LastAdministrator,
)
from zaitaku.accounts.managing import ChangeEntry, check_changes, manageable_by
from zaitaku.accounts.model import (
    LONGEST_USER_ID,
    ROLE_NAMES,
    SYSTEM_ROLES,
    Account,
    Permission,
    Role,
    shortest_user_id,
    user_id_prefix,
)
from zaitaku.accounts.registering import AccountEntry
from zaitaku.accounts.telling import Occasion
from zaitaku.accounts.words import USER_ID_TAKEN
from zaitaku.audit.model import ACT_NAMES
from zaitaku.blueprints.console.account_passwords import tell
from zaitaku.blueprints.console.accounts import (
    LAST_ADMINISTRATOR,
    Page,
    errors_of,
    seen_revision,
)
from zaitaku.blueprints.console.room import blueprint
from zaitaku.blueprints.edge import services
from zaitaku.blueprints.permissions import current_staff, requires
from zaitaku.core.ids import AccountId
from zaitaku.core.texts import without_control_characters

_ROLE_HINTS: Final = {
    Role.ADMIN: "職員のアカウント、環境設定、URL、業務の画面をすべて使えます。",
    Role.GENERAL: "資格確認と、同意取得済み患者の一覧を使えます。",
    Role.MEDICAL_VIEW: "一般に加えて、薬剤・診療・健診などの医療情報を見られます（有資格者）。",
    Role.WEB_API: "レセコンや電子カルテが、WebAPIでつなぐときに使います。",
    Role.LINKED_APP: "連携アプリがつなぐときに使います。",
    Role.FACE_READER: "顔認証付きカードリーダーがつなぐときに使います。",
}
_NEW_FIELDS: Final = ("role", "user_id", "user_name", "user_kana", "starts_on", "ends_on")
_CHANGED_FIELDS: Final = ("user_name", "user_kana", "starts_on", "ends_on")


@blueprint.get("/accounts/new")
@requires(Permission.MANAGE_ACCOUNTS)
def new_account() -> Page:
    """Ask for the type first, then for the rest, with the type's beginning of the ID filled in."""
    allowed = manageable_by(current_staff().account.role)
    typed = request.args.get("role", "")
    if len(allowed) == 1:
        (role,) = allowed
        return _new_form(role, {}, {})
    if typed in {role.value for role in allowed}:
        return _new_form(Role(typed), {}, {})
    if "role" not in request.args:
        return _type_page({})
    mistake = "登録するアカウントの権限区分を選んでください。"
    return _type_page({"role": mistake}), HTTPStatus.UNPROCESSABLE_ENTITY


def _type_page(errors: Mapping[str, str]) -> str:
    allowed = manageable_by(current_staff().account.role)
    items = [
        {"value": role.value, "label": ROLE_NAMES[role], "hint": _ROLE_HINTS[role]}
        for role in Role
        if role in allowed
    ]
    return render_template("console/account_type.html", items=items, errors=errors)


def _new_form(role: Role, typed: Mapping[str, str], errors: Mapping[str, str]) -> str:
    prefix = user_id_prefix(role, current_staff().facility.code.kind)
    return render_template(
        "console/account_new.html",
        role=role,
        role_name_of=ROLE_NAMES[role],
        values={"user_id": prefix, **typed},
        errors=errors,
        prefix=prefix,
        shortest=shortest_user_id(role),
        longest=LONGEST_USER_ID,
        is_person=role not in SYSTEM_ROLES,
        has_types=len(manageable_by(current_staff().account.role)) > 1,
    )


@blueprint.post("/accounts/new")
@requires(Permission.MANAGE_ACCOUNTS)
def register_account() -> Page:
    """Register the account and go on to the page that tells its password once."""
    staff, typed = current_staff(), _typed(_NEW_FIELDS)
    if typed["role"] not in {role.value for role in manageable_by(staff.account.role)}:
        mistake = "登録するアカウントの権限区分を選んでください。"
        return _type_page({"role": mistake}), HTTPStatus.UNPROCESSABLE_ENTITY
    try:
        new = services().account_management.register(staff, AccountEntry(**typed))
    except InvalidEntry as error:
        errors = errors_of(error, _NEW_FIELDS)
    except AccountExists:
        errors = {"user_id": USER_ID_TAKEN}
    else:
        return tell(new, Occasion.REGISTERED)
    page = _new_form(Role(typed["role"]), _shown(typed), errors)
    return page, HTTPStatus.UNPROCESSABLE_ENTITY


def _typed(fields: tuple[str, ...]) -> dict[str, str]:
    return {name: request.form.get(name, "") for name in fields}


def _shown(typed: Mapping[str, str]) -> dict[str, str]:
    return {name: without_control_characters(value) for name, value in typed.items()}


@blueprint.get("/accounts/<uuid:account>/change")
@requires(Permission.MANAGE_ACCOUNTS)
def change_account(account: UUID) -> Page:
    """Show what may be changed."""
    found = services().account_management.get(current_staff(), AccountId(account))
    return _change_form(found, _present_values(found), {})


def _present_values(account: Account) -> dict[str, str]:
    return {
        "user_name": account.name,
        "user_kana": account.kana,
        "starts_on": account.starts_on.isoformat() if account.starts_on else "",
        "ends_on": account.ends_on.isoformat() if account.ends_on else "",
        "enabled": "yes" if account.is_enabled else "no",
    }


def _change_form(
    account: Account,
    values: Mapping[str, str],
    errors: Mapping[str, str],
    **more: object,
) -> str:
    return render_template(
        "console/account_change.html",
        account=account,
        role_name_of=ROLE_NAMES[account.role],
        values=values,
        errors=errors,
        **more,
    )


@blueprint.post("/accounts/<uuid:account>/change")
@requires(Permission.MANAGE_ACCOUNTS)
def save_account(account: UUID) -> Page:
    """Save the changes, unless somebody else was first: then show both side by side."""
    staff, management = current_staff(), services().account_management
    present = management.get(staff, AccountId(account))
    typed = {**_typed(_CHANGED_FIELDS), "enabled": request.form.get("enabled", "")}
    entry = ChangeEntry(
        **{name: typed[name] for name in _CHANGED_FIELDS}, is_enabled=typed["enabled"] == "yes"
    )
    try:
        changes = check_changes(entry)
        management.update(staff, present.id, changes, expected=seen_revision())
    except InvalidEntry as error:
        errors, status = errors_of(error, _CHANGED_FIELDS), error.status
    except LastAdministrator as error:
        errors, status = {_closing(present, typed): LAST_ADMINISTRATOR}, error.status
    except AccountChanged as error:
        return _told_late(error, _shown(typed))
    else:
        address = url_for("console.account_saved", account=present.id)
        return redirect(address, HTTPStatus.SEE_OTHER)
    return _change_form(present, _shown(typed), errors, seen=seen_revision()), status


def _closing(present: Account, typed: Mapping[str, str]) -> str:
    """Return the field that would close the account."""
    was = _present_values(present)
    days = [name for name in ("ends_on", "starts_on") if typed[name] != was[name]]
    return days[0] if days and typed["enabled"] == was["enabled"] else "enabled"


def _told_late(error: AccountChanged, typed: Mapping[str, str]) -> Page:
    """Show what somebody else changed meanwhile, and keep what this person typed."""
    if error.account.is_deleted:
        raise error
    entries = services().account_management.recent_changes(error.account)
    present = _present_values(error.account)
    different = [name for name in present if present[name] != typed[name]]
    page = _change_form(
        error.account,
        typed,
        {},
        conflict=entries,
        present=present,
        different=different,
        act_words=ACT_NAMES,
    )
    return page, error.status


@blueprint.get("/accounts/<uuid:account>/saved")
@requires(Permission.MANAGE_ACCOUNTS)
def account_saved(account: UUID) -> Page:
    """Say that the changes hold."""
    found = services().account_management.get(current_staff(), AccountId(account))
    return render_template("console/account_saved.html", account=found)


@blueprint.get("/accounts/<uuid:account>/lock-release")
@requires(Permission.MANAGE_ACCOUNTS)
def confirm_release(account: UUID) -> Page:
    """Ask before a lock is released."""
    found = services().account_management.get(current_staff(), AccountId(account))
    if not found.is_locked:
        address = url_for("console.account", account=found.id)
        return redirect(address, HTTPStatus.SEE_OTHER)
    return render_template("console/account_release.html", account=found)


@blueprint.post("/accounts/<uuid:account>/lock-release")
@requires(Permission.MANAGE_ACCOUNTS)
def release_account(account: UUID) -> Page:
    """Release the lock."""
    services().account_management.release(
        current_staff(), AccountId(account), expected=seen_revision()
    )
    return redirect(url_for("console.account_saved", account=account), HTTPStatus.SEE_OTHER)
