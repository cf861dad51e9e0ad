"""The functions of PC/SC, called directly (no compiled module of our own).

The same functions exist as pcsc-lite (Linux), WinSCard (Windows) and PCSC.framework (macOS); only
the widths of the C types, the names' encoding and the calling convention differ. Values from
pcsc-lite's ``pcsclite.h`` and Microsoft's "Authentication Return Values".
"""

import ctypes
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from functools import cache
from threading import Lock
from typing import Any, Final

from zaitaku.cardbridge.card.transport import (
    CardBusy,
    CardRemoved,
    CardUnresponsive,
    NoCard,
    NoReader,
    NoService,
    ReaderFault,
    TransportTrouble,
)

SCOPE_USER: Final = 0
SCOPE_SYSTEM: Final = 2
SHARE_EXCLUSIVE: Final = 1
SHARE_DIRECT: Final = 3
NO_PROTOCOL: Final = 0
PROTOCOL_T0: Final = 1
PROTOCOL_T1: Final = 2
LEAVE_CARD: Final = 0
RESET_CARD: Final = 1
FEATURE_REQUEST: Final = 3400
"""CM_IOCTL_GET_FEATURE_REQUEST (PC/SC part 10 §2.2), before each platform's own coding."""
PLUG_AND_PLAY: Final = "\\\\?PnP?\\Notification"
"""The name of no reader: it changes state when a reader comes or goes."""

_SUCCESS: Final = 0
_CODE_MASK: Final = 0xFFFFFFFF
_TIMED_OUT: Final = (0x8010000A, 0x80100002)
"""Nothing changed in time; somebody cancelled the wait."""
_NAMES_LENGTH: Final = 4096
_ATTRIBUTE_LENGTH: Final = 264
_ANSWER_LENGTH: Final = 65538
_TURN_SECONDS: Final = 0.5
"""A reader that hangs while its card is let go holds up the others for no longer."""

Troubles = dict[int, type[TransportTrouble]]

_ANYWHERE: Final[Troubles] = {
    0x80100009: NoReader,  # unknown reader
    0x8010000B: CardBusy,  # sharing violation
    0x8010000C: NoCard,
    0x80100013: NoService,  # communication error, with no card in play: it is dying
    0x80100017: NoReader,  # reader unavailable
    0x8010001D: NoService,
    0x8010001E: NoService,  # service stopped
    0x8010006A: NoService,  # it hangs up: not for this user, or it is dying
    0x8010002E: NoReader,  # no readers available
    0x80100065: CardUnresponsive,  # unsupported
    0x80100066: CardUnresponsive,
    0x80100067: CardUnresponsive,  # unpowered
    0x80100068: CardRemoved,  # reset by somebody: verified PIN and selection are gone
    0x80100069: CardRemoved,
}
_CONNECTING: Final[Troubles] = _ANYWHERE | {
    0x8010000F: CardUnresponsive,  # no common protocol
    0x80100013: CardUnresponsive,  # communication error
    0x80100016: CardUnresponsive,  # not transacted
    0x80100069: NoCard,
}
_TALKING: Final[Troubles] = _ANYWHERE | {
    # A card pulled in mid-answer shows as a broken exchange before the reader notices it is gone.
    0x00000006: CardRemoved,  # Windows: handle of a vanished session
    0x0000001F: CardRemoved,  # Windows: device not functioning
    0x80100003: CardRemoved,  # invalid handle
    0x8010000C: CardRemoved,
    0x80100013: CardRemoved,  # communication error
    0x80100016: CardRemoved,  # not transacted
    0x8010002F: CardRemoved,  # communication data lost
    0x80100067: CardRemoved,
}


class ReaderState(IntFlag):
    """What SCardGetStatusChange says about a reader, without its event counter."""

    UNAWARE = 0
    CHANGED = 0x0002
    UNKNOWN = 0x0004
    UNAVAILABLE = 0x0008
    EMPTY = 0x0010
    PRESENT = 0x0020
    EXCLUSIVE = 0x0080
    MUTE = 0x0200


