"""Whether a TCP connection still stands, found out without letting go of the interpreter.

``poll`` hands it to another thread, even where nothing is waited for, and who asks so before each
question waits for its return each time. Reading an option of the socket does not.
"""

import socket
from typing import Final

_INFO: Final[int | None] = getattr(socket, "TCP_INFO", None)
"""Linux's; elsewhere nobody can tell in this way."""
_ESTABLISHED: Final = 1
"""The first byte of ``struct tcp_info`` while neither end has closed (``tcp(7)``)."""


def is_established(number: int) -> bool | None:
    """Tell whether neither end of the socket with this file number has closed it.

    ``None``: it is no TCP, or the system does not tell.
    """
    if _INFO is None:
        return None
    try:
        seen = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, fileno=number)
    except (OSError, ValueError):
        return False
    try:
        return seen.getsockopt(socket.IPPROTO_TCP, _INFO, 1)[0] == _ESTABLISHED
    except OSError:
        return None
    finally:
        seen.detach()  # it is another's to close
