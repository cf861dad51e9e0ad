"""Whether a TCP connection stands and is quiet, found out without letting go of the interpreter.

``poll`` hands it to another thread, even where nothing is waited for, and who asks so before each
question waits for its return each time. Reading an option of the socket does not.
"""

import socket
from typing import Final

_INFO: Final[int | None] = getattr(socket, "TCP_INFO", None)
"""Linux's; elsewhere nothing is sure in this way."""
_MEMORY: Final = 55
"""``SO_MEMINFO`` (Linux, ``<asm-generic/socket.h>``): what lies in the socket's queues."""
_MEMORY_BYTES: Final = 9 * 4
"""All that it tells. On machines whose number for it is another, that one tells less."""
_ESTABLISHED: Final = 1
"""The first byte of ``struct tcp_info`` while neither end has closed (``tcp(7)``)."""
_NOTHING: Final = bytes(4)


def is_surely_quiet(line: socket.socket) -> bool:
    """Tell whether neither end has closed, and nothing that came waits to be read.

    Where it is false, the answer may only be unknown: then the slower ways are to be asked.
    """
    if _INFO is None:
        return False
    try:
        state = line.getsockopt(socket.IPPROTO_TCP, _INFO, 1)
        memory = line.getsockopt(socket.SOL_SOCKET, _MEMORY, _MEMORY_BYTES)
    except OSError:
        return False
    is_empty = len(memory) == _MEMORY_BYTES and memory[:4] == _NOTHING
    return state[0] == _ESTABLISHED and is_empty


def is_number_surely_quiet(number: int) -> bool:
    """Tell the same of the socket with this file number, which stays its owner's."""
    try:
        seen = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, fileno=number)
    except (OSError, ValueError):
        return False
    try:
        return is_surely_quiet(seen)
    finally:
        seen.detach()