class Attribute(IntEnum):
    """What a reader can be asked about itself; never the serial number, 0x00010103."""

    VENDOR_NAME = 0x00010100
    DRIVER_VERSION = 0x00010102
    """0xMMmmbbbb."""


@dataclass(frozen=True)
class Abi:
    """What differs between the platforms."""

    library: str
    dword: Any
    """ctypes type of DWORD: unsigned long with pcsc-lite (64 bits), 32 bits elsewhere."""
    long: Any
    """ctypes type of LONG, which the functions return."""
    handle: Any
    """ctypes type of a context and of a card handle."""
    suffix: str = ""
    """Of functions that take names."""
    encoding: str = "utf-8"
    scope: int = SCOPE_SYSTEM
    atr_bytes: int = 33
    """Room for an ATR in SCARD_READERSTATE."""
    is_packed: bool = False
    """SCARD_READERSTATE has no gaps."""
    control: str = "SCardControl"
    control_base: int = 0x42000000
    """What SCARD_CTL_CODE adds to a number."""
    control_shift: int = 0
    notifies: bool = True
    """``PLUG_AND_PLAY`` is known."""

    def control_code(self, number: int) -> int:
        """Return SCARD_CTL_CODE(number)."""
        return self.control_base + (number << self.control_shift)

    def reader_state(self) -> type[ctypes.Structure]:
        """Return SCARD_READERSTATE."""
        members: dict[str, object] = {
            "_fields_": [
                ("reader", ctypes.c_void_p),
                ("user_data", ctypes.c_void_p),
                ("current", self.dword),
                ("event", self.dword),
                ("atr_length", self.dword),
                ("atr", ctypes.c_ubyte * self.atr_bytes),
            ]
        }
        # Later versions of ctypes want to be told whose rules a packed structure follows.
        packed: dict[str, object] = {"_pack_": 1, "_layout_": "ms"} if self.is_packed else {}
        return type("ReaderState", (ctypes.Structure,), packed | members)


def abi_of(platform: str) -> Abi:
    """Return the binary interface of a ``sys.platform``."""
    if platform == "win32":
        return Abi(
            library="winscard.dll",
            dword=ctypes.c_uint32,
            long=ctypes.c_int32,
            handle=ctypes.c_size_t,
            suffix="W",
            encoding="utf-16-le",
            scope=SCOPE_USER,
            atr_bytes=36,
            control_base=0x00310000,  # FILE_DEVICE_SMARTCARD
            control_shift=2,
        )
    if platform == "darwin":
        return Abi(
            library="/System/Library/Frameworks/PCSC.framework/PCSC",
            dword=ctypes.c_uint32,
            long=ctypes.c_int32,
            handle=ctypes.c_int32,
            is_packed=True,
            control="SCardControl132",  # the plain name is an older function with fewer arguments
            notifies=False,
        )
    return Abi("libpcsclite.so.1", ctypes.c_ulong, ctypes.c_long, ctypes.c_long)


