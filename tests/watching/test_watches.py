"""What a process tells its watch, and that telling costs nobody anything."""

import subprocess
import sys
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from tests.servers import free_port
from tests.watching.collector import Collector
from tests.watching.conftest import Watched
from zaitaku.core.errors import StoreUnavailable
from zaitaku.core.watch import NO_WATCH, Happening, Level
from zaitaku.core.watch_settings import WatchSettings
from zaitaku.watching.meters import Meters
from zaitaku.watching.tracing import Tracing
from zaitaku.watching.watches import ProcessWatch

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def told(registry: CollectorRegistry) -> str:
    return generate_latest(registry).decode()


def end(watch: ProcessWatch, begun: object, method: str = "GET") -> None:
    watch.end(begun, method=method, route="/e", status=200, seconds=0.01, request="1-2-3")


@pytest.mark.parametrize("believes", [True, False])
@pytest.mark.parametrize("parent", [PARENT, "00-zz-b7ad6b7169203331-01", "x" * 100, None])
def test_a_trace_is_continued_only_where_the_proxy_vouches(
    watching: WatchSettings, collector: Collector, parent: str | None, *, believes: bool
) -> None:
    tracing = Tracing.to(replace(watching, traces_from_proxy=believes))
    watch = ProcessWatch(None, tracing)
    end(watch, watch.begin("GET", parent))
    tracing.close()
    (span,) = collector.spans()
    is_continued = span.trace_id.hex() in PARENT
    assert is_continued is (believes and parent == PARENT)
    assert span.trace_state == ""


def test_work_outside_a_request_makes_no_trace(
    watching: WatchSettings, collector: Collector
) -> None:
    tracing = Tracing.to(watching)
    with ProcessWatch(None, tracing).asked("database", "read"):
        pass
    tracing.close()
    assert collector.spans() == []


def test_a_share_of_the_requests_is_traced(watching: WatchSettings, collector: Collector) -> None:
    tracing = Tracing.to(replace(watching, traces_percent=20))
    watch = ProcessWatch(None, tracing)
    for _ in range(500):
        end(watch, watch.begin("GET", None))
    tracing.close()
    assert 40 < len(collector.spans()) < 180


def test_a_collector_that_is_away_keeps_nobody_waiting() -> None:
    code = (
        "import time\n"
        "from zaitaku.core.watch_settings import WatchSettings\n"
        "from zaitaku.watching.watches import open_watch\n"
        f"watch = open_watch(WatchSettings(traces_url='http://127.0.0.1:{free_port()}/',"
        "traces_percent=100))\n"
        "began = time.process_time()\n"
        "for _ in range(100):\n"
        "    begun = watch.begin('GET', None)\n"
        "    watch.end(begun, method='GET', route='/e', status=200, seconds=0, request='1')\n"
        "print('done')\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert ended.stdout == "done\n"


@pytest.mark.parametrize("method", ["BREW", "在宅", "G\0T", "get"])
def test_methods_of_nobodys_making_are_one(method: str) -> None:
    registry = CollectorRegistry()
    watch = ProcessWatch(Meters(registry), None)
    end(watch, watch.begin(method, None), method)
    assert 'method="OTHER"' in told(registry)
    assert method not in told(registry)


def test_a_store_that_is_away_is_counted_and_any_other_failure_is_not() -> None:
    registry = CollectorRegistry()
    watch = ProcessWatch(Meters(registry), None)
    with pytest.raises(StoreUnavailable), watch.asked("database", "read"):
        raise StoreUnavailable
    with pytest.raises(KeyError), watch.asked("database", "read"):
        raise KeyError
    assert 'zaitaku_store_errors_total{store="database"} 1.0' in told(registry)
    assert 'zaitaku_store_seconds_count{operation="read",store="database"} 2.0' in told(registry)
    assert 'zaitaku_store_uses{store="database"} 0.0' in told(registry)


def test_a_request_without_an_answer_is_over_as_well(watched: Watched) -> None:
    app = watched.site.app
    app.config["PROPAGATE_EXCEPTIONS"] = True

    def fail() -> str:
        raise RuntimeError

    app.view_functions["ops.alive"] = fail
    with pytest.raises(RuntimeError):
        app.test_client().get("/healthz", base_url="http://localhost:8000")
    assert "zaitaku_requests_under_way 0.0" in watched.metrics()
    assert 'route="/healthz",status="500"} 1.0' in watched.metrics()


def test_levels_and_nobody() -> None:
    registry = CollectorRegistry()
    ProcessWatch(Meters(registry), None).stands_at(Level.WAITING, 7)
    assert "zaitaku_waiting_patients 7.0" in told(registry)
    NO_WATCH.stands_at(Level.WAITING, 7)
    NO_WATCH.happened(Happening.JOURNEY, "begun")
    with NO_WATCH.asked("database", "read"), NO_WATCH.span("verify card"):
        assert NO_WATCH.begin("GET", None) is None


def test_what_nobody_asked_for_is_not_imported() -> None:
    code = (
        "import sys, zaitaku.services\n"
        "from zaitaku.watching.watches import open_watch\n"
        "from zaitaku.core.watch_settings import WatchSettings\n"
        "open_watch(WatchSettings(metrics_address='127.0.0.1:9464'))\n"
        # redis-py imports what there is of OpenTelemetry's metrics by itself.
        "named = ('prometheus_client', 'opentelemetry.sdk.trace', 'opentelemetry.exporter')\n"
        "print([name for name in named if name in sys.modules])\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert ended.stdout == "[]\n"
