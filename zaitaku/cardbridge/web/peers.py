"""Which user of this computer is at the other end of a loopback connection.

All users of a computer share its loopback addresses: without this, whoever else is logged in could
open a reading on the card of the person at the reader and use up its tries. Linux tells any user
the owner of a TCP socket (``sock_diag(7)``); elsewhere this is not known and the other guards stand
alone.
"""

import os
import socket
import struct
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

SOCK_DIAG: Final = 4
"""``NETLINK_SOCK_DIAG``, ``linux/netlink.h``."""
ASK_BY_FAMILY: Final = 20
"""``SOCK_DIAG_BY_FAMILY``, ``linux/sock_diag.h``."""
ESTABLISHED: Final = 1
ROOT: Final = 0
ANSWER_SECONDS: Final = 1.0
_HEADER: Final = struct.Struct("=IHHII")
"""``struct nlmsghdr``: length, type, flags, sequence, port."""
_WHAT: Final = struct.Struct("=BBBxI")
"""Head of ``struct inet_diag_req_v2``: family, protocol, extensions, states."""
_ENDS: Final = struct.Struct("!HH4s12x4s12x")
"""Head of ``struct inet_diag_sockid``: both ports, both addresses."""
_ANY: Final = struct.pack("=III", 0, 0xFFFFFFFF, 0xFFFFFFFF)
"""Its end: any interface, no cookie."""
_FACTS: Final = struct.Struct("=xBxx48xIIII")
"""``struct inet_diag_msg``: state … expires, two queues, user."""
LOOPBACK: Final = "127.0.0.1"
"""Where the bridge listens, and where whatever connects to it stands of itself: another address of
the same network (``127.0.0.2``) has to be asked for, and makes ports ambiguous."""


class Peer(Enum):
    """Who speaks."""

    SAME_USER = "same-user"
    """Or the administrator, who may do anything and whose relays carry what users send."""
    SOMEBODY_ELSE = "somebody-else"
    UNKNOWN = "unknown"
    """This system does not tell."""


@dataclass(frozen=True)
class _End:
    """One end of a connection: its state, and the user whose it is."""

    state: int
    user: int


def peer_of(environ: Mapping[str, object]) -> Peer:
    """Return who holds the other end of the connection that ``environ`` (WSGI) came over.

    From any other address than ``LOOPBACK`` it is somebody else: a port alone could be that of a
    connection of this user's. A connection that its owner has closed belongs to nobody any more and
    counts as somebody else's, too: otherwise a form could be sent and its sender be gone before
    anybody looks.
    """
    if environ.get("REMOTE_ADDR", LOOPBACK) != LOOPBACK:
        return Peer.SOMEBODY_ELSE
    there, here = environ.get("REMOTE_PORT"), environ.get("SERVER_PORT")
    if sys.platform != "linux" or there is None:
        return Peer.UNKNOWN
    theirs, ours = int(str(there)), int(str(here))
    try:
        if _end(ours, theirs) is None:  # not even our own end is told
            return Peer.UNKNOWN
        peer = _end(theirs, ours)
    except OSError:
        return Peer.UNKNOWN
    if peer is None or peer.state != ESTABLISHED or peer.user not in {os.getuid(), ROOT}:
        return Peer.SOMEBODY_ELSE
    return Peer.SAME_USER


def _end(port: int, other: int) -> _End | None:
    """Return the end at ``port`` of the connection between the two ports of ``LOOPBACK``, or None.

    Raises:
        OSError: the kernel does not answer such questions.
    """
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, SOCK_DIAG) as asker:
        asker.settimeout(ANSWER_SECONDS)
        asker.send(_question(port, other))
        answer = asker.recv(4096)
    kind = _HEADER.unpack_from(answer)[1]
    if kind != ASK_BY_FAMILY:
        return None
    state, *_, user = _FACTS.unpack_from(answer, _HEADER.size)
    return _End(state, user)


def _question(port: int, other: int) -> bytes:
    every_state = 0xFFFFFFFF
    what = _WHAT.pack(socket.AF_INET, socket.IPPROTO_TCP, 0, every_state)
    address = socket.inet_aton(LOOPBACK)
    body = what + _ENDS.pack(port, other, address, address) + _ANY
    request = 1  # NLM_F_REQUEST
    return _HEADER.pack(_HEADER.size + len(body), ASK_BY_FAMILY, request, 1, 0) + body
