"""The sheet that hands an account over: its settings and its initial password (domain.md §5)."""

import json
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Final

from zaitaku.accounts.model import ROLE_NAMES, SYSTEM_ROLES, NewAccount
from zaitaku.core.clock import JST
from zaitaku.facilities.fonts import font_folder
from zaitaku.facilities.model import Facility
from zaitaku.facilities.practice import WORDS

_TEMPLATES: Final = Path(__file__).parent / "printed"
_STEPS: Final = (
    "上の「ログイン画面」のアドレスを開き、医療機関等コード、ユーザID、はじめのパスワードを入力します。",
    "画面の案内に従って、ご自分だけが知る新しいパスワードに変更します。",
    "変更したら、この用紙をシュレッダーなどで処分してください。",
)
_STEPS_OF_PROGRAMS: Final = (
    "このパスワードを、つなぐシステムや機器の設定画面に入力します。",
    "入力したら、この用紙をシュレッダーなどで処分するか、鍵のかかる場所に保管してください。",
)


@dataclass(frozen=True, repr=False)
class Sheet:
    """What the sheet says. Never printed but by ``sheet_pdf``."""

    facility: Facility
    new: NewAccount
    login_address: str
    printed_at: datetime
    is_practice: bool
    """Whether the account is one of a sandbox."""


def sheet_pdf(sheet: Sheet) -> bytes:
    """Return the A4 sheet as a tagged PDF (PDF/UA-1) with its font embedded."""
    # Seven megabytes of every process, and few ever print.
    import typst  # noqa: PLC0415

    pdf = typst.compile(
        _TEMPLATES / "sheet.typ",
        root=_TEMPLATES,
        font_paths=[font_folder()],
        ignore_system_fonts=True,
        format="pdf",
        pdf_standards="ua-1",
        sys_inputs={"content": json.dumps(_content(sheet))},
        timestamp=int(sheet.printed_at.timestamp()),
    )
    return bytes(pdf)


def _content(sheet: Sheet) -> dict[str, object]:
    is_program = sheet.new.account.role in SYSTEM_ROLES
    printed = sheet.printed_at.astimezone(JST)
    return {
        "title": "アカウント設定情報",
        "facility": sheet.facility.registered_name,
        "rows": _rows(sheet),
        "password": sheet.new.password,
        "validity": _validity(sheet.new),
        "practice": dict(WORDS) if sheet.is_practice else None,
        "steps": list(_STEPS_OF_PROGRAMS if is_program else _STEPS),
        "printed": f"{_day(printed.date())} {printed:%H:%M} 作成。"
        "このパスワードは、作成した画面でもう一度表示することはできません。",
    }


def _rows(sheet: Sheet) -> list[tuple[str, str]]:
    account = sheet.new.account
    rows = [
        ("医療機関等コード", str(sheet.facility.code)),
        ("権限区分", ROLE_NAMES[account.role]),
        ("ユーザID", account.user_id),
        ("ユーザ名", account.name),
        ("ユーザ名（カナ）", account.kana),
        ("利用開始年月日", _day(account.starts_on) if account.starts_on else "すぐに利用できます"),
        ("利用終了年月日", _day(account.ends_on) if account.ends_on else "なし"),
        ("有効/無効", "有効" if account.is_enabled else "無効"),
    ]
    is_program = account.role in SYSTEM_ROLES
    return rows if is_program else [*rows, ("ログイン画面", sheet.login_address)]


def _validity(new: NewAccount) -> str:
    ends = new.account.initial_password_until
    if ends is None:
        return "このパスワードに有効期限はありません。"
    until = ends.astimezone(JST)
    return f"有効期限：{_day(until.date())} {until:%H:%M} まで。はじめてのログインで変更します。"


def _day(day: date) -> str:
    return f"{day.year}年{day.month}月{day.day}日"
