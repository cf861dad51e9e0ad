"""Whether a TCP connection stands."""

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from zaitaku.core import tcp
from zaitaku.core.tcp import is_established

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Both ends of a TCP connection."""
    with ExitStack() as stack:
        door = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        near = stack.enter_context(socket.create_connection(door.getsockname()))
        far, _ = door.accept()
        yield near, stack.enter_context(far)


def test_it_stands_until_one_end_closes_it(pair: Pair) -> None:
    near, far = pair
    assert is_established(near.fileno()) is True
    far.sendall(b"last words")
    assert is_established(near.fileno()) is True
    far.close()
    assert near.recv(100) == b"last words"
    assert is_established(near.fileno()) is False


def test_it_does_not_stand_once_it_was_broken_off(pair: Pair) -> None:
    near, far = pair
    near.sendall(b"never read")
    far.close()  # with unread words: a reset (RFC 9293 §3.6)
    with pytest.raises(OSError, match="reset"):
        while near.recv(100):
            pass
    assert is_established(near.fileno()) is False


def test_looking_leaves_the_socket_to_its_owner(pair: Pair) -> None:
    near, far = pair
    for _ in range(100):
        assert is_established(near.fileno())
    near.sendall(b"still there")
    assert far.recv(100) == b"still there"


def test_what_is_no_tcp_is_not_judged(tmp_path: Path) -> None:
    one, other = socket.socketpair()
    with one, other:
        assert is_established(one.fileno()) is None
    assert is_established(-1) is False
    with (tmp_path / "file").open("wb") as file:
        assert is_established(file.fileno()) is False
    closed = os.open(os.devnull, os.O_RDONLY)
    os.close(closed)
    assert is_established(closed) is False


def test_a_system_that_does_not_tell_is_not_guessed_about(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tcp, "_INFO", None)
    assert is_established(pair[0].fileno()) is None
