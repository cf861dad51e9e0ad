"""``zaitaku worker``: does the long work that pages hand over."""

import sys

import click

from zaitaku.commands.companions import collecting
from zaitaku.commands.starting import check_database
from zaitaku.core.logs import configure_logging
from zaitaku.jobs.worker import work
from zaitaku.services import build_services
from zaitaku.settings import Settings
from zaitaku.watching.notes import Notes
from zaitaku.watching.presence import Presence, Role, present
from zaitaku.watching.watches import open_watch
from zaitaku.work import runner


@click.command()
@click.option("--parent", type=int, hidden=True, help="このプロセスが終わったら終わる")
def worker(parent: int | None) -> None:
    """時間のかかる処理（一括登録、書き出しなど）をします（設定は環境変数 ZAITAKU_…）。

    zaitaku serve は自分で1つ動かすので、ふつうは要りません。何台かで動かすときに使います。
    """
    configure_logging(sys.stdout)
    settings = Settings.from_env()
    check_database(settings)
    with collecting(settings.watching):
        _work(settings, parent)


def _work(settings: Settings, parent: int | None) -> None:
    services = build_services(settings, watch=open_watch(settings.watching))
    presence = Presence(Notes(services.ephemeral), services.clock, Role.WORKER)
    try:
        with present(presence):
            work(runner(services), settings.ephemeral_url, parent=parent)
    finally:
        services.close()
