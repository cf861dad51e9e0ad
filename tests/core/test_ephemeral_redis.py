"""The Redis adapter: what it sends, and a server that is away, stuck, full or a replica."""

import os
import socket
import socketserver
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import pytest
from redis import Redis
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from tests.core.stores import HOUR
from tests.servers import RunningServer, redis_server
from zaitaku.core.ephemeral import EphemeralStore
from zaitaku.core.ephemeral_redis import RedisEphemeralStore
from zaitaku.core.errors import EphemeralStoreUnavailable, StoreUnavailable
from zaitaku.core.redis_lines import RedisLines
from zaitaku.core.redis_servers import connection_pool
from zaitaku.core.redis_waits import LARGE

CALLS: list[Callable[[EphemeralStore], object]] = [
    lambda store: store.create("k", {"a": "1"}, HOUR),
    lambda store: store.read("k"),
    lambda store: store.merge("k", {"a": "1"}, HOUR),
    lambda store: store.take("k"),
    lambda store: store.delete("k"),
    lambda store: store.count("c", HOUR),
]
KERNEL_WAITS = (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO)
WRITES = [CALLS[number] for number in (0, 2, 3, 4, 5)]


@pytest.fixture
def store(empty_redis: str) -> Iterator[RedisEphemeralStore]:
    opened = RedisEphemeralStore(empty_redis)
    yield opened
    opened.close()


@pytest.fixture
def own_server() -> Iterator[RunningServer]:
    """A server that the test may maltreat."""
    with redis_server() as server:
        yield server


@contextmanager
def opened(url: str, timeout_seconds: float = 0.3) -> Iterator[RedisEphemeralStore]:
    store = RedisEphemeralStore(url, timeout_seconds=timeout_seconds)
    yield store
    store.close()


def sent_commands(url: str, act: Callable[[], object]) -> list[str]:
    """Return the names of the commands that clients send while ``act`` runs."""
    with Redis.from_url(url) as client, client.monitor() as monitor:
        act()
        with Redis.from_url(url) as marker:
            marker.echo("the end")
        names: list[str] = []
        for heard in monitor.listen():
            if heard["command"].startswith("ECHO"):
                break
            if heard["client_type"] != "lua":
                names.append(heard["command"].split()[0])
    return [name for name in names if name not in {"CLIENT", "HELLO", "SELECT"}]


@contextmanager
def slowly_to(url: str) -> Iterator[str]:
    """Give the address of somebody who hands on what is sent to ``url`` in small pieces."""
    end, door = threading.Event(), socket.create_server(("127.0.0.1", 0))
    target = ("127.0.0.1", urlsplit(url).port or 0)

    def hand_on(near: socket.socket, far: socket.socket, pause: float) -> None:
        with near, far, suppress(OSError):
            while piece := near.recv(100_000):
                far.sendall(piece)
                if len(piece) > LARGE:
                    end.wait(pause)

    def receive() -> None:
        with suppress(OSError):
            while True:
                near, _ = door.accept()
                far = socket.create_connection(target)
                for ends in ((near, far, 0.3), (far, near, 0.0)):
                    threading.Thread(target=hand_on, args=ends, daemon=True).start()

    threading.Thread(target=receive, daemon=True).start()
    try:
        yield f"redis://127.0.0.1:{door.getsockname()[1]}/0"
    finally:
        end.set()
        door.close()


class TestCost:
    def test_each_call_is_one_command(self, store: RedisEphemeralStore, empty_redis: str) -> None:
        for call in CALLS:
            call(store)  # the scripts are known from here on
        for call in CALLS:
            assert len(sent_commands(empty_redis, partial(call, store))) == 1

    def test_forgotten_scripts_are_registered_again(
        self, store: RedisEphemeralStore, empty_redis: str
    ) -> None:
        assert store.count("c", HOUR) == 1
        with Redis.from_url(empty_redis) as client:
            client.script_flush()
        assert store.count("c", HOUR) == 2


class TestTime:
    def test_the_server_lets_entries_die(self, store: RedisEphemeralStore) -> None:
        store.create("k", {"a": "1"}, timedelta(milliseconds=40))
        store.count("c", timedelta(milliseconds=40))
        time.sleep(0.08)
        assert store.read("k") is None
        assert store.merge("k", {"a": "2"}, HOUR) is None
        assert store.count("c", HOUR) == 1

    def test_nothing_stays_for_ever(self, store: RedisEphemeralStore, empty_redis: str) -> None:
        store.create("k", {}, HOUR)
        store.merge("k", {"a": "1"}, HOUR)
        store.count("c", HOUR)
        with Redis.from_url(empty_redis) as client:
            left = [client.pttl(key) for key in client.scan_iter()]
        assert len(left) == 2
        assert all(3_590_000 < milliseconds <= 3_600_000 for milliseconds in left)


