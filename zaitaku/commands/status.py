"""``zaitaku status``: in which condition this deployment is."""

import click

from zaitaku.core.clock import SystemClock
from zaitaku.core.database import Database
from zaitaku.core.ephemeral_open import open_ephemeral
from zaitaku.settings import Settings
from zaitaku.watching.condition import Looker
from zaitaku.watching.words import Line, lines_of


@click.command()
def status() -> None:
    """いまの状態（版、処理の待ち、複製の遅れ、記録の確認、期限など）を表示します。"""
    settings, clock = Settings.from_env(), SystemClock()
    database = Database(settings.database_url)
    ephemeral = open_ephemeral(settings.ephemeral_url, clock)
    try:
        found = Looker(settings, database, ephemeral, clock).look()
    finally:
        ephemeral.close()
        database.close()
    for line in lines_of(found):
        click.echo(_written(line))


def _written(line: Line) -> str:
    return f"{'！' if line.worry else '　'}{line.part}: {line.fact}  {line.worry}".rstrip()
