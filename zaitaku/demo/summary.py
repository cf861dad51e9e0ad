"""What the terminal says when the demo runs."""

import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from zaitaku.demo.doors import Door
from zaitaku.facilities.channels import CHANNEL_NAMES
from zaitaku.facilities.model import Channel

_TROUBLES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        Door.CHANGED: (
            "変更されています。作りなおすコマンド",
            "reset-password {code} {user_id}",
        ),
        Door.LOCKED: (
            "{password}（ロックされています）。解除するコマンド",
            "unlock {code} {user_id}",
        ),
        Door.DISABLED: (
            "{password}（いまは使えません）。有効にするコマンド",
            "set {code} {user_id} --enabled",
        ),
    }
)
"""What is said of a password that does not open its account, and what is typed then."""


def as_text(summary: dict[str, Any], data: Path) -> str:
    """Return the summary in words; ``demo.json`` in ``data`` has the same for scripts."""
    code = summary["facility_code"]
    lines = ["", f"zaitaku が動いています（{summary['facility_name']}）", "", "患者さんの入口:"]
    lines += [
        f"  {CHANNEL_NAMES[Channel(channel)]}\n    {url}"
        for channel, url in summary["patient_urls"].items()
    ]
    lines += ["", "医療機関の管理画面:", f"  {summary['console']['url']}"]
    lines += [f"    医療機関等コード  {code}", *_accounts(summary, data)]
    lines += ["", "読み取りアプリ（仮想カード。カードの入れ替えもここで）:"]
    lines += [f"  {summary['bridge']}/", "", "仮想カード（名前 … 暗証番号 … 用途）:"]
    lines += [
        f"  {card['name']} … {card['pin'] or 'なし'} … {card['description']}"
        for card in summary["cards"]
    ]
    lines += ["", "スマートフォンのアプリの代わり（読み取り方で「アプリ」を選ぶと開きます）:"]
    lines += [f"  {summary['app']}"]
    lines += ["", f"同じ内容: {data / 'demo.json'}"]
    lines += ["  （テスト用データセットアップに入力するカードのシリアル番号は、cards の serial）"]
    lines += [f"コマンドを試す（別のターミナルで）: {_command(data, f'facility show {code}')}"]
    lines += ["Ctrl-C で終わります。"]
    return "\n".join(lines)


def _accounts(summary: dict[str, Any], data: Path) -> Iterator[str]:
    """Yield who can log in with which password, and what to do where one does not open."""
    main, states = summary["console"]["user_id"], summary["accounts"]
    password = summary["first_password"]
    is_open = states[main] == Door.OPEN
    yield f"    ユーザID          {main}"
    if is_open:
        yield f"    パスワード        {password}"
    yield from _trouble("パスワード        ", main, summary, data)
    staff = summary["staff"].items()
    others = "、".join(f"{role} {name}" for role, name in staff if states[name] == Door.OPEN)
    if others:
        same = "パスワードは同じ" if is_open else f"パスワード {password}"
        yield f"    ほかのユーザID    {others}（{same}）"
    for role, name in staff:
        yield from _trouble(f"{role} {name} のパスワード  ", name, summary, data)


def _trouble(label: str, user_id: str, summary: dict[str, Any], data: Path) -> Iterator[str]:
    state = summary["accounts"][user_id]
    if state == Door.GONE:
        yield f"    {label}このアカウントは、ありません。"
    if state in _TROUBLES:
        words, command = _TROUBLES[state]
        typed = command.format(code=summary["facility_code"], user_id=user_id)
        yield f"    {label}{words.format(password=summary['first_password'])}（別のターミナルで）:"
        yield f"      {_command(data, f'account {typed}')}"


def _command(data: Path, words: str) -> str:
    """Return what is typed into a shell to run a command of ``zaitaku`` on this demo."""
    # A shell looks for a name without a slash among its programs.
    settings = data / "demo.env"
    place = str(settings) if "/" in str(settings) else f"./{settings}"
    program = Path(sys.prefix) / "bin" / "zaitaku"
    return f". {shlex.quote(place)} && {shlex.quote(str(program))} {words}"