class TestProcesses:
    def test_a_forked_process_speaks_on_connections_of_its_own(
        self, store: RedisEphemeralStore
    ) -> None:
        store.create("k", {"a": "1"}, HOUR)
        child = os.fork()
        if not child:
            with _ending(1):
                for number in range(200):
                    fields = store.merge("k", {"child": str(number)}, HOUR) or {}
                    assert fields["child"] == str(number)
        for number in range(200):
            fields = store.merge("k", {"parent": str(number)}, HOUR) or {}
            assert fields["parent"] == str(number)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0


@contextmanager
def _ending(failure: int) -> Iterator[None]:
    """End this process after the block, with ``failure`` if it fails; no test goes on in it."""
    try:
        yield
        failure = 0
    finally:
        os._exit(failure)


class TestTrouble:
    def test_killed_and_started_again(self, own_server: RunningServer) -> None:
        with opened(own_server.url) as store:
            store.create("k", {"a": "1"}, HOUR)
            own_server.kill()
            for call in CALLS:
                with pytest.raises(EphemeralStoreUnavailable):
                    call(store)
            with redis_server(port=own_server.port):
                assert store.read("k") is None
                assert store.count("c", HOUR) == 1

    def test_restarted_between_two_calls(self, own_server: RunningServer) -> None:
        with opened(own_server.url) as store:
            store.create("k", {"a": "1"}, HOUR)
            own_server.kill()
            with redis_server(port=own_server.port):
                assert store.create("k", {"a": "2"}, HOUR)

    def test_never_there(self) -> None:
        with opened("redis://127.0.0.1:1/0") as store:
            for call in CALLS:
                with pytest.raises(StoreUnavailable, match="ConnectionError"):
                    call(store)

    def test_stuck(self, own_server: RunningServer) -> None:
        with opened(own_server.url) as store:
            store.create("k", {"a": "1"}, HOUR)
            with own_server.frozen():
                began = time.monotonic()
                with pytest.raises(StoreUnavailable, match="TimeoutError"):
                    store.read("k")
                assert time.monotonic() - began < 10
            # The late answer must not be taken for that of the next call.
            assert store.read("other") is None
            assert store.read("k") == {"a": "1"}

    def test_a_server_that_reads_no_more_is_waited_for_as_long(
        self, own_server: RunningServer
    ) -> None:
        with opened(own_server.url) as store:
            store.count("c", HOUR)
            with own_server.frozen():
                began = time.monotonic()
                with pytest.raises(StoreUnavailable, match="TimeoutError"):
                    store.create("k", {"a": "1" * 50_000_000}, HOUR)
                assert time.monotonic() - began < 10

    def test_a_server_that_reads_slowly_is_not_waited_for_without_end(
        self, own_server: RunningServer
    ) -> None:
        with slowly_to(own_server.url) as url, opened(url, timeout_seconds=1.0) as store:
            assert store.count("c", HOUR) == 1
            began = time.monotonic()
            with pytest.raises(StoreUnavailable, match="TimeoutError"):
                store.create("k", {"a": "1" * 50_000_000}, HOUR)
            assert time.monotonic() - began < 10
            assert store.count("c", HOUR) == 2

    def test_where_the_kernel_cannot_bound_waits_python_goes_on_to(
        self, own_server: RunningServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("zaitaku.core.redis_waits.bound_waits", lambda _line: None)
        pool = connection_pool(own_server.url, socket_timeout=0.3)
        line: Any = pool.get_connection()
        line.send_command("SET", "k", "1" * 2 * LARGE)
        assert line.read_response() == b"OK"
        assert line._sock.gettimeout() == 0.3
        pool.disconnect()

    def test_whoever_uses_such_a_connection_hears_of_a_timeout(
        self, own_server: RunningServer
    ) -> None:
        pool = connection_pool(own_server.url, socket_timeout=0.3)
        with Redis(connection_pool=pool) as client:
            client.ping()
            with own_server.frozen(), pytest.raises(RedisTimeoutError):
                client.get("k")

    def test_the_kernel_ends_waits_and_python_looks_at_no_socket(
        self, own_server: RunningServer
    ) -> None:
        pool = connection_pool(own_server.url, socket_timeout=0.3)
        line = pool.get_connection()
        own: Any = line._sock
        assert own.gettimeout() is None
        waits = [own.getsockopt(socket.SOL_SOCKET, kind, 16) for kind in KERNEL_WAITS]
        # Kernels count in ticks.
        assert {struct.unpack("@ll", each)[0] for each in waits} == {0}
        assert all(300_000 <= struct.unpack("@ll", each)[1] < 320_000 for each in waits)
        pool.disconnect()

    def test_a_lost_answer_is_not_asked_for_twice(self, own_server: RunningServer) -> None:
        with opened(own_server.url) as store:
            store.count("c", HOUR)
            with own_server.frozen(), pytest.raises(StoreUnavailable):
                store.count("c", HOUR)
            assert store.count("c", HOUR) == 3

    def test_a_replica_refuses_writes_until_it_is_primary(self, own_server: RunningServer) -> None:
        with opened(own_server.url) as store, Redis.from_url(own_server.url) as client:
            store.create("k", {"a": "1"}, HOUR)
            client.replicaof("127.0.0.1", "1")
            for call in WRITES:
                with pytest.raises(StoreUnavailable, match="ReadOnlyError"):
                    call(store)
            client.replicaof("NO", "ONE")
            assert store.read("k") == {"a": "1"}
            assert store.count("c", HOUR) == 1

    def test_full(self, own_server: RunningServer) -> None:
        with opened(own_server.url) as store, Redis.from_url(own_server.url) as client:
            store.create("k", {"a": "1"}, HOUR)
            client.config_set("maxmemory", "1")
            with pytest.raises(StoreUnavailable, match="OutOfMemoryError"):
                store.merge("k", {"b": "1"}, HOUR)
            with pytest.raises(StoreUnavailable, match="OutOfMemoryError"):
                store.create("new", {"b": "1"}, HOUR)
            assert store.read("new") is None
            assert store.take("k") == {"a": "1"}

    @pytest.mark.parametrize(
        "answer",
        [
            "LOADING Redis is loading the dataset in memory",
            "BUSY Redis is busy running a script.",
            "MISCONF Redis is configured to save RDB snapshots, but it cannot",
            "MASTERDOWN Link with MASTER is down",
            "NOREPLICAS Not enough good replicas to write.",
            "CLUSTERDOWN The cluster is down",
            "ERR max number of clients reached",
        ],
    )
    def test_a_server_that_cannot_work_now(self, answer: str) -> None:
        with server_that_says(f"-{answer}\r\n") as url, opened(url) as store:
            for call in CALLS:
                with pytest.raises(EphemeralStoreUnavailable) as caught:
                    call(store)
                assert " " not in caught.value.detail

    @pytest.mark.parametrize("is_at_once", [True, False])
    def test_what_was_said_before_the_question_is_no_answer_to_it(
        self, *, is_at_once: bool
    ) -> None:
        was_heard, was_said_again = threading.Event(), threading.Event()

        def answer_twice(words: list[bytes], send: Callable[[bytes], object]) -> None:
            said = b"+" + words[1] + b"\r\n"
            if is_at_once:
                send(said * 2)
            else:
                send(said)
                was_heard.wait(5)
                send(said)
            was_said_again.set()

        with server_that(answer_twice) as url:
            lines = RedisLines(connection_pool(url, socket_timeout=1, protocol=2))
            for word in (b"one", b"two", b"three"):
                assert lines.ask("ECHO", word.decode()) == word
                was_heard.set()
                assert was_said_again.wait(5)
                was_heard.clear()
                was_said_again.clear()
            lines.leave()

    def test_our_own_mistakes_are_not_called_trouble(
        self, store: RedisEphemeralStore, empty_redis: str
    ) -> None:
        with Redis.from_url(empty_redis) as client:
            client.lpush("k", "no hash")
        with pytest.raises(ResponseError, match="WRONGTYPE"):
            store.read("k")


Answering = Callable[[list[bytes], Callable[[bytes], object]], object]
"""Gets the words of a command, and what sends an answer."""


def server_that_says(answer: str) -> AbstractContextManager[str]:
    """Run a server that greets properly and gives every other command the same answer."""
    return server_that(lambda _, send: send(answer.encode()))


@contextmanager
def server_that(answers: Answering) -> Iterator[str]:
    """Run a server that greets properly and leaves every other command to ``answers``."""

    class Handler(socketserver.StreamRequestHandler):
        disable_nagle_algorithm = True  # what was sent has arrived

        def handle(self) -> None:
            while header := self.rfile.readline():
                words = [self.word() for _ in range(int(header[1:]))]
                greets = words[0] in {b"CLIENT", b"HELLO", b"SELECT"}
                if greets:
                    self.wfile.write(b"+OK\r\n")
                else:
                    answers(words, self.wfile.write)

        def word(self) -> bytes:
            length = int(self.rfile.readline()[1:])
            return self.rfile.read(length + 2)[:-2]

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"redis://127.0.0.1:{server.server_address[1]}/0"
        finally:
            server.shutdown()
            thread.join()
