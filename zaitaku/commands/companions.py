"""Processes of our own that are kept running beside another."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import Final

from zaitaku.core.watch_settings import WatchSettings
from zaitaku.watching.watches import DIRECTORY

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 0.2
RESTART_SECONDS: Final = 5
END_SECONDS: Final = 10


@contextmanager
def beside(command: str) -> Iterator[None]:
    """Keep ``zaitaku COMMAND`` running until the block, or this process, ends."""
    full = [sys.executable, "-m", "zaitaku", command, "--parent", str(os.getpid())]
    is_over = Event()
    keeper = Thread(target=keep, args=(full, is_over), name=f"{command}-keeper", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        is_over.set()
        keeper.join()


@contextmanager
def collecting(settings: WatchSettings) -> Iterator[None]:
    """Let all processes that start meanwhile count together, and answer Prometheus beside them.

    Where a process above does so already, or nobody wants metrics, this does nothing.
    """
    if not settings.metrics_address or os.environ.get(DIRECTORY):
        yield
        return
    with TemporaryDirectory(prefix="zaitaku-metrics-", ignore_cleanup_errors=True) as folder:
        os.environ[DIRECTORY] = folder
        try:
            with beside("metrics"):
                yield
        finally:
            del os.environ[DIRECTORY]


def keep(command: list[str], is_over: Event) -> None:
    """Run ``command`` until ``is_over``; start it again when it ends by itself."""
    while not is_over.is_set():
        # A group of its own: Ctrl-C reaches the parent alone, which then ends its companions.
        process = subprocess.Popen(command, start_new_session=True)  # noqa: S603 - our own command
        while process.poll() is None and not is_over.wait(LOOK_SECONDS):
            pass
        if process.poll() is None:
            _end(process)
            return
        # With what status is not known where the web server has met the dead before us.
        log.error("companion ended by itself", extra={"companion": command[3]})
        is_over.wait(RESTART_SECONDS)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
