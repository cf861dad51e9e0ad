"""The loopback port that the bridge listens on."""

import os
import socket
import sys
from collections.abc import Sequence
from typing import Final

from zaitaku import wire

HOST: Final = "127.0.0.1"


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


def _bound(port: int) -> socket.socket | None:
    candidate = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if os.name == "posix":  # elsewhere the option would let two programs share the port
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if sys.platform == "win32":  # where another program could share the port, and take the PIN
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
    try:
        candidate.bind((HOST, port))
        candidate.listen()
    except OSError:
        candidate.close()
        return None
    return candidate
