"""``zaitaku serve`` and ``zaitaku migrate``."""

from contextlib import nullcontext

import click
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from zaitaku.commands.crl import renew_at_start
from zaitaku.commands.worker import own_worker
from zaitaku.core.database import Database
from zaitaku.core.errors import ZaitakuError
from zaitaku.schema import is_current, upgrade
from zaitaku.settings import Settings


class NotMigrated(ZaitakuError):
    """The database does not have this version's tables."""

    code = "not-migrated"


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535))
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64))
@click.option(
    "--own-worker/--no-own-worker",
    "has_own_worker",
    default=True,
    show_default=True,
    help="時間のかかる処理をするプロセス（zaitaku worker）も1つ動かす",
)
def serve(host: str, port: int, workers: int, *, has_own_worker: bool) -> None:
    """サーバーを動かします（設定は環境変数 ZAITAKU_…）。"""
    # What is wrong is told here, once, and not by every worker.
    settings = Settings.from_env()
    _check_tables(Database(settings.database_url))
    renew_at_start(settings)
    with own_worker() if has_own_worker else nullcontext():
        _serve(host, port, workers)


def _serve(host: str, port: int, workers: int) -> None:
    Granian(
        "zaitaku.app:from_environment",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=workers,
        factory=True,
        respawn_failed_workers=True,
        log_access=False,
        log_level=LogLevels.warning,
    ).serve()


@click.command()
def migrate() -> None:
    """データベースをこの版の形にします。"""
    upgrade(Database(Settings.from_env().database_url))


def _check_tables(database: Database) -> None:
    try:
        if not is_current(database):
            raise NotMigrated(
                "データベースがこの版の形になっていません（ZAITAKU_DATABASE_URL の場所も確かめて"
                "ください）。先に zaitaku migrate を実行してください。"
            )
    finally:
        database.close()
