"""From a configuration to a server on the loopback address."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

from waitress import create_server, wasyncore

from zaitaku.cardbridge.reading.config import BridgeConfig
from zaitaku.cardbridge.running.hardening import protect_process
from zaitaku.cardbridge.running.ports import bind
from zaitaku.cardbridge.web.app import FORM_LIMIT, create_bridge

THREADS: Final = 12
"""More than can wait for a card at the same time."""
STOP_SECONDS: Final = 5.0


def run_bridge(config: BridgeConfig, bound: socket.socket | None = None) -> None:
    """Serve until the process is interrupted (Ctrl-C, SIGTERM as ``SystemExit``).

    Raises:
        PortTaken: ``bound`` is not given and the configured port is in use.
    """
    protect_process()
    with running_bridge(config, bound) as running:
        running.thread.join()


class RunningBridge:
    """A bridge that serves in a thread of its own."""

    def __init__(self, config: BridgeConfig, bound: socket.socket) -> None:
        self.config = replace(config, port=bound.getsockname()[1])
        self._map: dict[int, Any] = {}
        self._server = create_server(
            create_bridge(self.config),
            map=self._map,
            sockets=[bound],
            threads=THREADS,
            ident=None,
            max_request_body_size=FORM_LIMIT,
        )
        self.thread = threading.Thread(target=self._server.run, name="bridge", daemon=True)

    @property
    def address(self) -> str:
        """Where a browser finds it."""
        return self.config.address

    def stop(self) -> None:
        """Let what is being answered end, close every connection and end the thread.

        The workers go first: one that ends after the connections are closed has nobody to tell.
        """
        self._server.task_dispatcher.shutdown(timeout=STOP_SECONDS)
        self._server.trigger.pull_trigger(self._close)
        self.thread.join(STOP_SECONDS)

    def _close(self) -> None:
        wasyncore.close_all(self._map, ignore_all=True)


@contextmanager
def running_bridge(
    config: BridgeConfig, bound: socket.socket | None = None
) -> Iterator[RunningBridge]:
    """Serve while the context lasts, at ``config.port`` (0: any free one) or on ``bound``.

    Raises:
        PortTaken
    """
    running = RunningBridge(config, bound or bind((config.port,)))
    running.thread.start()
    try:
        yield running
    finally:
        running.stop()
