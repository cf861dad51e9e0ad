"""Real processes: two web workers and a job worker count together, and one listener tells it."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import urllib3

from bench.site import make_site
from tests.servers import free_port
from zaitaku.watching.door_counts import DoorCounts
from zaitaku.watching.listener import CountersOf

PATIENCE_SECONDS = 120
TOKEN = "a-token-for-the-metrics-of-the-tests-9876543210"
WORKERS = 2
MOST_REQUESTS = 1000


@dataclass(frozen=True)
class Served:
    """A running ``zaitaku serve`` with metrics."""

    process: subprocess.Popen[bytes]
    origin: str
    metrics: str
    log: Path

    def get(self, url: str, **headers: str) -> urllib3.BaseHTTPResponse:
        """Ask once, on a connection of its own: any worker may answer."""
        with urllib3.PoolManager(retries=False) as pool:
            return pool.request("GET", url, headers={"Connection": "close", **headers})

    def counting(self) -> int:
        """Return how many processes have counted a request."""
        return len(list(self.log.parent.glob("zaitaku-metrics-*/counter_*.db")))

    def wait_for(self, url: str, **headers: str) -> None:
        """Wait until something is answered there."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                if self.get(url, **headers).status == 200:
                    return
            except urllib3.exceptions.HTTPError:
                pass
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.2)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Two web workers and a job worker."""
    folder = tmp_path_factory.mktemp("served")
    port, metrics_port = free_port(), free_port()
    site = make_site(
        folder,
        origin=f"http://127.0.0.1:{port}",
        database_url=f"sqlite:///{folder / 'zaitaku.db'}",
        ephemeral_url=f"sqlite:///{folder / 'ephemeral.db'}",
        patients=0,
    )
    environ = {
        **os.environ,
        **site.environ,
        "ZAITAKU_METRICS_ADDRESS": f"127.0.0.1:{metrics_port}",
        "ZAITAKU_METRICS_TOKEN": TOKEN,
        "TMPDIR": str(folder),
    }
    command = [sys.executable, "-m", "zaitaku", "serve", "--port", str(port), "--workers"]
    command.append(str(WORKERS))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environ, stdout=log, stderr=log)
    metrics = f"http://127.0.0.1:{metrics_port}/metrics"
    yield Served(process, f"http://127.0.0.1:{port}", metrics, folder / "log")
    process.send_signal(signal.SIGTERM)
    try:
        assert process.wait(PATIENCE_SECONDS) == 0
    finally:
        process.kill()
    assert not list(folder.glob("zaitaku-metrics-*"))
    with pytest.raises(urllib3.exceptions.HTTPError):
        urllib3.request("GET", metrics, retries=False)


def test_all_processes_are_counted_together_and_only_who_may_learns_it(served: Served) -> None:
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    served.wait_for(f"{served.origin}/healthz")
    asked = 0
    while served.counting() < WORKERS:
        assert served.get(f"{served.origin}/e").status == 200
        asked += 1
        assert asked < MOST_REQUESTS
    served.wait_for(served.metrics, **bearer)
    answer = served.get(served.metrics, **bearer)
    told = answer.data.decode()
    assert f'zaitaku_requests_total{{method="GET",route="/e",status="200"}} {asked}.0' in told
    assert f'zaitaku_request_seconds_count{{route="/e"}} {asked}.0' in told
    assert "zaitaku_requests_under_way 0.0" in told
    assert 'zaitaku_store_up{store="database"} 1.0' in told
    assert re.search(r'zaitaku_instances\{role="web",version="[^"]+"\} 1.0', told)
    (directory,) = served.log.parent.glob("zaitaku-metrics-*")
    door = DoorCounts(CountersOf(directory)).look()
    assert door
    assert (door.permits > 0, door.waiting, door.in_line, door.sent_away) == (True, 0, 0, 0)
    assert served.get(served.metrics).status == 401
    assert served.get(served.metrics, Authorization=f"Bearer {TOKEN}x").status == 401
    assert served.get(served.metrics.replace("/metrics", "/"), **bearer).status == 404
    assert served.get(f"{served.origin}/metrics").status == 404


def test_a_process_that_has_counted_nothing_yet_spoils_no_answer(tmp_path: Path) -> None:
    (tmp_path / "counter_7.db").touch()
    assert list(CountersOf(tmp_path).collect()) == []
