"""The transport to real readers: PC/SC."""

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from zaitaku.cardbridge.card.pinpad import FEATURE_VERIFY_PIN_DIRECT, features_in
from zaitaku.cardbridge.card.transport import (
    CardBusy,
    CardConnection,
    CardPresence,
    CardRemoved,
    ReaderFacts,
    TransportTrouble,
)
from zaitaku.cardbridge.pcsc.api import LEAVE_CARD, Attribute, Pcsc, ReaderState, load_pcsc
from zaitaku.cardbridge.pcsc.watch import Follower

PATIENCE_SECONDS: Final = 1.5
"""Windows looks into each new card for certificates, which keeps it busy for about a second."""
RETRY_SECONDS: Final = 0.1

_VERSION_BYTES: Final = 4
_STATUS_BYTES: Final = 2


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

    def facts(self) -> tuple[ReaderFacts, ...]:
        """Return what each reader says about itself; no card is touched.

        Raises:
            NoService, NoReader, ReaderFault
        """
        pcsc = self._pcsc()
        context = pcsc.establish()
        try:
            names = pcsc.list_readers(context)
            states = pcsc.wait(context, dict.fromkeys(names, ReaderState.UNAWARE), 0)
            return tuple(_facts(pcsc, context, name, state) for name, state in states.items())
        finally:
            pcsc.release(context)

    def watch(self, changed: Callable[[], None]) -> None:
        """Call ``changed`` whenever a reader or a card comes or goes, the service too."""
        Follower(self._pcsc, changed).start()

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
            CardRemoved: the session is over.
            NoService: so is the service; and other ``TransportTrouble``.
        """
        if not self._open:
            raise CardRemoved("closed")
        try:
            answer = self._pcsc.transmit(self._handle, self._protocol, command)
        except CardRemoved:
            self._check_service()  # one that dies breaks the exchange off, too
            raise
        if len(answer) < _STATUS_BYTES:  # no card says that: some drivers do when it was pulled
            raise CardRemoved("no status")
        return answer

    def _check_service(self) -> None:
        self._pcsc.release(self._pcsc.establish())

    @property
    def feature_request(self) -> int:
        """The control code that asks for the reader's features."""
        return self._pcsc.feature_request

    def control(self, code: int, data: bytes) -> bytes:
        """Send words to the reader itself.

        Raises:
            CardRemoved: the session is over; and other ``TransportTrouble``.
        """
        if not self._open:
            raise CardRemoved("closed")
        return self._pcsc.control(self._handle, code, data)

    def atr(self) -> bytes:
        """Return the card's answer to reset; empty when it cannot be had."""
        return self._pcsc.atr(self._handle) if self._open else b""

    def close(self) -> None:
        """Reset the card and let it go."""
        if self._open:
            self._open = False
            self._pcsc.disconnect(self._handle)
            self._pcsc.release(self._context)


def _facts(pcsc: Pcsc, context: int, name: str, state: int) -> ReaderFacts:
    bare = ReaderFacts(name, card=_presence(state))
    try:
        handle = pcsc.connect_reader(context, name)
    except TransportTrouble:  # somebody holds it alone: what the service knows must do
        return bare
    try:
        return replace(
            bare,
            vendor=pcsc.attribute(handle, Attribute.VENDOR_NAME)
            .rstrip(b"\0")
            .decode(errors="replace"),
            driver=_version(pcsc.attribute(handle, Attribute.DRIVER_VERSION)),
            has_pinpad=_has_pinpad(pcsc, handle),
        )
    finally:
        pcsc.disconnect(handle, LEAVE_CARD)


def _has_pinpad(pcsc: Pcsc, handle: int) -> bool:
    try:
        features = pcsc.control(handle, pcsc.feature_request, b"")
    except TransportTrouble:
        return False
    return FEATURE_VERIFY_PIN_DIRECT in features_in(features)


def _version(raw: bytes) -> str:
    if len(raw) < _VERSION_BYTES:
        return ""
    number = int.from_bytes(raw[:_VERSION_BYTES], sys.byteorder)
    return f"{number >> 24}.{number >> 16 & 0xFF}.{number & 0xFFFF}"


def _presence(state: int) -> CardPresence:
    told = {
        ReaderState.MUTE: CardPresence.MUTE,
        ReaderState.EXCLUSIVE: CardPresence.IN_USE,
        ReaderState.PRESENT: CardPresence.PRESENT,
        ReaderState.EMPTY: CardPresence.EMPTY,
    }
    return next((what for flag, what in told.items() if state & flag), CardPresence.UNKNOWN)
