"""Clients that send slowly, never end, or never go: they keep nobody out, and have an end."""

import select
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager

import pytest

from tests.deploy.hurried import SECONDS
from tests.deploy.web import WORKERS, Server, running
from tests.servers import free_port
from zaitaku.commands.arrivals import BODY_BYTES_A_SECOND, Arrivals
from zaitaku.commands.web_server import ARRIVING_FROM_ONE
from zaitaku.core.gate import THREADS

CROWD = 2 * WORKERS * THREADS + 10
AT_ONCE_SECONDS = 8.0
"""Less than whoever sends too slowly is waited for, and enough for a busy machine."""
MOST_SECONDS = 6 * SECONDS
POST = b"POST /j/x/card HTTP/1.1\r\nHost: localhost\r\n"
FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"


@contextmanager
def sending(server: Server, words: bytes, count: int) -> Iterator[list[socket.socket]]:
    """Have so many clients that have begun with these words."""
    with ExitStack() as stack:
        crowd = []
        for _ in range(count):
            # One by one: where nothing has come yet, a connection is closed without a word.
            address = ("127.0.0.1", server.port)
            crowd.append(stack.enter_context(socket.create_connection(address, timeout=20)))
            crowd[-1].sendall(words)
        yield crowd


@pytest.fixture(scope="module")
def hurried(made: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The product, with a second for its clients."""
    port = free_port()
    command = ["tests.deploy.hurried", "zaitaku.app:from_environment", str(port), str(WORKERS)]
    with running(command, port, tmp_path_factory.mktemp("hurried"), **made) as server:
        yield server


@pytest.mark.parametrize(
    "words",
    [
        POST + FORM + b"Content-Length: 60000\r\n\r\na=",
        POST + FORM + b"Content-Length: 00000000000060000\r\n\r\na=",
        POST + FORM + b"Expect: 100-continue\r\nContent-Length: 60000\r\n\r\na=",
        POST + FORM + CHUNKED + b"\r\n5\r\n",
        b"POST /console/account-imports HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Length: 500000\r\n\r\na=",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000\r\n\r\na=",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 600000\r\n\r\na=",
        b"POST /healthz HTTP/1.1\r\nHost: localhost\r\n" + CHUNKED + b"\r\n5\r\n",
        b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    ],
    ids=[
        "small",
        "zeros",
        "expect",
        "chunked",
        "upload",
        "unwanted",
        "large",
        "unwanted-chunks",
        "stays",
        "close",
    ],
)
def test_a_crowd_that_never_ends_keeps_nobody_out(site: Server, words: bytes) -> None:
    form = POST + FORM + b"Connection: close\r\nContent-Length: 3\r\n\r\n"
    with sending(site, words, CROWD):
        time.sleep(0.2)
        began = time.monotonic()
        for _ in range(5):
            assert site.ask().status == 200
            assert site.send(form + b"a=b").startswith(b"HTTP/1.1 400 ")
        assert time.monotonic() - began < AT_ONCE_SECONDS


@pytest.mark.parametrize("length", [b"1000", b"500000"], ids=["small", "upload"])
def test_who_sends_a_letter_at_a_time_is_told_that_it_was_too_long(
    hurried: Server, length: bytes
) -> None:
    words = b"POST /console/account-imports HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    with sending(hurried, words + b"Content-Length: " + length + b"\r\n\r\n", 1) as (slow,):
        began = time.monotonic()
        while time.monotonic() - began < MOST_SECONDS and not is_readable(slow):
            slow.sendall(b"a")
            time.sleep(0.1)
        answer = slow.recv(4096)
    assert SECONDS <= time.monotonic() - began < MOST_SECONDS
    assert answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert b"\r\nConnection: close\r\n" in answer
    assert b"\r\nRetry-After: " in answer


def is_readable(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        connection.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    finally:
        connection.settimeout(20)
    return True


def test_a_connection_on_which_nothing_came_is_closed_without_a_word(hurried: Server) -> None:
    with sending(hurried, b"", 1) as (silent,):
        assert silent.recv(1) == b""


def test_when_too_many_are_at_it_who_has_been_longest_goes(echo: Server) -> None:
    words = POST + b"Content-Length: 1\r\n\r\n"
    with sending(echo, words, WORKERS * ARRIVING_FROM_ONE + 1) as crowd:
        gone, _, _ = select.select(crowd, [], [], 10)
        assert gone
        assert crowd[-1] not in gone
        assert gone[0].recv(100).startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
        crowd[-1].sendall(b"a")
        assert crowd[-1].recv(100).startswith(b"HTTP/1.1 200 ")


def test_a_connection_whose_body_nobody_read_is_not_used_again(echo: Server) -> None:
    for said in (b"Content-Length: 70000\r\n\r\na", CHUNKED + b"\r\n5\r\n"):
        answer = echo.send(POST + said)
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b"\r\nConnection: close\r\n" in answer


def test_a_body_in_parts_leaves_the_connection_open(echo: Server) -> None:
    with sending(echo, b"", 1) as (client,):
        for _ in range(2):
            client.sendall(POST + b"Content-Length: 60000\r\n\r\n")
            for _ in range(6):
                client.sendall(b"a" * 10_000)
            answer = b""
            while not answer.endswith(b"}"):
                answer += client.recv(65536)
            assert answer.startswith(b"HTTP/1.1 200 ")
            assert b"\r\nConnection: close\r\n" not in answer


@contextmanager
def arriving() -> Iterator[tuple[Arrivals, Callable[[bytes], None]]]:
    """Have a connection on which a test sends."""
    ours, theirs = socket.socketpair()
    with closing(ours), closing(theirs):
        yield Arrivals(theirs, "192.0.2.1"), ours.sendall


def test_a_thread_waits_so_long_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zaitaku.commands.arrivals.BODY_SECONDS", 0.2)
    with arriving() as (arrivals, send):
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            while True:
                send(b"a")
                assert arrivals.chunk(1) == b"a"
                time.sleep(0.01)
        assert 0.2 <= time.monotonic() - began < 8.0
        with pytest.raises(TimeoutError):
            arrivals.chunk(1)


def test_what_comes_fast_enough_has_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zaitaku.commands.arrivals.BODY_SECONDS", 0.2)
    part = b"a" * (BODY_BYTES_A_SECOND // 2)
    with arriving() as (arrivals, send):
        for _ in range(5):
            send(part)
            assert arrivals.chunk(len(part)) == part
            time.sleep(0.1)
