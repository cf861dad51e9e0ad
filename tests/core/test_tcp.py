"""Whether a TCP connection stands and is quiet."""

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from zaitaku.core import tcp
from zaitaku.core.tcp import is_number_surely_quiet, is_surely_quiet

Pair = tuple[socket.socket, socket.socket]

linux = pytest.mark.skipif(not hasattr(socket, "TCP_INFO"), reason="the system does not tell")


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Both ends of a TCP connection."""
    with ExitStack() as stack:
        door = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        near = stack.enter_context(socket.create_connection(door.getsockname()))
        far, _ = door.accept()
        yield near, stack.enter_context(far)


@linux
def test_it_is_quiet_whenever_all_that_came_was_read(pair: Pair) -> None:
    near, far = pair
    assert is_surely_quiet(near)
    for words in (b"a", b"longer" * 10_000, b"b"):
        far.sendall(words)
        assert not is_surely_quiet(near)
        left = len(words)
        while left:
            assert not is_surely_quiet(near)
            left -= len(near.recv(min(left, 1000)))
        assert is_surely_quiet(near)


@linux
def test_what_was_sent_and_not_yet_read_over_there_is_no_noise_here(pair: Pair) -> None:
    near, far = pair
    near.sendall(b"a question")
    assert is_surely_quiet(near)
    assert far.recv(100) == b"a question"


def test_an_end_that_nobody_has_read_is_seen(pair: Pair) -> None:
    near, far = pair
    far.close()
    assert not is_surely_quiet(near)
    assert near.recv(100) == b""
    assert not is_surely_quiet(near)


def test_last_words_are_heard_before_the_end(pair: Pair) -> None:
    near, far = pair
    far.sendall(b"FATAL")
    assert not is_surely_quiet(near)
    far.close()
    assert not is_surely_quiet(near)


def test_one_that_was_broken_off_is_not_quiet(pair: Pair) -> None:
    near, far = pair
    far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    far.close()  # a reset, and nothing to be read (RFC 9293 §3.10.4)
    assert not is_surely_quiet(near)


@linux
def test_looking_by_its_number_leaves_the_socket_to_its_owner(pair: Pair) -> None:
    near, far = pair
    for _ in range(100):
        assert is_number_surely_quiet(near.fileno())
    near.sendall(b"still there")
    assert far.recv(100) == b"still there"


def test_nothing_else_is_ever_sure(tmp_path: Path) -> None:
    one, other = socket.socketpair()
    with one, other:
        assert not is_surely_quiet(one)
        assert not is_number_surely_quiet(one.fileno())
    assert not is_surely_quiet(one)
    with (tmp_path / "file").open("wb") as file:
        assert not is_number_surely_quiet(file.fileno())
    closed = os.open(os.devnull, os.O_RDONLY)
    os.close(closed)
    assert not is_number_surely_quiet(closed)
    assert not is_number_surely_quiet(-1)


@pytest.mark.parametrize(
    ("name", "value"),
    [("_INFO", None), ("_MEMORY", socket.SO_TYPE), ("_MEMORY", socket.SO_ERROR), ("_MEMORY", 9999)],
)
def test_a_system_that_means_something_else_is_not_believed(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, name: str, value: int | None
) -> None:
    monkeypatch.setattr(tcp, name, value)
    assert not is_surely_quiet(pair[0])
