"""``zaitaku worker``: does the long work that pages hand over."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Final

import click

from zaitaku.core.logs import configure_logging
from zaitaku.jobs.worker import work
from zaitaku.services import build_services
from zaitaku.settings import Settings
from zaitaku.work import runner

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 0.2
RESTART_SECONDS: Final = 5
END_SECONDS: Final = 10


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
def own_worker() -> Iterator[None]:
    """Keep one worker running beside this process until the block, or this process, ends."""
    command = [sys.executable, "-m", "zaitaku", "worker", "--parent", str(os.getpid())]
    is_over = Event()
    keeper = Thread(target=_keep, args=(command, is_over), name="worker-keeper", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        is_over.set()
        keeper.join()


def _keep(command: list[str], is_over: Event) -> None:
    while not is_over.is_set():
        # A group of its own: Ctrl-C reaches the parent alone, which then ends its worker.
        process = subprocess.Popen(command, start_new_session=True)  # noqa: S603 - our own command
        while process.poll() is None and not is_over.wait(LOOK_SECONDS):
            pass
        if process.poll() is None:
            _end(process)
            return
        log.error("worker ended by itself", extra={"status": process.returncode})
        is_over.wait(RESTART_SECONDS)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
