"""Commands to a card and its answers (ISO/IEC 7816-4:2020 §5), short and extended.

Nothing here shows the data of a command or an answer: a command may carry a PIN.
"""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, Self

from zaitaku.cardbridge.card.transport import CardConnection

SHORT_LC: Final = 0xFF
SHORT_LE: Final = 0x100
EXTENDED_LC: Final = 0xFFFF
EXTENDED_LE: Final = 0x10000
LONGEST_ANSWER: Final = EXTENDED_LE
"""Bytes that ``exchange`` collects over GET RESPONSE before it takes the card for broken."""

MOST_PARTS: Final = 2 * LONGEST_ANSWER // SHORT_LE
"""GET RESPONSEs to one command; a card that gives a byte at a time would take minutes."""

_HEADER: Final = 4
_EXTENDED_HEAD: Final = 3
_STATUS_BYTES: Final = 2
_TRIES: Final = 0x63C0
_MORE_DATA: Final = 0x61
_WRONG_LE: Final = 0x6C


class MalformedApdu(Exception):
    """Bytes that are no APDU, or an answer without end; the text names the part, never data."""


class Instruction(IntEnum):
    """Instruction bytes in use."""

    VERIFY = 0x20
    PERFORM_SECURITY_OPERATION = 0x2A
    SELECT = 0xA4
    READ_BINARY = 0xB0
    GET_RESPONSE = 0xC0


@dataclass(frozen=True)
class Status:
    """The two status bytes that end every answer."""

    value: int

    @property
    def sw1(self) -> int:
        """The first byte."""
        return self.value >> 8

    @property
    def sw2(self) -> int:
        """The second byte."""
        return self.value & 0xFF

    @property
    def tries_left(self) -> int | None:
        """The counter in ``63Cx``; None for any other status."""
        return self.value & 0x0F if self.value & 0xFFF0 == _TRIES else None

    def __str__(self) -> str:
        return f"{self.value:04X}"


SUCCESS: Final = Status(0x9000)
END_OF_FILE: Final = Status(0x6282)
MEMORY_FAILURE: Final = Status(0x6581)
WRONG_LENGTH: Final = Status(0x6700)
SECURITY_STATUS_NOT_SATISFIED: Final = Status(0x6982)
AUTHENTICATION_BLOCKED: Final = Status(0x6983)
REFERENCE_DATA_UNUSABLE: Final = Status(0x6984)
CONDITIONS_NOT_SATISFIED: Final = Status(0x6985)
FILE_NOT_FOUND: Final = Status(0x6A82)
WRONG_PARAMETERS: Final = Status(0x6A86)
REFERENCE_DATA_NOT_FOUND: Final = Status(0x6A88)
WRONG_OFFSET: Final = Status(0x6B00)
INSTRUCTION_UNKNOWN: Final = Status(0x6D00)
CLASS_UNKNOWN: Final = Status(0x6E00)


def tries_left_status(count: int) -> Status:
    """Return ``63Cx`` for a counter of 0 to 15."""
    return Status(_TRIES | count)


def wrong_le_status(available: int) -> Status:
    """Return ``6Cxx``: ask again for exactly ``available`` bytes (1 to 256)."""
    return Status(_WRONG_LE << 8 | available & 0xFF)


@dataclass(frozen=True)
class Command:
    """A command APDU; ``le`` is the number of bytes expected back (None: none, 256 or 65536)."""

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes | bytearray = field(default=b"", repr=False)
    le: int | None = None

    def encode(self) -> bytearray:
        """Return the bytes to send, in the short form where it fits; the caller may wipe them.

        Raises:
            MalformedApdu: a length does not fit the extended form either.
        """
        if len(self.data) > EXTENDED_LC or not 0 < (self.le or 1) <= EXTENDED_LE:
            raise MalformedApdu("length")
        out = bytearray((self.cla, self.ins, self.p1, self.p2))
        if len(self.data) <= SHORT_LC and (self.le or 0) <= SHORT_LE:
            self._append_short(out)
        else:
            self._append_extended(out)
        return out

    def _append_short(self, out: bytearray) -> None:
        if self.data:
            out.append(len(self.data))
            out += self.data
        if self.le is not None:
            out.append(self.le & 0xFF)

    def _append_extended(self, out: bytearray) -> None:
        out.append(0)
        if self.data:
            out += len(self.data).to_bytes(2)
            out += self.data
        if self.le is not None:
            out += (self.le & 0xFFFF).to_bytes(2)

    @classmethod
    def decode(cls, raw: bytes | bytearray) -> Self:
        """Read a command as a card does.

        Raises:
            MalformedApdu: no header, or Lc and Le do not fit what follows.
        """
        if len(raw) < _HEADER:
            raise MalformedApdu("header")
        data, le = _decode_body(bytes(raw[_HEADER:]))
        return cls(raw[0], raw[1], raw[2], raw[3], data, le)


