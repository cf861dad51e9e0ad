"""A sign that changes whenever a reader or a card comes or goes."""

import secrets
from threading import Lock

from zaitaku.cardbridge.card.transport import ReaderService, Watchable


class Watch:
    """Watches the readers of one service; begins when it is first asked."""

    def __init__(self, service: ReaderService) -> None:
        self._service = service
        self._lock = Lock()
        self._run = secrets.token_hex(4)
        self._count = 0
        self._beginning = Lock()
        self._is_watching = False

    def stamp(self) -> str:
        """Return the present sign; it means nothing but that another one is another state.

        No card is touched. A service that cannot be watched keeps the same sign for ever.
        """
        with self._beginning:  # whoever asks meanwhile misses nothing either
            begins, self._is_watching = not self._is_watching, True
            if begins and isinstance(self._service, Watchable):
                self._service.watch(self._changed)
        with self._lock:
            return f"{self._run}-{self._count}"

    def _changed(self) -> None:
        with self._lock:
            self._count += 1
