"""Connections to Redis that let go of the interpreter only while they wait for an answer.

A socket to which Python itself gives a timeout is looked at before each word that is sent or read
(``poll``). Every such look hands the interpreter to another thread and has to wait until it comes
back, which under load takes longer than the answer. So here the kernel bounds the waits.
"""

import struct
from socket import SO_RCVTIMEO, SO_SNDTIMEO, SOL_SOCKET, socket
from typing import Final

from redis.connection import Connection
from redis.sentinel import SentinelManagedConnection

from zaitaku.core.tcp import is_established

_TIMEVAL: Final = "@ll"
"""Seconds and microseconds (POSIX.1-2017, ``<sys/time.h>``)."""
_MICROSECONDS: Final = 1_000_000


class KernelWaits:
    """Hands a connection's timeout to the kernel.

    Not for TLS: its library takes a wait that is over for one that goes on.
    """

    _own: socket

    def _connect(self) -> socket:
        self._own = super()._connect()  # type: ignore[misc]
        bound_waits(self._own)
        return self._own

    def stands(self) -> bool | None:
        """Tell whether neither end has closed it; ``None``: that cannot be seen."""
        return is_established(self._own.fileno())


class BoundedConnection(KernelWaits, Connection):
    """A connection to one server."""


class BoundedSentinelConnection(KernelWaits, SentinelManagedConnection):
    """A connection to whichever server is the primary."""


def bound_waits(line: socket) -> None:
    """Let the kernel end what waits longer than ``line``'s timeout, which it loses.

    Who waits in vain gets ``BlockingIOError`` (``socket(7)``, ``SO_RCVTIMEO``).
    """
    seconds = line.gettimeout()
    if not seconds:
        return
    period = struct.pack(_TIMEVAL, *divmod(round(seconds * _MICROSECONDS), _MICROSECONDS))
    line.setsockopt(SOL_SOCKET, SO_RCVTIMEO, period)
    line.setsockopt(SOL_SOCKET, SO_SNDTIMEO, period)
    line.settimeout(None)
