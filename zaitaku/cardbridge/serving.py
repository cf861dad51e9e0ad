"""From a configuration to a server on the loopback address."""

import os
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

from waitress import create_server, wasyncore

from zaitaku import wire
from zaitaku.cardbridge.app import FORM_LIMIT, create_bridge
from zaitaku.cardbridge.config import BridgeConfig

HOST: Final = "127.0.0.1"
THREADS: Final = 12
"""More than can wait for a card at the same time."""
STOP_SECONDS: Final = 5.0


class PortTaken(Exception):
    """Another program listens on every port that the bridge may use."""


def bind(ports: Sequence[int] = wire.BRIDGE_PORTS) -> socket.socket:
    """Return a socket bound to the first free one of ``ports`` at 127.0.0.1; 0 is any free one.

    Raises:
        PortTaken
    """
    for port in ports:
        bound = _bound(port)
        if bound is not None:
            return bound
    raise PortTaken(", ".join(map(str, ports)))


def run_bridge(config: BridgeConfig, bound: socket.socket | None = None) -> None:
    """Serve until the process is interrupted (Ctrl-C, SIGTERM as ``SystemExit``).

    Raises:
        PortTaken: ``bound`` is not given and the configured port is in use.
    """
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


def _bound(port: int) -> socket.socket | None:
    candidate = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if os.name == "posix":  # elsewhere the option would let two programs share the port
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        candidate.bind((HOST, port))
        candidate.listen()
    except OSError:
        candidate.close()
        return None
    return candidate
