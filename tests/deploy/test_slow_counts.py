"""Clients that are not waited for any longer are counted, by all processes of ``zaitaku serve``."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from socket import socket

import pytest
import urllib3

from tests.deploy.hurried import SECONDS
from tests.deploy.test_slow_clients import CHUNKED, POST, sending
from tests.deploy.test_slow_readers import asking, get
from tests.deploy.web import WORKERS, Server, running, wait_until
from tests.servers import free_port
from zaitaku.blueprints.bodies import READING_FROM_ONE
from zaitaku.commands.web_server import ARRIVING_FROM_ONE
from zaitaku.core.gate import SENDING
from zaitaku.watching.listener import CountersOf

MUCH = 200 * get("/static/css/main.css")
CRLF = b"\r\n"
SMALL = POST + b"Content-Length: 1000\r\n\r\na="
LARGE = POST + CHUNKED + CRLF + b"5\r\n"
Crowd = Callable[[Server], AbstractContextManager[list[socket]]]


@pytest.fixture(scope="module")
def metrics_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def watched(
    made: Mapping[str, str], metrics_port: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """The product with metrics, and with a second for its clients."""
    port, folder = free_port(), tmp_path_factory.mktemp("watched")
    command = ["tests.deploy.hurried", "serve", "--port", str(port), "--workers", str(WORKERS)]
    environ = {
        **made,
        "ZAITAKU_METRICS_ADDRESS": f"127.0.0.1:{metrics_port}",
        "TMPDIR": str(folder),
    }
    with running([*command, "--no-own-worker"], port, folder, **environ) as server:
        yield server


def counted(server: Server) -> Counter[tuple[str, str]]:
    """Return what all processes have counted, by what was waited for and how that ended."""
    (directory,) = server.folder.glob("zaitaku-metrics-*")
    return Counter(
        {
            (sample.labels["what"], sample.labels["outcome"]): int(sample.value)
            for metric in CountersOf(directory).collect()
            if metric.name == "zaitaku_slow_clients"
            for sample in metric.samples
        }
    )


def settled(server: Server) -> Counter[tuple[str, str]]:
    """Return the same when the clients of the test before are through."""
    before = counted(server)
    while True:
        time.sleep(SECONDS)
        if (now := counted(server)) == before:
            return now
        before = now


@pytest.mark.parametrize(
    ("crowd", "what"),
    [
        (lambda server: sending(server, b"GET /healthz HTTP/1.1\r\nHost", 1), "headers"),
        (lambda server: sending(server, SMALL, 1), "body"),
        (lambda server: sending(server, LARGE, 1), "body"),
        (lambda server: asking(server, MUCH), "reader"),
    ],
    ids=["headers", "small-body", "large-body", "reader"],
)
def test_who_is_too_slow_is_counted_once(watched: Server, crowd: Crowd, what: str) -> None:
    before = settled(watched)
    with crowd(watched):
        wait_until(lambda: counted(watched) != before)
        time.sleep(SECONDS / 2)
    assert counted(watched) - before == {(what, "too-slow"): 1}


@pytest.mark.parametrize(
    ("crowd", "what"),
    [
        (lambda server: sending(server, b"GET ", WORKERS * ARRIVING_FROM_ONE + 9), "headers"),
        (lambda server: sending(server, b"", WORKERS * ARRIVING_FROM_ONE + 9), "headers"),
        (lambda server: sending(server, SMALL, WORKERS * ARRIVING_FROM_ONE + 9), "body"),
        (lambda server: sending(server, LARGE, WORKERS * READING_FROM_ONE + 9), "body"),
        (lambda server: asking(server, MUCH, WORKERS * SENDING + 9), "reader"),
    ],
    ids=["headers", "nothing-yet", "small-bodies", "large-bodies", "readers"],
)
def test_who_has_to_make_room_is_counted(watched: Server, crowd: Crowd, what: str) -> None:
    before = settled(watched)
    with crowd(watched):
        wait_until(lambda: (counted(watched) - before)[what, "too-many"] >= 1)
    assert {each for each, _ in counted(watched) - before} == {what}


def test_a_connection_that_a_browser_keeps_ready_is_not_counted(watched: Server) -> None:
    before = settled(watched)
    with sending(watched, b"", 1) as (spare,):
        assert spare.recv(1) == b""
    assert watched.ask().status == 200
    assert counted(watched) == before


def test_prometheus_is_told(watched: Server, metrics_port: int) -> None:
    with sending(watched, SMALL, 1) as (slow,):
        assert slow.recv(4096).startswith(b"HTTP/1.1 408 ")
    told = 'zaitaku_slow_clients_total{outcome="too-slow",what="body"} '

    def is_told() -> bool:
        page = urllib3.request("GET", f"http://127.0.0.1:{metrics_port}/metrics", retries=False)
        return told in page.data.decode()

    wait_until(is_told)
