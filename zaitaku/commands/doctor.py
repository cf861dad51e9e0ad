"""``zaitaku doctor``: what is wrong with this deployment, and what to do."""

import json
import os
import sys
from collections.abc import Iterable
from dataclasses import replace

import click

from zaitaku.core.clock import SystemClock
from zaitaku.core.errors import SettingsError
from zaitaku.operating.deployment import Variables, opened
from zaitaku.operating.doctor import Finding, examine
from zaitaku.operating.setting_words import in_japanese
from zaitaku.settings import Settings
from zaitaku.watching.words import Line


@click.command()
@click.option("--json", "is_json", is_flag=True, help="機械が読む形（JSON）で出す")
@click.option("--all", "shows_all", is_flag=True, help="問題のないことも出す")
def doctor(*, is_json: bool, shows_all: bool) -> None:
    """この運用環境を調べ、おかしいところと、することを言います。あれば、終了コードは1です。

    何も変えません。秘密も出しません。
    """
    found = _found()
    worries = [each for each in found if not each.is_fine]
    shown = found if shows_all else worries
    click.echo(_as_json(shown) if is_json else _as_text(shown, len(found)))
    sys.exit(1 if worries else 0)


def _found() -> list[Finding]:
    try:
        variables = Variables(os.environ)
        settings = Settings.from_env(variables)
        is_alone = variables.get("ZAITAKU_SYNCHRONOUS_STANDBYS", "").strip() == "0"
        with opened(settings, SystemClock()) as found:
            deployment = replace(found, is_alone=is_alone, unread=variables.unread())
            return list(examine(deployment))
    except SettingsError as error:
        words = in_japanese(error.detail)
        return [Finding("settings", Line("設定", words, "環境変数を直してください。"))]


def _as_text(findings: Iterable[Finding], examined: int) -> str:
    lines = [
        f"{'　' if each.is_fine else '！'}{each.line.part}: {each.line.fact}  {each.line.worry}"
        for each in findings
    ]
    worries = sum(line.startswith("！") for line in lines)
    verdict = f"することが{worries}件あります。" if worries else "おかしいところはありません。"
    return "\n".join(line.rstrip() for line in [*lines, f"{examined}件を調べました。{verdict}"])


def _as_json(findings: Iterable[Finding]) -> str:
    body = [
        {
            "check": each.check,
            "part": each.line.part,
            "fact": each.line.fact,
            "todo": each.line.worry,
            "fine": each.is_fine,
        }
        for each in findings
    ]
    return json.dumps(body, ensure_ascii=False, indent=2)
