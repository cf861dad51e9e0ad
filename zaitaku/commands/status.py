"""``zaitaku status``: in which condition this deployment is."""

import click

from zaitaku.core.clock import SystemClock
from zaitaku.operating.deployment import opened
from zaitaku.settings import Settings
from zaitaku.watching.condition import Looker
from zaitaku.watching.words import Line, lines_of


@click.command()
def status() -> None:
    """いまの状態（版、処理の待ち、複製の遅れ、記録の確認、期限など）を表示します。"""
    with opened(Settings.from_env(), SystemClock()) as here:
        found = Looker(here.settings, here.database, here.ephemeral, here.clock).look()
    for line in lines_of(found):
        click.echo(_written(line))


def _written(line: Line) -> str:
    return f"{'！' if line.worry else '　'}{line.part}: {line.fact}  {line.worry}".rstrip()
