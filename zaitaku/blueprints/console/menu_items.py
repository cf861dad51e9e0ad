"""The console's menu as data: groups and names of the manual (domain.md §2)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from flask import current_app, request, url_for

from zaitaku.accounts.model import Permission
from zaitaku.accounts.service import Staff
from zaitaku.settings import Mode, Settings

Condition = Callable[[Staff, Settings], bool]


def _always(_staff: Staff, _settings: Settings) -> bool:
    return True


def _in_sandbox(_staff: Staff, settings: Settings) -> bool:
    return settings.mode is Mode.SANDBOX


def _makes_home_visits(staff: Staff, _settings: Settings) -> bool:
    return staff.facility.settings.home_visit


@dataclass(frozen=True)
class Item:
    """One line of the menu."""

    permission: Permission
    endpoint: str
    label: str
    hint: str
    condition: Condition = _always
    in_navigation: bool = False
    """Whether it stands at the top of every page as well."""


@dataclass(frozen=True)
class Group:
    """One group of the menu, as the manual names it."""

    name: str
    title: str
    items: tuple[Item, ...]


MENU: Final = (
    Group(
        "patients",
        "訪問診療等・オンライン診療等",
        (
            Item(
                Permission.SEE_CONSENTED_PATIENTS,
                "console.consented_patients",
                "同意取得済み患者一覧",
                "マイナンバーカードで同意を登録した患者さんを確かめます。",
                in_navigation=True,
            ),
            Item(
                Permission.MANAGE_APPOINTMENTS,
                "console.appointments",
                "受診予定と同意の確認",
                "あした来る患者さんのうち、まだ同意していない方を確かめます。",
                in_navigation=True,
            ),
        ),
    ),
    Group(
        "web",
        "マイナ在宅受付web管理",
        (
            Item(
                Permission.SEE_RECEPTION_URLS,
                "console.reception_urls",
                "医療機関別URL 取得・変更",
                "患者さんに案内するURLと二次元コードを受け取り、ポスターを印刷し、"
                "必要なときに変更します。",
                in_navigation=True,
            ),
        ),
    ),
    Group(
        "app",
        "マイナ資格確認アプリ管理",
        (
            Item(
                Permission.MANAGE_ACTIVATION_CODES,
                "console.activation_codes",
                "アクティベーションコード管理",
                "訪問先で使う端末を登録するための番号を発行します。",
                _makes_home_visits,
            ),
        ),
    ),
    Group(
        "accounts",
        "アカウント情報管理",
        (
            Item(
                Permission.MANAGE_ACCOUNTS,
                "console.accounts",
                "アカウント一覧・登録・更新",
                "職員や連携する機器のアカウントを探し、登録し、変更します。",
                in_navigation=True,
            ),
            Item(
                Permission.RESET_PASSWORDS,
                "console.password_resets",
                "パスワード再発行",
                "パスワードを忘れた方、ロックされた方のパスワードを作り直します。",
            ),
            Item(
                Permission.IMPORT_ACCOUNTS,
                "console.account_imports",
                "アカウント一括登録",
                "CSVファイルでまとめて登録し、結果を確かめます。",
            ),
            Item(
                Permission.CHANGE_OWN_PASSWORD,
                "console.password",
                "パスワード変更",
                "ご自分のパスワードを変更します。",
            ),
            Item(
                Permission.REQUIRE_SECOND_FACTOR,
                "console.second_factor",
                "二要素認証の設定",
                "職員のログインに、パスワードとパスキーの両方を求めるかを決めます。",
            ),
            Item(
                Permission.MANAGE_OWN_SIGN_IN,
                "console.own_sign_in",
                "ログイン方法と利用中の端末",
                "パスキーの登録、回復コード、ログイン中の端末の確認とログアウト。",
            ),
        ),
    ),
    Group(
        "settings",
        "環境設定情報管理",
        (
            Item(
                Permission.CHANGE_ENVIRONMENT_SETTINGS,
                "console.environment_settings",
                "環境設定情報更新",
                "患者さんに何をたずねるか、どの機能を使うかを決めます。",
                in_navigation=True,
            ),
            Item(
                Permission.SET_UP_TEST_DATA,
                "console.test_data",
                "テスト用データセットアップ",
                "接続を確かめるための、架空の患者のデータを用意します。",
                _in_sandbox,
            ),
        ),
    ),
    Group(
        "inquiry",
        "問い合わせ管理",
        (
            Item(
                Permission.SEE_VIEW_HISTORY,
                "console.view_history",
                "医療情報閲覧履歴照会",
                "だれが、いつ、どの患者さんの情報を見たかを確かめます。",
            ),
            Item(
                Permission.SEE_AUDIT_TRAIL,
                "console.audit_trail",
                "操作履歴照会",
                "設定、URL、アカウント、ログインの記録を確かめます。",
            ),
        ),
    ),
)


@dataclass(frozen=True)
class Link:
    """One line of the menu as a page shows it."""

    label: str
    hint: str
    href: str
    is_current: bool
    in_navigation: bool


@dataclass(frozen=True)
class LinkGroup:
    """One group of the menu as a page shows it."""

    name: str
    title: str
    links: tuple[Link, ...]


def groups_for(staff: Staff, settings: Settings) -> list[LinkGroup]:
    """Return what the person may open now; groups without a line are left out."""
    shown = (
        LinkGroup(group.name, group.title, tuple(_links(group, staff, settings))) for group in MENU
    )
    return [group for group in shown if group.links]


def _links(group: Group, staff: Staff, settings: Settings) -> Iterator[Link]:
    for item in group.items:
        is_built = item.endpoint in current_app.view_functions
        is_open = item.permission in staff.permissions and item.condition(staff, settings)
        if is_built and is_open:
            is_current = request.endpoint == item.endpoint
            yield Link(
                item.label, item.hint, url_for(item.endpoint), is_current, item.in_navigation
            )