class Pcsc:
    """The PC/SC functions with Python's types; ``functions`` is the loaded library."""

    def __init__(self, abi: Abi, functions: object) -> None:
        self._abi = abi
        by_name, pointer = abi.suffix, ctypes.c_void_p
        dword, handle, numbers = abi.dword, abi.handle, ctypes.POINTER(abi.dword)
        declare = _Declare(functions, abi.long)
        self._establish = declare("SCardEstablishContext", dword, pointer, pointer, pointer)
        self._release = declare("SCardReleaseContext", handle)
        self._list = declare(f"SCardListReaders{by_name}", handle, pointer, pointer, numbers)
        self._connect = declare(
            f"SCardConnect{by_name}", handle, pointer, dword, dword, pointer, numbers
        )
        self._disconnect = declare("SCardDisconnect", handle, dword)
        self._transmit = declare(
            "SCardTransmit", handle, pointer, pointer, dword, pointer, pointer, numbers
        )
        self._control = declare(abi.control, handle, dword, pointer, dword, pointer, dword, numbers)
        self._attribute = declare("SCardGetAttrib", handle, dword, pointer, numbers)
        self._card = declare(
            f"SCardStatus{by_name}", handle, pointer, numbers, numbers, numbers, pointer, numbers
        )
        self._status = declare(f"SCardGetStatusChange{by_name}", handle, dword, pointer, dword)
        self._cancel = declare("SCardCancel", handle)
        self._reader_state = abi.reader_state()
        self._turn = Lock()

    @property
    def notifies(self) -> bool:
        """Whether ``PLUG_AND_PLAY`` may be asked about."""
        return self._abi.notifies

    @property
    def feature_request(self) -> int:
        """The control code that asks a reader for its features."""
        return self._abi.control_code(FEATURE_REQUEST)

    def establish(self) -> int:
        """Open a context.

        Raises:
            NoService: nobody listens.
        """
        context = self._abi.handle()
        with self._in_turn():
            code = self._establish(self._abi.scope, None, None, ctypes.byref(context))
        _check(code, _ANYWHERE)
        return int(context.value)

    def release(self, context: int) -> None:
        """Close a context; a stale one is no failure."""
        with self._in_turn():
            self._release(context)

    def list_readers(self, context: int) -> list[str]:
        """Return the readers' names.

        Raises:
            NoReader: there is none.
        """
        width = len("\0".encode(self._abi.encoding))
        names = ctypes.create_string_buffer(_NAMES_LENGTH * width)
        length = self._abi.dword(_NAMES_LENGTH)
        _check(self._list(context, None, names, ctypes.byref(length)), _ANYWHERE)
        text = names.raw[: length.value * width].decode(self._abi.encoding)
        found = [name for name in text.split("\0") if name]
        if not found:
            raise NoReader
        return found

    def connect(self, context: int, reader: str) -> tuple[int, int]:
        """Return a handle on the card, held alone, and the protocol it speaks.

        Raises:
            TransportTrouble: as its subclasses say.
        """
        return self._connected(context, reader, SHARE_EXCLUSIVE, PROTOCOL_T0 | PROTOCOL_T1)

    def connect_reader(self, context: int, reader: str) -> int:
        """Return a handle on the reader itself; a card may be there or not, and is left alone.

        Raises:
            TransportTrouble: as its subclasses say; CardBusy while somebody holds the card alone.
        """
        return self._connected(context, reader, SHARE_DIRECT, NO_PROTOCOL)[0]

    def _connected(self, context: int, reader: str, share: int, protocols: int) -> tuple[int, int]:
        handle, protocol = self._abi.handle(), self._abi.dword()
        code = self._connect(
            context,
            f"{reader}\0".encode(self._abi.encoding),
            share,
            protocols,
            ctypes.byref(handle),
            ctypes.byref(protocol),
        )
        _check(code, _CONNECTING)
        return int(handle.value), int(protocol.value)

    def disconnect(self, handle: int, disposition: int = RESET_CARD) -> None:
        """Let the card go, reset unless told otherwise; a vanished card is no failure."""
        with self._in_turn():
            self._disconnect(handle, disposition)

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        # pcsc-lite's SCardDisconnect walks the list of contexts without its lock, while
        # SCardEstablishContext and SCardReleaseContext change it (1.9.9): together they crash.
        is_alone = self._turn.acquire(timeout=_TURN_SECONDS)
        try:
            yield
        finally:
            if is_alone:
                self._turn.release()

    def control(self, handle: int, code: int, data: bytes) -> bytes:
        """Send words to the reader itself and return its answer.

        Raises:
            TransportTrouble: as its subclasses say; ReaderFault when it does not know the code.
        """
        answer = ctypes.create_string_buffer(_ANSWER_LENGTH)
        length = self._abi.dword(0)
        status = self._control(
            handle, code, data, len(data), answer, _ANSWER_LENGTH, ctypes.byref(length)
        )
        _check(status, _TALKING)
        return ctypes.string_at(answer, min(length.value, _ANSWER_LENGTH))

    def attribute(self, handle: int, attribute: Attribute) -> bytes:
        """Return what a reader says about itself; empty when it does not."""
        answer = ctypes.create_string_buffer(_ATTRIBUTE_LENGTH)
        length = self._abi.dword(_ATTRIBUTE_LENGTH)
        status = self._attribute(handle, int(attribute), answer, ctypes.byref(length))
        if status & _CODE_MASK != _SUCCESS:
            return b""
        return ctypes.string_at(answer, min(length.value, _ATTRIBUTE_LENGTH))

    def atr(self, handle: int) -> bytes:
        """Return the card's answer to reset; empty when it cannot be had."""
        names = ctypes.create_string_buffer(_NAMES_LENGTH)  # asked for by some, used by nobody
        answer = ctypes.create_string_buffer(self._abi.atr_bytes)
        length = self._abi.dword(self._abi.atr_bytes)
        numbers = [self._abi.dword(each) for each in (_NAMES_LENGTH // 2, 0, 0)]
        pointers = [ctypes.byref(number) for number in numbers]
        status = self._card(handle, names, *pointers, answer, ctypes.byref(length))
        if status & _CODE_MASK != _SUCCESS:
            return b""
        return ctypes.string_at(answer, min(length.value, self._abi.atr_bytes))

    def wait(self, context: int, known: Mapping[str, int], seconds: float) -> dict[str, int]:
        """Wait until a reader is no longer as in ``known``; return how they all are then.

        A state is what was returned before, or ``ReaderState.UNAWARE`` to be told at once. After
        ``seconds`` ``known`` is returned. The upper half of a state counts comings and goings.

        Raises:
            TransportTrouble: as its subclasses say.
        """
        names = {name: self._named(name) for name in known}
        states = (self._reader_state * len(known))()
        for state, (name, current) in zip(states, known.items(), strict=True):
            state.reader = ctypes.addressof(names[name])
            state.current = current
        code = self._status(context, round(seconds * 1000), states, len(known))
        if code & _CODE_MASK in _TIMED_OUT:
            return dict(known)
        _check(code, _ANYWHERE)
        events = (int(state.event) & ~int(ReaderState.CHANGED) for state in states)
        return dict(zip(known, events, strict=True))

    def cancel(self, context: int) -> None:
        """End a wait in another thread."""
        self._cancel(context)

    def _named(self, name: str) -> ctypes.Array[ctypes.c_char]:
        return ctypes.create_string_buffer(f"{name}\0".encode(self._abi.encoding))

    def transmit(self, handle: int, protocol: int, command: bytes | bytearray) -> bytes:
        """Send a command and return the answer; the copy of the command is wiped.

        Raises:
            TransportTrouble: as its subclasses say.
        """
        dword = self._abi.dword
        header = (dword * 2)(protocol, ctypes.sizeof(dword) * 2)  # SCARD_IO_REQUEST
        sent = (ctypes.c_ubyte * len(command)).from_buffer_copy(command)
        answer = ctypes.create_string_buffer(_ANSWER_LENGTH)
        length = dword(_ANSWER_LENGTH)
        try:
            code = self._transmit(
                handle, header, sent, len(command), None, answer, ctypes.byref(length)
            )
        finally:
            ctypes.memset(sent, 0, len(command))
        _check(code, _TALKING)
        return ctypes.string_at(answer, length.value)


class _Declare:
    """Gives functions their argument types: without them ctypes would cut handles to 32 bits."""

    def __init__(self, functions: object, result: object) -> None:
        self._functions = functions
        self._result = result

    def __call__(self, name: str, *arguments: object) -> Callable[..., int]:
        function = getattr(self._functions, name)
        function.argtypes = arguments
        function.restype = self._result
        declared: Callable[..., int] = function
        return declared


@cache  # the turns are the library's, of which a process has one
def load_pcsc() -> Pcsc:
    """Load this platform's library, once.

    Raises:
        NoService: it is not installed.
    """
    abi = abi_of(sys.platform)
    try:
        return Pcsc(abi, _load(abi.library))
    except (OSError, AttributeError) as error:
        raise NoService(abi.library) from error


def _load(library: str) -> ctypes.CDLL:
    if sys.platform == "win32":
        return ctypes.WinDLL(library)
    return ctypes.CDLL(library)


def _check(code: int, troubles: Troubles) -> None:
    status = code & _CODE_MASK  # 32-bit platforms return it as a negative number
    if status != _SUCCESS:
        raise troubles.get(status, ReaderFault)(f"{status:08X}")
