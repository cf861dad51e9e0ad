"""The keys of a virtual reader, pressed from the bridge's own page or by a test."""

from collections.abc import Callable
from enum import Enum
from threading import Condition
from time import monotonic
from typing import Final

GLANCE_SECONDS: Final = 0.1
"""How soon the pad notices that its card is gone."""


class PadEnd(Enum):
    """How typing can end without digits."""

    TIMED_OUT = "timed-out"
    CANCELLED = "cancelled"


class VirtualPad:
    """Digits reach whoever waits for them, and nobody else; nothing is kept."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._is_waiting = False
        self._typed: bytearray | PadEnd | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether the reader waits for digits now."""
        with self._changed:
            return self._is_waiting

    def press(self, digits: str) -> bool:
        """Type ``digits`` and confirm; return whether the reader waited for them."""
        return self._end(bytearray(digits, "ascii", "replace"))

    def cancel(self) -> bool:
        """Press the cancel key; return whether the reader waited."""
        return self._end(PadEnd.CANCELLED)

    def wait(self, seconds: float, goes_on: Callable[[], bool]) -> bytearray | PadEnd:
        """Return what is typed within ``seconds``; the caller wipes it.

        It ends as if cancelled when ``goes_on`` says that there is nothing to wait for any more.
        """
        deadline = monotonic() + seconds
        with self._changed:
            self._set(is_waiting=True)
            try:
                while self._typed is None and monotonic() < deadline and goes_on():
                    self._changed.wait(min(GLANCE_SECONDS, max(0.0, deadline - monotonic())))
                ended = PadEnd.TIMED_OUT if goes_on() else PadEnd.CANCELLED
                return ended if self._typed is None else self._typed
            finally:
                self._set(is_waiting=False)

    def _set(self, *, is_waiting: bool) -> None:
        self._is_waiting, self._typed = is_waiting, None

    def _end(self, how: bytearray | PadEnd) -> bool:
        with self._changed:
            takes = self._is_waiting and self._typed is None
            if takes:
                self._typed = how
                self._changed.notify_all()
            return takes
