"""Metrics that every process of a deployment counts (Prometheus).

Labels come from fixed lists: route rules, codes, kinds. So their number is bounded, and none of
them tells of a person, a facility or a journey.
"""

import threading
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypeVar, cast

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from zaitaku.core.watch import Happening, Level

_Metric = TypeVar("_Metric", Counter, Gauge, Histogram)

SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Bounds of the durations; 0.3 is what overload may cost a page (``docs/overload.md``)."""
STORE_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0)

_HAPPENINGS: Final[Mapping[Happening, tuple[str, str, tuple[str, ...]]]] = MappingProxyType(
    {
        Happening.JOURNEY: ("zaitaku_journeys", "Journeys begun and registered", ("event",)),
        Happening.REFUSAL: ("zaitaku_refusals", "Failures that people were told", ("room", "code")),
        Happening.PROOF: ("zaitaku_proofs", "Proofs that were verified", ("way", "outcome")),
        Happening.JOB: ("zaitaku_job_runs", "Jobs that ended", ("kind", "outcome")),
        Happening.ADMISSION: ("zaitaku_admissions", "Requests not let in", ("rank", "outcome")),
        Happening.SLOW_CLIENT: (
            "zaitaku_slow_clients",
            "Clients that were not waited for any longer",
            ("what", "outcome"),
        ),
    }
)
_LEVELS: Final[Mapping[Level, tuple[str, str]]] = MappingProxyType(
    {
        Level.WAITING: ("zaitaku_waiting_patients", "Patients whose waiting page still asks"),
        Level.PERMITS: ("zaitaku_entry_permits", "Journeys that may begin at this moment"),
        Level.TURNS_WANTED: ("zaitaku_requests_waiting", "Requests that wait for a turn"),
    }
)


class Meters:
    """The counters of one process; with a directory in ``PROMETHEUS_MULTIPROC_DIR`` they are files
    there, which ``zaitaku.watching.listener`` adds up over all processes."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = RequestMeters(registry)
        self.stores = StoreMeters(registry)
        self._happenings = {
            what: Counter(name, words, labels, registry=registry)
            for what, (name, words, labels) in _HAPPENINGS.items()
        }
        self._levels = {
            what: Gauge(name, words, multiprocess_mode="livesum", registry=registry)
            for what, (name, words) in _LEVELS.items()
        }
        self._child = _Children()

    def happened(self, what: Happening, words: tuple[str, ...]) -> None:
        """Count one of these."""
        self._child(self._happenings[what], *words).inc()

    def stands_at(self, what: Level, value: float) -> None:
        """Set the level."""
        self._levels[what].set(value)


class RequestMeters:
    """Requests and how long they took."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._count = Counter(
            "zaitaku_requests",
            "Requests answered",
            ("route", "method", "status"),
            registry=registry,
        )
        words = "Time from a request's arrival in the application to its answer"
        self._seconds = Histogram(
            "zaitaku_request_seconds", words, ("route",), buckets=SECONDS, registry=registry
        )
        self._under_way = Gauge(
            "zaitaku_requests_under_way",
            "Requests that are being answered",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self._child = _Children()

    def arrived(self) -> None:
        """Note that a request is being answered."""
        self._under_way.inc()

    def answered(self, *, method: str, route: str, status: int, seconds: float) -> None:
        """Note that it has been."""
        self._under_way.dec()
        self._child(self._count, route, method, str(status)).inc()
        self._child(self._seconds, route).observe(seconds)


class StoreMeters:
    """Questions to the stores and how long they took."""

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ("store", "operation")
        words = "Time of a transaction, from waiting for a connection to its end, or of a call"
        self._seconds = Histogram(
            "zaitaku_store_seconds", words, labels, buckets=STORE_SECONDS, registry=registry
        )
        self._errors = Counter(
            "zaitaku_store_errors", "Times that a store was away", ("store",), registry=registry
        )
        self._uses = Gauge(
            "zaitaku_store_uses",
            "Transactions and calls under way",
            ("store",),
            multiprocess_mode="livesum",
            registry=registry,
        )
        self._child = _Children()

    def asking(self, store: str) -> None:
        """Note that a store is asked."""
        self._child(self._uses, store).inc()

    def asked(self, store: str, operation: str, seconds: float, *, is_away: bool) -> None:
        """Note that it has been, and whether it was away."""
        self._child(self._uses, store).dec()
        self._child(self._seconds, store, operation).observe(seconds)
        if is_away:
            self._child(self._errors, store).inc()


class _Children:
    """A metric's series by its words.

    The library looks one up under a lock and by strings made anew: five times as long.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], Counter | Gauge | Histogram] = {}
        self._lock = threading.Lock()

    def __call__(self, metric: _Metric, *words: str) -> _Metric:
        name = (metric, *words)
        found = self._known.get(name)
        if found is None:
            with self._lock:
                found = self._known.setdefault(name, metric.labels(*words))
        return cast("_Metric", found)
