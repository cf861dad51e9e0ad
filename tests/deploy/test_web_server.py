"""What serves the site: it outlives its workers, believes nobody, and writes down no request."""

import json
import os
import signal
import socket
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil
import pytest
import urllib3

from tests.deploy.echo import BROKEN, SLOW
from tests.deploy.web import PATIENCE_SECONDS, WORKERS, Server, echoing, running, wait_until
from tests.servers import free_port
from zaitaku.commands.web_server import COURTESY_SECONDS
from zaitaku.core.gate import THREADS

KILLS = 8
CROWD = 700
STAYING = 40
FAIR_SHARE = 14
"""Of so many that stay; one worker alone may be too busy to be there first."""
SECRET = "ASH_mRo.kb8HRte6_zGvb0jEFn870A"


@dataclass
class Asking:
    """Somebody who asks all the time, on connections that stay open."""

    server: Server
    answered: int = 0
    lost: int = 0

    def __enter__(self) -> Self:
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _ask(self) -> None:
        with urllib3.PoolManager(retries=False, timeout=20) as pool:
            while not self._is_over.is_set():
                try:
                    pool.request("GET", f"http://127.0.0.1:{self.server.port}/healthz")
                    self.answered += 1
                except urllib3.exceptions.HTTPError:
                    self.lost += 1


def test_killed_workers_are_replaced_and_the_instance_serves_on(site: Server) -> None:
    before = site.workers()
    with Asking(site) as asking:
        for _ in range(KILLS):
            wait_until(site.workers)
            os.kill(min(site.workers()), signal.SIGKILL)
            time.sleep(0.2)
        site.wait()
        served = asking.answered
        wait_until(lambda: asking.answered > served + 20)
    # A worker takes with it what it was asked at that moment, and no more.
    assert asking.lost <= KILLS
    assert site.process.poll() is None
    assert not site.workers() & before


def test_no_worker_inherits_a_connection(site: Server) -> None:
    # A moment of the parent's own, each minute, is left alone: no worker is forked meanwhile.
    wait_until(lambda: not [file for file in site.parent.open_files() if ".db" in file.path])
    assert [each for each in site.parent.net_connections() if each.status == "ESTABLISHED"] == []


def test_new_workers_come_without_losing_an_answer(site: Server) -> None:
    before = site.workers()
    with Asking(site) as asking:
        site.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(site.workers() - before) == WORKERS)
        wait_until(lambda: not site.workers() & before)
    assert (asking.lost, asking.answered > 0) == (0, True)
    # Another parent is not to be had.
    site.process.send_signal(signal.SIGUSR2)
    assert site.ask().status == 200
    assert len(site.workers()) == WORKERS


def test_its_lines_are_like_all_others(site: Server) -> None:
    lines = [json.loads(line) for line in site.log().splitlines()]
    assert {line["logger"] for line in lines if "SIGKILL" in line["message"]} == {"gunicorn.error"}


def test_what_was_begun_is_finished(tmp_path: Path) -> None:
    with echoing(tmp_path) as server:
        found: list[int] = []
        asking = threading.Thread(target=lambda: found.append(server.ask(SLOW).status))
        asking.start()
        time.sleep(0.5)
        server.process.terminate()
        asking.join()
        assert found == [200]
        assert server.process.wait(PATIENCE_SECONDS) == 0


def test_a_worker_that_stumbles_over_its_end_is_gone_and_nothing_else(tmp_path: Path) -> None:
    port = free_port()
    command = ["tests.deploy.stumbling", str(port), str(WORKERS)]
    with running(command, port, tmp_path) as server:
        before = server.workers()
        os.kill(min(before), signal.SIGTERM)
        wait_until(lambda: min(before) not in server.workers())
        server.wait()
        server.process.terminate()
        assert server.process.wait(PATIENCE_SECONDS) == 0
        lines = [json.loads(line) for line in server.log().splitlines()]
    told = [line for line in lines if line["message"] == "a worker could not end in order"]
    assert len(told) == WORKERS + 1
    assert {line["message"] for line in lines if line["level"] == "ERROR"} == {told[0]["message"]}


def test_workers_end_with_their_parent(tmp_path: Path) -> None:
    with echoing(tmp_path) as server:
        workers = [psutil.Process(pid) for pid in server.workers()]
        server.process.kill()
        _, left = psutil.wait_procs(workers, PATIENCE_SECONDS)
        assert left == []


def staying(server: Server, stack: ExitStack, count: int) -> None:
    """Open connections, ask on each, and keep them."""
    for _ in range(count):
        address = ("127.0.0.1", server.port)
        connection = stack.enter_context(socket.create_connection(address, timeout=20))
        connection.sendall(b"GET /page HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")


