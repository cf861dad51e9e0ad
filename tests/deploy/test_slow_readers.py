"""Clients that take their answers slowly, or never: they keep nobody out, and have an end."""

import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from tests.deploy.echo import CONTENT, FILE, LARGE, STREAMED
from tests.deploy.hurried import SECONDS
from tests.deploy.test_slow_clients import AT_ONCE_SECONDS, CROWD, MOST_SECONDS
from tests.deploy.web import WORKERS, Server, running
from tests.servers import free_port
from zaitaku.commands.departures import Departures, Sending

SEGMENT = 536
"""Small parts fill what the system would hold for a client."""
MOST_ON_THE_WAY = 2 * 1024 * 1024
"""Of requests; a worker that took 16 KB for each of 300 answers would hold more."""
ONE_ADDRESS, ANOTHER = "192.0.2.1", "198.51.100.1"


def get(path: str, end: bytes = b"\r\n") -> bytes:
    return b"GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s" % (path.encode(), end)


def dam(connection: socket.socket, held: int = 2048) -> socket.socket:
    """Let the system hold little of what comes."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, held)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT)
    connection.settimeout(20)
    return connection


@contextmanager
def asking(
    server: Server, words: bytes, count: int = 1, *, held: int = 2048
) -> Iterator[list[socket.socket]]:
    """Have so many clients that have asked and take nothing."""
    with ExitStack() as stack:
        crowd = [dam(stack.enter_context(socket.socket()), held) for _ in range(count)]
        for client in crowd:
            client.connect(("127.0.0.1", server.port))
            client.sendall(words)
        yield crowd


def taken(client: socket.socket) -> bytes:
    return b"".join(iter(lambda: client.recv(65536), b""))


@pytest.fixture(scope="module")
def hurried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """What gives much, with a second for its clients."""
    port = free_port()
    command = ["tests.deploy.hurried", "tests.deploy.echo:make", str(port), str(WORKERS)]
    with running(command, port, tmp_path_factory.mktemp("hurried")) as server:
        yield server


def assert_nobody_waits(server: Server) -> None:
    began = time.monotonic()
    for _ in range(10):
        assert server.ask().status == 200
    assert time.monotonic() - began < AT_ONCE_SECONDS


@pytest.mark.parametrize("path", [LARGE, STREAMED, FILE])
def test_a_crowd_that_takes_nothing_keeps_nobody_out(echo: Server, path: str) -> None:
    with asking(echo, get(path), CROWD):
        time.sleep(0.5)
        assert_nobody_waits(echo)


def test_many_small_answers_are_no_way_around(site: Server) -> None:
    with asking(site, 200 * get("/static/css/main.css"), CROWD):
        time.sleep(0.5)
        assert_nobody_waits(site)


def test_who_asks_on_without_an_end_is_not_heard_before_the_answers(echo: Server) -> None:
    words, asked, answer = 500 * get("/x"), 0, b""
    with socket.socket() as client:
        # What waits on the way counts as well.
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2048)
        client.connect(("127.0.0.1", echo.port))
        client.setblocking(False)
        deadline = time.monotonic() + 20
        while answer.count(b" 200 OK\r\n") < 300 and time.monotonic() < deadline:
            with suppress(BlockingIOError):
                asked += client.send(words[asked % len(words) :])
            with suppress(BlockingIOError):
                answer += client.recv(65536)
    assert answer.count(b" 200 OK\r\n") >= 300
    assert asked < MOST_ON_THE_WAY


@pytest.mark.parametrize("path", [LARGE, STREAMED, FILE])
def test_who_takes_nothing_is_cut(hurried: Server, path: str) -> None:
    with asking(hurried, get(path)) as (client,):
        began = time.monotonic()
        end = select.poll()
        end.register(client, 0)
        assert end.poll(MOST_SECONDS * 1000)
        assert time.monotonic() - began >= SECONDS
        with pytest.raises(ConnectionResetError):
            taken(client)


@pytest.mark.parametrize("path", [LARGE, STREAMED, FILE])
def test_a_slow_reader_gets_everything(hurried: Server, path: str) -> None:
    words = get(path).replace(b"1.1", b"1.0")
    with asking(hurried, words, held=32 * 1024) as (client,):
        began, answer = time.monotonic(), bytearray()
        while part := client.recv(32 * 1024):
            answer += part
            time.sleep(3 * SECONDS * len(part) / len(CONTENT))
    assert time.monotonic() - began > 3 * SECONDS
    assert answer.endswith(b"\r\n\r\n" + CONTENT)


@pytest.mark.parametrize("path", [LARGE, STREAMED, FILE])
def test_who_takes_it_at_once_gets_everything_and_goes_on(echo: Server, path: str) -> None:
    with socket.create_connection(("127.0.0.1", echo.port), timeout=20) as client:
        client.sendall(get(path) + get("/healthz", b"Connection: close\r\n\r\n"))
        answer = taken(client)
    assert answer.count(b"HTTP/1.1 200 OK\r\n") == 2
    if path != STREAMED:
        assert CONTENT in answer


@contextmanager
def departing(sending: Sending, address: str) -> Iterator[tuple[Departures, socket.socket]]:
    """Have a connection to a client that takes only what a test takes."""
    with dam(socket.socket()) as theirs, socket.create_server(("127.0.0.1", 0)) as door:
        theirs.connect(door.getsockname())
        ours, _ = door.accept()
        with Departures(ours, address, sending) as departures:
            yield departures, theirs


def sender(departures: Departures) -> threading.Thread:
    """Begin to send more than the system takes, in a thread of its own."""

    def send() -> None:
        try:
            departures.sendall(CONTENT)
        except ConnectionError:
            departures.close()

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    # It waits now.
    deadline = time.monotonic() + 10
    while not departures.until and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    return thread


def test_the_address_that_most_wait_for_loses_the_one_that_takes_least() -> None:
    sending = Sending(most=3)
    with ExitStack() as stack:
        addresses = (ANOTHER, ONE_ADDRESS, ONE_ADDRESS, ONE_ADDRESS)
        clients = [stack.enter_context(departing(sending, address)) for address in addresses]
        threads = [sender(departures) for departures, _ in clients]
        threads[1].join(10)
        assert [thread.is_alive() for thread in threads] == [True, False, True, True]
        with pytest.raises(ConnectionResetError):
            taken(clients[1][1])
        for departures, _ in clients:
            departures.cut()
        for thread in threads:
            thread.join(10)


def test_who_takes_something_stays_before_those_who_have_just_come() -> None:
    sending = Sending(most=2)
    with ExitStack() as stack:
        clients = [stack.enter_context(departing(sending, ONE_ADDRESS)) for _ in range(3)]
        threads = [sender(departures) for departures, _ in clients[:2]]
        until = time.monotonic() + 3
        while time.monotonic() < until:
            clients[0][1].recv(2048)
            time.sleep(0.05)
        threads.append(sender(clients[2][0]))
        threads[1].join(10)
        assert [thread.is_alive() for thread in threads] == [True, False, True]
        for departures, _ in clients:
            departures.cut()
        for thread in threads:
            thread.join(10)


@pytest.mark.parametrize("way", ["send", "sendall", "sendfile"])
def test_no_way_to_send_waits_without_an_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, way: str
) -> None:
    monkeypatch.setattr("zaitaku.commands.departures.TAKING_SECONDS", 0.2)
    (tmp_path / "much").write_bytes(CONTENT)
    with (
        departing(Sending(), ONE_ADDRESS) as (departures, client),
        (tmp_path / "much").open("rb") as file,
    ):
        ways: dict[str, Callable[[], object]] = {
            "send": lambda: departures.send(b"HTTP/1.1 100 Continue\r\n\r\n"),
            "sendall": lambda: departures.sendall(CONTENT),
            "sendfile": lambda: departures.sendfile(file, 0, len(CONTENT)),
        }
        with pytest.raises(ConnectionResetError):
            # A few words alone find room at first.
            for _ in range(100_000):
                ways[way]()
        departures.close()
        with pytest.raises(ConnectionResetError):
            taken(client)


def test_what_a_client_takes_at_once_is_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    sending = Sending()
    monkeypatch.setattr(sending, "enter", pytest.fail)
    with departing(sending, ONE_ADDRESS) as (departures, client):
        departures.sendall(b"a" * 1000)
        assert departures.send(b"b") == 1
        departures.close()
        assert taken(client) == b"a" * 1000 + b"b"
