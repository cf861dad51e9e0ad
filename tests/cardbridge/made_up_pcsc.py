"""A PC/SC library made of Python functions that answer as a test tells them."""

import ctypes
from collections.abc import Callable
from typing import Protocol

from zaitaku.cardbridge.pcsc import Abi

CONTEXT, HANDLE, PROTOCOL = 77, 99, 2
READERS = ("Reader A", "Läser B")


class Reference(Protocol):
    """What ``ctypes.byref`` makes."""

    _obj: ctypes.c_ulong


Buffer = ctypes.Array[ctypes.c_ubyte]


class Library:
    """Has the functions under the names of a platform; ``codes`` are statuses to fail with."""

    def __init__(self, abi: Abi, **codes: int) -> None:
        self.abi = abi
        self.codes = codes
        self.calls: list[str] = []
        self.names = "\0".join(READERS) + "\0\0"
        self.command = b""
        self.sent: Buffer | None = None
        self.shares: list[tuple[int, int]] = []
        for name, function in self._functions().items():
            named = name in {"ListReaders", "Connect"}
            setattr(self, f"SCard{name}{abi.suffix if named else ''}", self._told(name, function))

    def _functions(self) -> dict[str, Callable[..., None]]:
        return {
            "EstablishContext": self._establish,
            "ReleaseContext": self._release,
            "ListReaders": self._list,
            "Connect": self._connect,
            "Disconnect": self._disconnect,
            "Transmit": self._transmit,
        }

    def _told(self, name: str, function: Callable[..., None]) -> Callable[..., int]:
        def told(*arguments: object) -> int:
            self.calls.append(name)
            code = self.codes.get(name, 0)
            if code == 0:
                function(*arguments)
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
        assert (handle, disposition) == (HANDLE, 1)

    def _transmit(self, handle: int, header: Buffer, sent: Buffer, *rest: object) -> None:
        count, _, answer, length = rest
        assert list(header) == [PROTOCOL, 2 * ctypes.sizeof(self.abi.dword)]
        assert count == len(sent)
        assert isinstance(answer, ctypes.Array)
        self.command, self.sent = bytes(sent), sent
        ctypes.memmove(answer, b"\x90\x00", 2)
        _set(length, 2)


def _set(reference: object, value: int) -> None:
    target: ctypes.c_ulong = getattr(reference, "_obj", ctypes.c_ulong())
    target.value = value
