"""A PC/SC library made of Python functions that answer as a test tells them."""

import ctypes
from collections.abc import Callable
from typing import Any, Protocol

from zaitaku.cardbridge.pcsc.api import Abi

CONTEXT, HANDLE, PROTOCOL = 77, 99, 2
READERS = ("Reader A", "Läser B")
EMPTY, PRESENT, CHANGED = 0x10, 0x20, 0x02
UNKNOWN_READER, TIMED_OUT, UNSUPPORTED = 0x80100009, 0x8010000A, 0x8010001F


class Reference(Protocol):
    """What ``ctypes.byref`` makes."""

    _obj: ctypes.c_ulong


Buffer = ctypes.Array[ctypes.c_ubyte]


class Refused(Exception):
    """A function of the library fails with ``code``."""

    def __init__(self, code: int) -> None:
        super().__init__(f"{code:08X}")
        self.code = code


class Library:
    """Has the functions under the names of a platform; ``codes`` are statuses to fail with."""

    def __init__(self, abi: Abi, **codes: int) -> None:
        self.abi = abi
        self.codes = codes
        self.calls: list[str] = []
        self.names = "\0".join(READERS) + "\0\0"
        self.command = b""
        self.answer = b"\x90\x00"
        self.sent: Buffer | None = None
        self.shares: list[tuple[int, int]] = []
        self.dispositions: list[int] = []
        self.controls: list[tuple[int, bytes]] = []
        self.answers: dict[int, bytes] = {}
        """What the reader answers to each control code; it knows no others."""
        self.attributes: dict[int, bytes] = {}
        self.atr = bytes.fromhex("3be000ff8131fe4514")
        self.states = dict.fromkeys(READERS, EMPTY)
        for name, function in self._functions().items():
            named = name in {"ListReaders", "Connect", "GetStatusChange", "Status"}
            full = abi.control if name == "Control" else f"SCard{name}{abi.suffix if named else ''}"
            setattr(self, full, self._told(name, function))

    def _functions(self) -> dict[str, Callable[..., None]]:
        return {
            "EstablishContext": self._establish,
            "ReleaseContext": self._release,
            "ListReaders": self._list,
            "Connect": self._connect,
            "Disconnect": self._disconnect,
            "Transmit": self._transmit,
            "Control": self._control,
            "GetAttrib": self._attribute,
            "GetStatusChange": self._status,
            "Status": self._card,
            "Cancel": self._release,
        }

    def _told(self, name: str, function: Callable[..., None]) -> Callable[..., int]:
        def told(*arguments: object) -> int:
            self.calls.append(name)
            code = self.codes.get(name, 0)
            try:
                if code == 0:
                    function(*arguments)
            except Refused as refused:
                code = refused.code
            return int(self.abi.long(code).value)

        return told

    def _establish(self, *arguments: Reference) -> None:
        arguments[3]._obj.value = CONTEXT

    def _release(self, context: int) -> None:
        assert context == CONTEXT

    def _list(self, context: int, groups: None, names: Buffer, length: Reference) -> None:
        encoded = self.names.encode(self.abi.encoding)
        ctypes.memmove(names, encoded, len(encoded))
        length._obj.value = len(self.names)

    def _connect(self, context: int, name: bytes, *rest: object) -> None:
        share, protocols, handle, active = rest
        assert name.decode(self.abi.encoding).removesuffix("\0") in READERS
        assert isinstance(share, int)
        assert isinstance(protocols, int)
        self.shares.append((share, protocols))
        _set(handle, HANDLE)
        _set(active, PROTOCOL)

    def _disconnect(self, handle: int, disposition: int) -> None:
        assert handle == HANDLE
        self.dispositions.append(disposition)

    def _control(self, handle: int, code: int, data: bytes, count: int, *rest: object) -> None:
        answer, room, length = rest
        assert (handle, count) == (HANDLE, len(data))
        assert isinstance(answer, ctypes.Array)
        assert ctypes.sizeof(answer) == room
        self.controls.append((code, data))
        if code not in self.answers:
            raise Refused(UNSUPPORTED)
        _fill(answer, length, self.answers[code])

    def _attribute(self, handle: int, attribute: int, answer: Buffer, length: object) -> None:
        assert handle == HANDLE
        if attribute not in self.attributes:
            raise Refused(UNSUPPORTED)
        _fill(answer, length, self.attributes[attribute])

    def _card(self, handle: int, names: Buffer, length: Reference, *rest: object) -> None:
        _, protocol, atr, count = rest
        assert handle == HANDLE
        assert isinstance(atr, ctypes.Array)
        assert length._obj.value * len("\0".encode(self.abi.encoding)) <= len(names)
        _set(protocol, PROTOCOL)
        _fill(atr, count, self.atr)

    def _status(
        self, context: int, milliseconds: int, states: ctypes.Array[ctypes.Structure], count: int
    ) -> None:
        assert (context, count) == (CONTEXT, len(states))
        is_other = False
        for state in states:
            now = self.states.get(self._name_at(state.reader))
            if now is None:
                raise Refused(UNKNOWN_READER)
            state.event = now | (CHANGED if state.current != now else 0)
            is_other = is_other or state.current != now
        if not is_other:
            raise Refused(TIMED_OUT)

    def _name_at(self, address: int) -> str:
        width = len("\0".encode(self.abi.encoding))
        raw = bytearray()
        while (unit := ctypes.string_at(address + len(raw), width)) != bytes(width):
            raw += unit
        return raw.decode(self.abi.encoding)

    def _transmit(self, handle: int, header: Buffer, sent: Buffer, *rest: object) -> None:
        count, _, answer, length = rest
        assert list(header) == [PROTOCOL, 2 * ctypes.sizeof(self.abi.dword)]
        assert count == len(sent)
        assert isinstance(answer, ctypes.Array)
        self.command, self.sent = bytes(sent), sent
        _fill(answer, length, self.answer)


def _fill(answer: Buffer | ctypes.Array[Any], length: object, content: bytes) -> None:
    ctypes.memmove(answer, content, len(content))
    _set(length, len(content))


def _set(reference: object, value: int) -> None:
    target: ctypes.c_ulong = getattr(reference, "_obj", ctypes.c_ulong())
    target.value = value