def held(server: Server) -> list[int]:
    """Return how many connections each worker holds."""
    workers = [psutil.Process(pid) for pid in server.workers()]
    return [
        len([each for each in worker.net_connections() if each.status == "ESTABLISHED"])
        for worker in workers
    ]


def test_connections_that_stay_are_shared_among_the_workers(tmp_path: Path) -> None:
    port = free_port()
    command = ["tests.deploy.courteous", str(port), str(WORKERS)]
    with running(command, port, tmp_path) as server, ExitStack() as stack:
        staying(server, stack, STAYING)
        assert min(held(server)) >= FAIR_SHARE
        # Whoever comes after one that is gone has its place.
        os.kill(min(server.workers()), signal.SIGKILL)
        server.wait()
        staying(server, stack, STAYING // WORKERS)
        assert min(held(server)) >= FAIR_SHARE


def test_a_worker_that_hangs_keeps_no_crowd_at_the_door(tmp_path: Path) -> None:
    with echoing(tmp_path) as server, ExitStack() as stack:
        staying(server, stack, WORKERS)
        hanging = max(server.workers())
        os.kill(hanging, signal.SIGSTOP)
        stack.callback(os.kill, hanging, signal.SIGCONT)
        began = time.monotonic()
        crowd = []
        for _ in range(CROWD):
            address = ("127.0.0.1", server.port)
            crowd.append(stack.enter_context(socket.create_connection(address, timeout=20)))
            crowd[-1].sendall(b"GET /page HTTP/1.1\r\nHost: localhost\r\n\r\n")
        served = [each.recv(65536).startswith(b"HTTP/1.1 200") for each in crowd]
        assert all(served)
        # One by one they would have waited for longer.
        assert time.monotonic() - began < CROWD * COURTESY_SECONDS


def test_nobody_is_believed_about_where_they_come_from(echo: Server) -> None:
    invented = {
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Ssl": "on",
        "X-Forwarded-For": "203.0.113.7",
        "Script_Name": "/page",
        "X_Forwarded_For": "203.0.113.8",
    }
    told = echo.ask("/page", **invented).json()
    assert (told["wsgi.url_scheme"], told["REMOTE_ADDR"]) == ("http", "127.0.0.1")
    assert (told["SCRIPT_NAME"], told["PATH_INFO"]) == ("", "/page")
    # It is for the application to judge, and nothing can be mistaken for it.
    assert told["HTTP_X_FORWARDED_FOR"] == "203.0.113.7"


def test_it_does_not_say_what_it_is(echo: Server) -> None:
    for answer in (echo.send(b"GET / HTTP/1.0\r\n\r\n"), echo.send(b"nonsense\r\n\r\n")):
        assert b"gunicorn" not in answer.partition(b"\r\n\r\n")[0].lower()
        assert b"\r\nserver:" not in answer.lower()


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (b"GET /" + b"a" * 8200 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nCookie: " + b"a" * 8200 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 101 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nExpect: miracles\r\n\r\n", 417),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: nonsense\r\n\r\n", 501),
        (b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (f"GET /r/{SECRET} HTTP/9.9\r\n\r\n".encode(), 400),
        (f"GET {BROKEN}?code={SECRET} HTTP/1.1\r\nHost: x\r\n\r\n".encode(), 500),
    ],
    ids=lambda value: str(value)[:12],
)
def test_what_cannot_be_understood_is_refused_and_not_written_down(
    echo: Server, words: bytes, status: int
) -> None:
    assert echo.send(words).startswith(f"HTTP/1.1 {status} ".encode())
    assert "127.0.0.1" not in echo.log()
    assert SECRET not in echo.log()


def test_clients_that_never_end_their_headers_keep_nobody_out(echo: Server) -> None:
    with ExitStack() as stack:
        address = ("127.0.0.1", echo.port)
        crowd = range(WORKERS * THREADS + 8)
        crawling = [
            stack.enter_context(socket.create_connection(address, timeout=20)) for _ in crowd
        ]
        for each in crawling:
            each.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        for _ in range(20):
            assert echo.ask().status == 200
        crawling[-1].sendall(b"b\r\n\r\n")
        assert crawling[-1].recv(100).startswith(b"HTTP/1.1 200 ")


def test_headers_without_end_are_hung_up_on(echo: Server) -> None:
    with (
        socket.create_connection(("127.0.0.1", echo.port), timeout=20) as connection,
        pytest.raises(ConnectionError),
    ):
        while True:
            connection.sendall(b"A: b\r\n" * 10_000)
    assert echo.ask().status == 200


def test_questions_that_come_together_are_all_answered(echo: Server) -> None:
    one = b"GET /page HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = echo.send(one * 2 + b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert answer.count(b"HTTP/1.1 200 ") == 3