def _decode_body(body: bytes) -> tuple[bytes, int | None]:
    if len(body) >= _EXTENDED_HEAD and body[0] == 0:
        return _decode_lengths(body[1:], width=2)
    return _decode_lengths(body, width=1)


def _decode_lengths(body: bytes, *, width: int) -> tuple[bytes, int | None]:
    if not body:
        return b"", None
    first, rest = int.from_bytes(body[:width]), body[width:]
    if not rest:
        return b"", first or 1 << 8 * width
    data, tail = rest[:first], rest[first:]
    if first == 0 or len(data) != first or len(tail) not in (0, width):
        raise MalformedApdu("body")
    return data, (int.from_bytes(tail) or 1 << 8 * width) if tail else None


@dataclass(frozen=True)
class Response:
    """A response APDU: data and status."""

    data: bytes = field(repr=False)
    status: Status

    def encode(self) -> bytes:
        """Return the bytes that a card sends."""
        return self.data + self.status.value.to_bytes(2)

    @classmethod
    def decode(cls, raw: bytes) -> Self:
        """Read an answer.

        Raises:
            MalformedApdu: shorter than a status.
        """
        if len(raw) < _STATUS_BYTES:
            raise MalformedApdu("status")
        return cls(raw[:-_STATUS_BYTES], Status(int.from_bytes(raw[-_STATUS_BYTES:])))


def exchange(connection: CardConnection, command: Command) -> Response:
    """Send ``command`` and return its whole answer.

    ``6Cxx`` repeats a command that expects data once with the length the card names: the card has
    not carried it out. A command without Le (VERIFY above all) is never sent twice. ``61xx`` is
    followed by GET RESPONSE until the last part is here (ISO/IEC 7816-4:2020 §5.3.4, §7.6.1).

    Raises:
        MalformedApdu: the card sends no status, or parts without end.
        TransportTrouble: as the connection says.
    """
    answer = _send(connection, command)
    if answer.status.sw1 == _WRONG_LE and command.le is not None:
        answer = _send(connection, _with_le(command, answer.status))
    return _collect(connection, answer)


def _collect(connection: CardConnection, answer: Response) -> Response:
    data, parts = answer.data, 0
    while answer.status.sw1 == _MORE_DATA:
        parts += 1
        answer = _send(connection, _get_response(answer.status.sw2))
        if answer.status.sw1 == _WRONG_LE:
            answer = _send(connection, _get_response(answer.status.sw2))
        if answer.status.sw1 == _MORE_DATA and not answer.data:
            raise MalformedApdu("empty part")
        data += answer.data
        if len(data) > LONGEST_ANSWER or parts > MOST_PARTS:
            raise MalformedApdu("answer without end")
    return Response(data, answer.status)


def _send(connection: CardConnection, command: Command) -> Response:
    raw = command.encode()
    try:
        return Response.decode(connection.transmit(raw))
    finally:
        raw[:] = bytes(len(raw))


def _with_le(command: Command, status: Status) -> Command:
    return Command(
        command.cla, command.ins, command.p1, command.p2, command.data, status.sw2 or SHORT_LE
    )


def _get_response(available: int) -> Command:
    return Command(0x00, Instruction.GET_RESPONSE, 0, 0, le=available or SHORT_LE)
