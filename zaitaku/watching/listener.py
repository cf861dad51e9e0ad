"""Where Prometheus asks: a listener of its own, on an address that patients cannot reach."""

import hmac
import os
from collections.abc import Callable, Iterable
from http import HTTPStatus
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Metric, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

PATH: Final = "/metrics"
FRESH_SECONDS: Final = 5.0
"""An answer serves all who ask within this time: many askers cost the database no more than one."""
_PLAIN: Final = "text/plain; charset=utf-8"


class MetricsPage:
    """A WSGI application with one page; ``token`` is what has to be shown, if there is one."""

    def __init__(
        self,
        collectors: Iterable[Collector],
        token: str = "",
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._registry = CollectorRegistry()
        for collector in collectors:
            self._registry.register(collector)
        self._expected = f"Bearer {token}".encode() if token else b""
        self._clock = clock
        self._made_at = -FRESH_SECONDS
        self._page = b""

    def __call__(self, environ: "WSGIEnvironment", start: "StartResponse") -> list[bytes]:
        """Answer a scrape; anybody else learns nothing."""
        if not self._is_let_in(environ):
            return _refuse(start, HTTPStatus.UNAUTHORIZED)
        if environ.get("PATH_INFO") != PATH or environ["REQUEST_METHOD"] != "GET":
            return _refuse(start, HTTPStatus.NOT_FOUND)
        start("200 OK", [("Content-Type", CONTENT_TYPE_LATEST)])
        return [self._fresh()]

    def _is_let_in(self, environ: "WSGIEnvironment") -> bool:
        shown = environ.get("HTTP_AUTHORIZATION", "").encode("latin-1", "replace")
        return not self._expected or hmac.compare_digest(shown, self._expected)

    def _fresh(self) -> bytes:
        if self._clock() - self._made_at >= FRESH_SECONDS:
            self._page = generate_latest(self._registry)
            self._made_at = self._clock()
        return self._page


def _refuse(start: "StartResponse", status: HTTPStatus) -> list[bytes]:
    headers = [("Content-Type", _PLAIN)]
    if status is HTTPStatus.UNAUTHORIZED:
        headers.append(("WWW-Authenticate", "Bearer"))
    start(f"{status.value} {status.phrase}", headers)
    return [b""]


class CountersOf(Collector):
    """What all processes of this machine have counted in a directory, dead ones included."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def describe(self) -> list[Metric]:
        """Return nothing: the files tell what there is."""
        return []

    def collect(self) -> Iterable[Metric]:
        """Return the sums; what a dead process had under way is over."""
        for file in self._directory.glob("gauge_live*.db"):
            if not _is_alive(int(file.stem.rpartition("_")[2])):
                file.unlink(missing_ok=True)
        # A process that has just begun has made its file and written nothing yet.
        begun = [str(file) for file in self._directory.glob("*.db") if file.stat().st_size]
        merged: Iterable[Metric] = MultiProcessCollector.merge(begun)  # type: ignore[no-untyped-call]
        return merged


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
