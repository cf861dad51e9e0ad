"""Following the readers of PC/SC in a thread: hot-plug of readers, cards and the service."""

from collections.abc import Callable
from contextlib import suppress
from threading import Event, Lock, Thread
from typing import Final

from zaitaku.cardbridge.card.transport import NoReader, TransportTrouble
from zaitaku.cardbridge.pcsc.api import PLUG_AND_PLAY, Pcsc, ReaderState

PAUSE_SECONDS: Final = 1.0
"""Between two looks where nothing tells of a new reader, or while the service is away."""
WAIT_SECONDS: Final = 10.0
"""For one call where the service tells by itself. Older ones miss a reader that comes just before
the call; it is seen at the next one."""
GONE_SECONDS: Final = 0.1
"""Until the list of readers is asked for again after one of them had just gone."""
FIRST_SECONDS: Final = 1.0
"""For the first look; a service that hangs is not waited for longer."""

_SEEN: Final = ReaderState.EMPTY | ReaderState.PRESENT | ReaderState.MUTE | ReaderState.UNAVAILABLE
"""What a session of our own or of another program does not change."""
_COUNTER: Final = 0xFFFF0000

Picture = frozenset[tuple[str, int]] | None
"""All readers and what lies in them; None: there is no service."""


class Follower:
    """Calls ``changed`` at its first look and after each coming and going; waits inside the
    service, not by polling."""

    def __init__(
        self,
        load: Callable[[], Pcsc],
        changed: Callable[[], None],
        *,
        pause: float = PAUSE_SECONDS,
    ) -> None:
        self._load = load
        self._changed = changed
        self._pause = pause
        self._stopping = Event()
        self._lock = Lock()
        self._waiting: tuple[Pcsc, int] | None = None
        self._has_looked = Event()
        self._picture: Picture = None
        self._thread = Thread(target=self._run, name="readers", daemon=True)

    def start(self) -> None:
        """Begin, in a daemon thread: the program may end at any time. Return after the first look,
        if that can be had soon: who looks by himself from now on misses nothing."""
        self._thread.start()
        self._has_looked.wait(FIRST_SECONDS)

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        while self._thread.is_alive():  # a cancel just before the wait is lost
            with self._lock:
                if self._waiting is not None:
                    pcsc, context = self._waiting
                    pcsc.cancel(context)
            self._thread.join(0.05)

    def _run(self) -> None:
        while not self._stopping.is_set():
            with suppress(TransportTrouble):
                self._follow()
            if not self._stopping.is_set():
                self._note(None)
                self._stopping.wait(self._pause)

    def _follow(self) -> None:
        """Follow in one context until the service goes away."""
        pcsc = self._load()
        context = pcsc.establish()
        try:
            with self._lock:
                self._waiting = (pcsc, context)
            known: dict[str, int] = {}
            while not self._stopping.is_set():
                known = self._step(pcsc, context, known)
        finally:
            with self._lock:
                self._waiting = None
            pcsc.release(context)

    def _step(self, pcsc: Pcsc, context: int, known: dict[str, int]) -> dict[str, int]:
        readers = _readers(pcsc, context)
        names = [*readers, *([PLUG_AND_PLAY] if pcsc.notifies else [])]
        if not readers:
            self._note(frozenset())
        if not names:
            self._stopping.wait(self._pause)
            return {}
        asked = {name: known.get(name, ReaderState.UNAWARE) for name in names}
        try:
            found = pcsc.wait(context, asked, WAIT_SECONDS if pcsc.notifies else self._pause)
        except NoReader:  # one of them went between the list and the wait
            self._stopping.wait(GONE_SECONDS)
            return {}
        self._note(_picture(found))
        return found

    def _note(self, picture: Picture) -> None:
        is_change = self._picture != picture or not self._has_looked.is_set()
        self._picture = picture
        if is_change:
            self._changed()
        self._has_looked.set()


def _readers(pcsc: Pcsc, context: int) -> list[str]:
    try:
        return pcsc.list_readers(context)
    except NoReader:
        return []


def _picture(states: dict[str, int]) -> Picture:
    return frozenset(
        (name, int(state & (_SEEN | _COUNTER)))
        for name, state in states.items()
        if name != PLUG_AND_PLAY
    )
