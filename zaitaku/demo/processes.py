"""The demo's three programs, started together and ended together."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from threading import Thread
from typing import Any

import urllib3
from urllib3.exceptions import HTTPError
from waitress import wasyncore
from waitress.server import create_server

from zaitaku.core.errors import ZaitakuError
from zaitaku.demo.places import Places

START_SECONDS = 30
END_SECONDS = 5
POLL_SECONDS = 0.1


class DemoFailed(ZaitakuError):
    """One of the demo's programs did not start, or ended by itself."""

    code = "demo-failed"


def site_command(places: Places) -> list[str]:
    """Return the command of the site."""
    return [sys.executable, "-m", "zaitaku", "serve", "--port", str(places.port)]


def bridge_command(places: Places, *, vpcd: bool) -> list[str]:
    """Return the command of the card bridge; ``vpcd`` puts its cards into a real pcscd."""
    return [
        *(sys.executable, "-m", "zaitaku.cardbridge", "--port", str(places.bridge_port)),
        *("--virtual", str(places.data / "cards"), "--test-origin", places.origin),
        *("--state", str(places.data / "bridge"), "--no-open"),
        *(["--vpcd"] if vpcd else []),
    ]


@contextmanager
def running(command: list[str], environ: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``command`` until the block ends, then end it and wait for it."""
    # A group of its own: Ctrl-C reaches the demo alone, which then ends its programs in order.
    process = subprocess.Popen(  # noqa: S603 - the commands are the two functions above
        command, env={**os.environ, **environ}, start_new_session=True, stdout=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_until_up(address: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until ``address`` answers.

    Raises:
        DemoFailed: the program ended first, or never answered.
    """
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise DemoFailed(f"{address} のプログラムが始まりませんでした。")
        try:
            urllib3.request("GET", address, timeout=1, retries=False)
        except HTTPError:
            time.sleep(POLL_SECONDS)
        else:
            return
    raise DemoFailed(f"{address} が応答しません。")


@contextmanager
def serving(application: Callable[..., object], port: int) -> Iterator[None]:
    """Serve a small WSGI application on a thread of this process until the block ends."""
    channels: dict[int, Any] = {}
    server = create_server(application, map=channels, host="127.0.0.1", port=port, threads=1)
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        # The thread itself closes what it waits for: closed under its hands, it would fail.
        server.task_dispatcher.shutdown(timeout=END_SECONDS)
        server.trigger.pull_trigger(partial(wasyncore.close_all, channels, ignore_all=True))
        thread.join(END_SECONDS)


def wait_for_end(processes: list[subprocess.Popen[bytes]]) -> None:
    """Wait for Ctrl-C or SIGTERM.

    Raises:
        DemoFailed: a program ended by itself.
    """
    for way in (signal.SIGINT, signal.SIGTERM):
        signal.signal(way, signal.default_int_handler)
    try:
        while all(process.poll() is None for process in processes):
            time.sleep(POLL_SECONDS * 5)
    except KeyboardInterrupt:
        return
    raise DemoFailed("プログラムの一つが止まりました。")
