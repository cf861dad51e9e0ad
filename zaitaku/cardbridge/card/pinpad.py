"""Typing the PIN on the reader's own keys, so that the computer never sees it.

PC/SC part 10, "IFDs with Secure PIN Entry Capabilities", 2.02.09: the reader tells which control
code verifies a PIN, and is given how to put the digits into the command that goes to the card.

Readers with a firewall let a PIN command pass only from their own keys and answer a typed one
themselves, each make in its own way; ``PadNeeded`` is for that. Some makes show only messages in
languages of their own, so the words that matter stand on the page.
"""

import struct
from dataclasses import dataclass
from typing import Final, Self

from zaitaku.cardbridge.card.apdu import MalformedApdu, Response, Status
from zaitaku.cardbridge.card.transport import (
    CardBusy,
    CardRemoved,
    CardTrouble,
    CardUnresponsive,
    NoCard,
    NoReader,
    NoService,
    ReaderControl,
    TransportTrouble,
)

FEATURE_VERIFY_PIN_DIRECT: Final = 0x06
ENTRY_SECONDS: Final = 30
"""Until the first key, and again from there to the last: most readers wait no longer anyway."""

TIMED_OUT: Final = Status(0x6400)
CANCELLED: Final = Status(0x6401)
WRONG_COUNT: Final = Status(0x6403)
BAD_STRUCTURE: Final = (Status(0x6480), Status(0x6B80))
"""The reader does not take what it was told (part 10 §2.6; the second from Windows drivers)."""

_VERIFY: Final = struct.Struct("<BBBBBHBBHB3sI")
"""PIN_VERIFY_STRUCTURE: packed, in the byte order of all machines that PC/SC runs on."""
_FEATURE: Final = struct.Struct(">BBI")
"""PCSC_TLV_STRUCTURE: its value is big-endian on every machine."""
_FEATURE_BYTES: Final = 4
_BYTES_LEFT_ASCII: Final = 0x82
"""bmFormatString: unit is a byte, digits begin at the first one, left-justified, as ASCII."""
_NO_LENGTH: Final = 0x00
_CONFIRMED: Final = 0x02
"""bEntryValidationCondition: the confirming key. Some makes know no other, and it lets the patient
look before the card is asked."""
_ONE_MESSAGE: Final = 0x01
_ENGLISH: Final = 0x0409
"""The only language that every reader with a display knows."""
_BLANK: Final = 0xFF
_HEADER_BYTES: Final = 4


class PadTimedOut(CardTrouble):
    """Nobody typed on the reader's keys in time; the card was not asked and no try was used."""

    code = "pad-timed-out"


class PadCancelled(CardTrouble):
    """The cancel key was pressed; the card was not asked and no try was used."""

    code = "pad-cancelled"


class PadCount(CardTrouble):
    """Too few or too many digits; the card was not asked and no try was used."""

    code = "pad-count"


class PadUnusable(CardTrouble):
    """The reader has no keys after all, or does not take the command: type on the screen."""

    code = "pad-unusable"


class PadNeeded(CardTrouble):
    """The reader keeps PINs back that come from the computer: type on its keys."""

    code = "pad-needed"


@dataclass(frozen=True)
class PinEntry:
    """How a PIN of a fixed count of ASCII digits goes into a command (PIN_VERIFY_STRUCTURE)."""

    header: bytes
    """CLA, INS, P1, P2 of the command."""
    digits: int
    seconds: int = ENTRY_SECONDS

    def encode(self) -> bytes:
        """Return the bytes for the reader."""
        command = bytes((*self.header, self.digits, *[_BLANK] * self.digits))
        head = _VERIFY.pack(
            self.seconds,
            self.seconds,
            _BYTES_LEFT_ASCII,
            self.digits,
            _NO_LENGTH,
            self.digits << 8 | self.digits,  # fewest, most
            _CONFIRMED,
            _ONE_MESSAGE,
            _ENGLISH,
            0,
            bytes(3),
            len(command),
        )
        return head + command

    @classmethod
    def decode(cls, raw: bytes) -> Self:
        """Read it as a reader does.

        Raises:
            ValueError: it is none, or not of the one form that ``encode`` makes.
        """
        if len(raw) <= _VERIFY.size + _HEADER_BYTES:
            raise ValueError("length")
        header, rest = raw[_VERIFY.size :][:_HEADER_BYTES], raw[_VERIFY.size + _HEADER_BYTES :]
        entry = cls(header, digits=rest[0], seconds=raw[0])
        if entry.encode() != raw:
            raise ValueError("form")
        return entry


class PinPad:
    """The keys of one reader, while a session with its card is open."""

    def __init__(self, reader: ReaderControl, code: int) -> None:
        self._reader = reader
        self._code = code

    def enter(self, entry: PinEntry) -> Status:
        """Have the digits typed and shown to the card; return what the card says.

        Raises:
            PadTimedOut, PadCancelled, PadCount: the card was not asked.
            PadUnusable: the reader does not do it.
            TransportTrouble: card or reader went away.
        """
        try:
            raw = self._reader.control(self._code, entry.encode())
        except _GONE:
            raise
        except TransportTrouble as error:
            raise PadUnusable(error.detail) from error
        try:
            return _checked(Response.decode(raw).status)
        except MalformedApdu as error:
            raise PadUnusable(str(error)) from error


_GONE: Final = (NoService, NoReader, NoCard, CardBusy, CardRemoved, CardUnresponsive)


def _checked(status: Status) -> Status:
    told: dict[Status, type[CardTrouble]] = {
        TIMED_OUT: PadTimedOut,
        CANCELLED: PadCancelled,
        WRONG_COUNT: PadCount,
        **dict.fromkeys(BAD_STRUCTURE, PadUnusable),
    }
    if status in told:
        raise told[status](str(status))
    return status


def pad_of(connection: object) -> PinPad | None:
    """Return the keys of the reader behind ``connection``; None when it has none."""
    if not isinstance(connection, ReaderControl):
        return None
    try:
        features = connection.control(connection.feature_request, b"")
    except TransportTrouble:  # most readers: they know no feature, or not even the question
        return None
    code = features_in(features).get(FEATURE_VERIFY_PIN_DIRECT)
    return None if code is None else PinPad(connection, code)


def features_in(raw: bytes) -> dict[int, int]:
    """Return the control code of each feature; what follows a damaged entry is passed over."""
    found: dict[int, int] = {}
    for at in range(0, len(raw) - _FEATURE.size + 1, _FEATURE.size):
        tag, length, code = _FEATURE.unpack_from(raw, at)
        if length != _FEATURE_BYTES:
            break
        found[tag] = code
    return found


def features_out(codes: dict[int, int]) -> bytes:
    """Return the answer of a reader that has these features."""
    return b"".join(_FEATURE.pack(tag, _FEATURE_BYTES, code) for tag, code in codes.items())
