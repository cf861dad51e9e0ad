"""``zaitaku worker``: does the long work that pages hand over."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from zaitaku.core.logs import configure_logging
from zaitaku.jobs.worker import work
from zaitaku.services import build_services
from zaitaku.settings import Settings
from zaitaku.work import runner


@click.command()
@click.option("--parent", type=int, hidden=True, help="このプロセスが終わったら終わる")
def worker(parent: int | None) -> None:
    """時間のかかる処理（一括登録、書き出しなど）をします（設定は環境変数 ZAITAKU_…）。

    zaitaku serve は自分で1つ動かすので、ふつうは要りません。何台かで動かすときに使います。
    """
    configure_logging(sys.stdout)
    settings = Settings.from_env()
    services = build_services(settings)
    try:
        work(runner(services), settings.ephemeral_url, parent=parent)
    finally:
        services.database.close()


@contextmanager
def own_worker() -> Iterator[subprocess.Popen[bytes]]:
    """Run a worker beside this process until the block, or this process, ends."""
    command = [sys.executable, "-m", "zaitaku", "worker", "--parent", str(os.getpid())]
    # A group of its own: Ctrl-C reaches this process alone, which then ends its worker.
    process = subprocess.Popen(command, start_new_session=True)  # noqa: S603 - our own command
    try:
        yield process
    finally:
        process.terminate()
        process.wait()
