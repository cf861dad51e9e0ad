"""Connections to Redis whose waits are bounded by the kernel, and not by Python.

A socket to which Python itself gives a timeout is looked at before each word that is sent or read
(``poll``). Every such look hands the interpreter to another thread and has to wait until it comes
back, which under load takes longer than the answer.

The kernel bounds each single wait: one that a signal interrupts begins anew (PEP 475), and a large
entry that a server takes little by little would never be too late. So large ones are sent by
Python's clock; the small ones, which all pages send, go out at once.
"""

import struct
from contextlib import suppress
from socket import SO_RCVTIMEO, SO_SNDTIMEO, SOL_SOCKET, socket
from typing import Any, Final

from redis.connection import Connection
from redis.exceptions import ConnectionError as Broken
from redis.exceptions import TimeoutError as Silent
from redis.sentinel import SentinelManagedConnection

LARGE: Final = 16 * 1024
"""Bytes of a command that may not fit into what the kernel keeps for sending."""
_TIMEVAL: Final = "@ll"
"""Seconds and microseconds (POSIX.1-2017, ``<sys/time.h>``)."""
_MICROSECONDS: Final = 1_000_000


class KernelWaits:
    """Hands a connection's timeout to the kernel, and says ``TimeoutError`` as before.

    Not for TLS: its library takes a wait that is over for one that goes on.
    """

    _own: socket
    _seconds: float | None

    def _connect(self) -> socket:
        self._own = super()._connect()  # type: ignore[misc]
        self._seconds = self._own.gettimeout()
        bound_waits(self._own)
        return self._own

    def send_packed_command(self, command: Any, *rest: Any, **named: Any) -> None:  # noqa: ANN401
        """Send a command; a large one by Python's clock."""
        parts = [command] if isinstance(command, bytes | str) else list(command)
        is_large = sum(map(len, parts)) > LARGE and self.is_connected  # type: ignore[attr-defined]
        former = self._own.gettimeout() if is_large else None
        if is_large:
            self._own.settimeout(self._seconds)
        try:
            super().send_packed_command(parts, *rest, **named)  # type: ignore[misc]
        except Broken as error:
            _tell_silence(error)
            raise
        finally:
            if is_large:
                with suppress(OSError):  # it is closed
                    self._own.settimeout(former)

    def read_response(self, *rest: Any, **named: Any) -> Any:  # noqa: ANN401
        """Return the next answer."""
        try:
            return super().read_response(*rest, **named)  # type: ignore[misc]
        except Broken as error:
            _tell_silence(error)
            raise


class BoundedConnection(KernelWaits, Connection):
    """A connection to one server."""


class BoundedSentinelConnection(KernelWaits, SentinelManagedConnection):
    """A connection to whichever server is the primary."""


def bound_waits(line: socket) -> None:
    """Let the kernel end what waits longer than ``line``'s timeout, which it loses.

    Who waits in vain gets ``BlockingIOError`` (``socket(7)``, ``SO_RCVTIMEO``). Where the system
    measures in other units, Python's timeout stays.
    """
    seconds = line.gettimeout()
    if not seconds:
        return
    microseconds = max(1, round(seconds * _MICROSECONDS))
    period = struct.pack(_TIMEVAL, *divmod(microseconds, _MICROSECONDS))
    with suppress(OSError):
        line.setsockopt(SOL_SOCKET, SO_RCVTIMEO, period)
        line.setsockopt(SOL_SOCKET, SO_SNDTIMEO, period)
        line.settimeout(None)


def _tell_silence(error: Broken) -> None:
    if isinstance(error.__context__, BlockingIOError):
        raise Silent("no answer in time") from error
