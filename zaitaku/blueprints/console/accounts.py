"""アカウント情報管理: the list with its search, and one account (domain.md §5)."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Final
from uuid import UUID

from flask import render_template, request, url_for
from werkzeug.wrappers import Response

from zaitaku.accounts.errors import AccountChanged, InvalidEntry, LastAdministrator
from zaitaku.accounts.managing import manageable_by
from zaitaku.accounts.model import (
    MAY_RESET_PASSWORD,
    ROLE_NAMES,
    Account,
    Permission,
    Role,
)
from zaitaku.accounts.searching import AccountPage, AccountQuery, AccountSort, Lock, Validity
from zaitaku.accounts.words import mistake_words
from zaitaku.blueprints.console.room import blueprint, failure
from zaitaku.blueprints.console.searches import address, asked, lead_on, shown_again
from zaitaku.blueprints.edge import services
from zaitaku.blueprints.kept_forms import repeatable
from zaitaku.blueprints.paging import paging
from zaitaku.blueprints.permissions import current_staff, requires
from zaitaku.core.ids import AccountId

Page = str | Response | tuple[str, HTTPStatus]
Choices = list[dict[str, str]]

ANY: Final = {"value": "", "label": "すべて"}
VALIDITY_NAMES: Final = {Validity.VALID: "有効", Validity.INVALID: "無効"}
LOCK_NAMES: Final = {Lock.NONE: "なし", Lock.LOCKED: "ロック中"}
FIELDS: Final = frozenset(
    {
        *("role", "user_id", "name", "kana", "validity", "lock"),
        *("starts_from", "starts_to", "ends_from", "ends_to"),
    }
)
"""What the search asks for; a mistake elsewhere in the address is told for the whole page."""

_REVISION: Final = re.compile(r"[0-9]{1,9}")
_COLUMNS: Final = (
    ("ユーザID", AccountSort.USER_ID),
    ("ユーザ名（カナ）", AccountSort.KANA),
    ("権限区分", AccountSort.ROLE),
    ("状態", None),
    ("利用開始年月日", AccountSort.STARTS_ON),
    ("利用終了年月日", AccountSort.ENDS_ON),
    ("最後のログイン", AccountSort.LAST_LOGIN),
)


@blueprint.errorhandler(LastAdministrator)
def last_administrator(error: LastAdministrator) -> tuple[str, HTTPStatus]:
    """Say why the last 管理 account stays, and what to do first."""
    return failure("この管理アカウントは、いまは止められません", LAST_ADMINISTRATOR), error.status


LAST_ADMINISTRATOR: Final = (
    "いまから使い続けられる管理アカウントは、これだけです。止めたり、利用終了年月日を決めたりすると、"
    "職員のアカウントも設定も、だれにも変更できなくなります。"
    "先に、別の管理アカウントを登録してください。ロック中のもの、はじめのパスワードの期限が切れたもの、"
    "このアカウントより先に利用が終わるものは、数えません。"
)


@blueprint.errorhandler(AccountChanged)
def account_changed(error: AccountChanged) -> tuple[str, HTTPStatus]:
    """Say that somebody else was first; nothing was done."""
    if error.account.is_deleted:
        return failure(
            "このアカウントは、先に削除されていました",
            "ほかの方が先に削除したため、この操作では何も変更していません。",
            action={"label": "アカウント一覧へ", "href": url_for("console.accounts")},
        ), error.status
    return failure(
        "ほかの方が先に変更しました",
        "この画面を開いたあとで、アカウントの登録内容が変わりました。"
        "この操作では、何も変更していません。",
        "いまの登録内容を確かめてから、もう一度お試しください。",
        action=_way_back(error.account),
    ), error.status


def _way_back(account: Account) -> dict[str, str]:
    if account.role in manageable_by(current_staff().account.role):
        href = url_for("console.account", account=account.id)
        return {"label": "いまの登録内容を見る", "href": href}
    return {"label": "パスワード再発行へ", "href": url_for("console.password_resets")}


@dataclass(frozen=True)
class _Heading:
    """One column's heading; ``href`` sorts by it, the other way round if it is sorted already."""

    label: str
    href: str = ""
    sort: str = ""


