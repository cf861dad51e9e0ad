"""The watch of one process: its meters, its traces, both or neither."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from time import perf_counter
from types import TracebackType
from typing import TYPE_CHECKING, Final, cast

from zaitaku.core.ephemeral import EphemeralStore
from zaitaku.core.errors import StoreUnavailable
from zaitaku.core.watch import NO_WATCH, Happening, Level, Watch
from zaitaku.core.watch_settings import WatchSettings

if TYPE_CHECKING:
    from zaitaku.watching.meters import Meters, StoreMeters
    from zaitaku.watching.tracing import Begun, Tracing

DIRECTORY: Final = "PROMETHEUS_MULTIPROC_DIR"
"""Where the processes of one machine count together: the library's own variable.

``zaitaku serve`` and ``zaitaku worker`` make the directory and set it for what they start.
"""
_EPHEMERAL: Final = "ephemeral"
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OTHER_METHOD: Final = "OTHER"
"""A browser may send any word as its method; each would be a time series of its own."""


def open_watch(settings: WatchSettings) -> Watch:
    """Return who is told what happens in this process.

    What nobody asked for is not imported: it would cost each process its memory.
    """
    meters = _meters() if settings.metrics_address and os.environ.get(DIRECTORY) else None
    tracing = _tracing(settings) if settings.traces_url else None
    return ProcessWatch(meters, tracing) if meters or tracing else NO_WATCH


def _meters() -> "Meters":
    from prometheus_client import CollectorRegistry  # noqa: PLC0415 - see open_watch

    from zaitaku.watching.meters import Meters  # noqa: PLC0415

    return Meters(CollectorRegistry())


def _tracing(settings: WatchSettings) -> "Tracing":
    from zaitaku.watching.tracing import Tracing  # noqa: PLC0415 - see open_watch

    return Tracing.to(settings)


@dataclass(frozen=True)
class ProcessWatch:
    """Tells meters and traces, where there are any."""

    meters: "Meters | None"
    tracing: "Tracing | None"

    def happened(self, what: Happening, *words: str) -> None:
        """Count one of these."""
        if self.meters:
            self.meters.happened(what, words)

    def stands_at(self, what: Level, value: float) -> None:
        """Note how high it stands now."""
        if self.meters:
            self.meters.stands_at(what, value)

    def asked(self, store: str, operation: str) -> AbstractContextManager[None]:
        """Time a question to a store, and show it in the request's trace."""
        timed = _Timed(self.meters.stores, store, operation) if self.meters else nullcontext()
        return _within(timed, self.span(f"{store} {operation}")) if self.tracing else timed

    def span(self, name: str) -> AbstractContextManager[None]:
        """Show a piece of work within the present request."""
        return self.tracing.span(name) if self.tracing else nullcontext()

    def begin(self, method: str, traceparent: str | None) -> "Begun | None":
        """Begin a request."""
        if self.meters:
            self.meters.requests.arrived()
        return self.tracing.begin(_known(method), traceparent) if self.tracing else None

    def end(
        self, begun: object, *, method: str, route: str, status: int, seconds: float, request: str
    ) -> None:
        """End the request."""
        known = _known(method)
        if self.meters:
            self.meters.requests.answered(method=known, route=route, status=status, seconds=seconds)
        if self.tracing:
            facts: dict[str, str | int] = {
                "http.request.method": known,
                "http.route": route,
                "http.response.status_code": status,
                "zaitaku.request": request,
            }
            self.tracing.end(cast("Begun", begun), facts)

    def close(self) -> None:
        """Send what is left."""
        if self.tracing:
            self.tracing.close()


def _known(method: str) -> str:
    return method if method in _METHODS else _OTHER_METHOD


@contextmanager
def _within(
    outer: AbstractContextManager[None], inner: AbstractContextManager[None]
) -> Iterator[None]:
    with outer, inner:
        yield


class _Timed(AbstractContextManager[None]):
    """The time of one question; a class, because each request asks several."""

    def __init__(self, meters: "StoreMeters", store: str, operation: str) -> None:
        self._meters = meters
        self._store = store
        self._operation = operation
        self._began = 0.0

    def __enter__(self) -> None:
        self._began = perf_counter()
        self._meters.asking(self._store)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        seconds, is_away = perf_counter() - self._began, isinstance(error, StoreUnavailable)
        self._meters.asked(self._store, self._operation, seconds, is_away=is_away)


def watched(store: EphemeralStore, watch: Watch) -> EphemeralStore:
    """Return ``store``, each call of which is told to ``watch``; where nobody watches, itself."""
    return store if watch is NO_WATCH else cast("EphemeralStore", _WatchedStore(store, watch))


class _WatchedStore:
    """Any store whose public methods are its calls."""

    def __init__(self, store: EphemeralStore, watch: Watch) -> None:
        self._store = store
        self._watch = watch

    def __getattr__(self, name: str) -> Callable[..., object]:
        method = getattr(self._store, name)
        watch = self._watch

        def call(*args: object, **options: object) -> object:
            with watch.asked(_EPHEMERAL, name):
                return method(*args, **options)

        return call
