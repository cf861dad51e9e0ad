"""The transport to real readers: PC/SC, called directly (no compiled module of our own).

The same functions exist as pcsc-lite (Linux), WinSCard (Windows) and PCSC.framework (macOS); only
the widths of the C types, the names' encoding and the calling convention differ. Values from
pcsc-lite's ``pcsclite.h`` and Microsoft's "Authentication Return Values".
"""

import ctypes
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from zaitaku.cardbridge.transport import (
    CardBusy,
    CardConnection,
    CardRemoved,
    CardUnresponsive,
    NoCard,
    NoReader,
    NoService,
    ReaderFault,
    TransportTrouble,
)

PATIENCE_SECONDS: Final = 1.5
"""Windows looks into each new card for certificates, which keeps it busy for about a second."""
RETRY_SECONDS: Final = 0.1

SCOPE_USER: Final = 0
SCOPE_SYSTEM: Final = 2
SHARE_EXCLUSIVE: Final = 1
PROTOCOL_T0: Final = 1
PROTOCOL_T1: Final = 2
RESET_CARD: Final = 1

_SUCCESS: Final = 0
_CODE_MASK: Final = 0xFFFFFFFF
_NAMES_LENGTH: Final = 4096
_ANSWER_LENGTH: Final = 65538

Troubles = dict[int, type[TransportTrouble]]

_ANYWHERE: Final[Troubles] = {
    0x80100009: NoReader,  # unknown reader
    0x8010000B: CardBusy,  # sharing violation
    0x8010000C: NoCard,
    0x80100017: NoReader,  # reader unavailable
    0x8010001D: NoService,
    0x8010001E: NoService,  # service stopped
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
        )
    if platform == "darwin":
        return Abi(
            library="/System/Library/Frameworks/PCSC.framework/PCSC",
            dword=ctypes.c_uint32,
            long=ctypes.c_int32,
            handle=ctypes.c_int32,
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

    def establish(self) -> int:
        """Open a context.

        Raises:
            NoService: nobody listens.
        """
        context = self._abi.handle()
        code = self._establish(self._abi.scope, None, None, ctypes.byref(context))
        _check(code, _ANYWHERE)
        return int(context.value)

    def release(self, context: int) -> None:
        """Close a context; a stale one is no failure."""
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
        handle, protocol = self._abi.handle(), self._abi.dword()
        code = self._connect(
            context,
            f"{reader}\0".encode(self._abi.encoding),
            SHARE_EXCLUSIVE,
            PROTOCOL_T0 | PROTOCOL_T1,
            ctypes.byref(handle),
            ctypes.byref(protocol),
        )
        _check(code, _CONNECTING)
        return int(handle.value), int(protocol.value)

    def disconnect(self, handle: int) -> None:
        """Let the card go with a reset; a vanished card is no failure."""
        self._disconnect(handle, RESET_CARD)

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


def load_pcsc() -> Pcsc:
    """Load this platform's library.

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


class PcscService:
    """The readers of this computer."""

    def __init__(
        self, load: Callable[[], Pcsc] = load_pcsc, *, patience: float = PATIENCE_SECONDS
    ) -> None:
        """Load nothing yet; ``patience`` is how many seconds a busy card is waited for."""
        self._load = load
        self._loaded: Pcsc | None = None
        self._patience = patience

    def readers(self) -> list[str]:
        """Return the readers' names.

        Raises:
            NoService, NoReader, ReaderFault
        """
        pcsc = self._pcsc()
        context = pcsc.establish()
        try:
            return pcsc.list_readers(context)
        finally:
            pcsc.release(context)

    def connect(self, reader: str) -> CardConnection:
        """Take the card in ``reader`` alone, in a context of its own.

        Raises:
            NoService, NoReader, NoCard, CardBusy, CardUnresponsive, ReaderFault
        """
        pcsc = self._pcsc()
        context = pcsc.establish()
        try:
            handle, protocol = self._take(pcsc, context, reader)
        except BaseException:
            pcsc.release(context)
            raise
        return PcscConnection(pcsc, context, handle, protocol)

    def _take(self, pcsc: Pcsc, context: int, reader: str) -> tuple[int, int]:
        deadline = time.monotonic() + self._patience
        while True:
            try:
                return pcsc.connect(context, reader)
            except CardBusy:
                if time.monotonic() >= deadline:
                    raise
            time.sleep(RETRY_SECONDS)

    def _pcsc(self) -> Pcsc:
        if self._loaded is None:
            self._loaded = self._load()
        return self._loaded


class PcscConnection:
    """A session with a real card."""

    def __init__(self, pcsc: Pcsc, context: int, handle: int, protocol: int) -> None:
        self._pcsc = pcsc
        self._context = context
        self._handle = handle
        self._protocol = protocol
        self._open = True

    def transmit(self, command: bytes | bytearray) -> bytes:
        """Send one command.

        Raises:
            CardRemoved: the session is over; and other ``TransportTrouble``.
        """
        if not self._open:
            raise CardRemoved("closed")
        return self._pcsc.transmit(self._handle, self._protocol, command)

    def close(self) -> None:
        """Reset the card and let it go."""
        if self._open:
            self._open = False
            self._pcsc.disconnect(self._handle)
            self._pcsc.release(self._context)


def _check(code: int, troubles: Troubles) -> None:
    status = code & _CODE_MASK  # 32-bit platforms return it as a negative number
    if status != _SUCCESS:
        raise troubles.get(status, ReaderFault)(f"{status:08X}")