@blueprint.get("/accounts")
@requires(Permission.MANAGE_ACCOUNTS)
def accounts() -> Page:
    """Show one page of the accounts that the person may manage."""
    roles = manageable_by(current_staff().account.role)
    return list_page("console.accounts", roles, "console/accounts.html")


@blueprint.post("/accounts")
@requires(Permission.MANAGE_ACCOUNTS)
@repeatable
def search_accounts() -> Response:
    """Lead on to the accounts that the form asks for."""
    return lead_on()


def list_page(endpoint: str, roles: Collection[Role], template: str) -> Page:
    """Show a list of accounts as the address describes it, or what is to be mended in that."""
    try:
        query = AccountQuery.from_mapping(asked())
    except InvalidEntry as error:
        return _unread(error, roles, template), HTTPStatus.UNPROCESSABLE_ENTITY
    found = services().account_management.search(current_staff(), query, roles)
    return render_template(
        template,
        found=found,
        typed=query.to_mapping(),
        errors={},
        is_filtered=bool(FIELDS & query.to_mapping().keys()),
        headings=[_heading(endpoint, query, *column) for column in _COLUMNS],
        paging=_paging(endpoint, query, found),
        **_words(roles),
    )


def _unread(error: InvalidEntry, roles: Collection[Role], template: str) -> str:
    return render_template(
        template, found=None, typed=shown_again(), errors=errors_of(error, FIELDS), **_words(roles)
    )


def errors_of(error: InvalidEntry, fields: Collection[str]) -> dict[str, str]:
    """Return what the page tells, by field; the first mistake of each field."""
    told: dict[str, str] = {}
    for mistake in error.mistakes:
        field = mistake.field if mistake.field in fields else "main"
        told.setdefault(field, mistake_words(mistake))
    return told


def _words(roles: Collection[Role]) -> Mapping[str, object]:
    names = [{"value": role.value, "label": ROLE_NAMES[role]} for role in Role if role in roles]
    return {
        "roles": [ANY, *names],
        "role_names": ROLE_NAMES,
        "validities": [ANY, *_choices(VALIDITY_NAMES)],
        "locks": [ANY, *_choices(LOCK_NAMES)],
        "states": states,
    }


def _choices(names: Mapping[Validity, str] | Mapping[Lock, str]) -> Choices:
    return [{"value": value.value, "label": label} for value, label in names.items()]


def _heading(endpoint: str, query: AccountQuery, label: str, key: AccountSort | None) -> _Heading:
    if key is None:
        return _Heading(label)
    is_sorted = query.sort is key
    turned = replace(query, sort=key, descending=is_sorted and not query.descending, page=1)
    order = "descending" if query.descending else "ascending"
    return _Heading(label, address(endpoint, turned.to_mapping()), order if is_sorted else "")


def _paging(endpoint: str, query: AccountQuery, found: AccountPage) -> object:
    def at(number: int) -> str:
        return address(endpoint, replace(query, page=number).to_mapping())

    return paging(found.number, found.pages, at)


def states(account: Account) -> list[str]:
    """Return what is to be known of an account at a glance, what hinders it first."""
    now = services().clock.now()
    told = ["有効" if account.is_enabled else "無効"]
    if account.is_locked:
        told.append("ロック中")
    if account.is_enabled and not account.is_in_use(now):
        told.append("利用期間外")
    if account.is_password_over(now):
        told.append("はじめのパスワードの期限切れ")
    elif account.must_change_password:
        told.append("はじめのパスワードのまま")
    return told


@blueprint.get("/accounts/<uuid:account>")
@requires(Permission.MANAGE_ACCOUNTS)
def account(account: UUID) -> Page:
    """Show everything that is registered of one account, and what may be done."""
    staff = current_staff()
    found = services().account_management.get(staff, AccountId(account))
    return render_template(
        "console/account.html",
        account=found,
        role_name_of=ROLE_NAMES[found.role],
        states=states(found),
        password_until=found.initial_password_until,
        may_reset=found.role in MAY_RESET_PASSWORD[staff.account.role],
    )


def seen_revision() -> int:
    """Return the revision that the sent form had seen; garbage is one that never was."""
    typed = request.form.get("revision", "")
    return int(typed) if _REVISION.fullmatch(typed) else -1
