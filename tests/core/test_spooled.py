"""Files that are made whole before they are sent: sealed, without a name, of flat memory."""

import os
import stat
import tempfile
import tracemalloc
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import IO, Any

import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import given
from hypothesis import strategies as st

from zaitaku.core import spooled
from zaitaku.core.spooled import IN_MEMORY_BYTES, PIECE_BYTES, NoRoom, SpooledFile

NAME = "在宅　太郎".encode()


def parts(content: Iterable[bytes]) -> Generator[bytes, None, None]:
    yield from content


def large() -> Generator[bytes, None, None]:
    """Yield lines that do not stay in memory."""
    for _ in range(IN_MEMORY_BYTES // len(NAME) + PIECE_BYTES):
        yield NAME


@pytest.fixture
def on_disk(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The files that went to the folder for temporary files."""
    made: list[Any] = []
    usual: Callable[..., Any] = tempfile.TemporaryFile

    def kept(*args: Any, **kwargs: Any) -> Any:
        made.append(usual(*args, **kwargs))
        return made[-1]

    monkeypatch.setattr(tempfile, "TemporaryFile", kept)
    return made


@given(st.lists(st.integers(0, PIECE_BYTES + 1).map(lambda size: b"\xe5" * size), max_size=12))
def test_a_file_is_read_as_it_was_made(content: list[bytes]) -> None:
    file = SpooledFile.of(parts(content))
    whole = b"".join(content)
    assert (file.length, b"".join(file)) == (len(whole), whole)
    file.close()


def test_a_file_on_disk_has_no_name_and_tells_nothing(on_disk: list[IO[bytes]]) -> None:
    file = SpooledFile.of(large())
    (kept,) = on_disk
    state = os.fstat(kept.fileno())
    assert (stat.S_IMODE(state.st_mode), state.st_nlink) == (0o600, 0)
    assert state.st_size > IN_MEMORY_BYTES
    kept.seek(0)
    assert NAME not in kept.read()
    assert b"".join(file) == b"".join(large())
    file.close()
    assert kept.closed


def test_what_is_changed_on_disk_is_not_given_out(on_disk: list[IO[bytes]]) -> None:
    file = SpooledFile.of(large())
    on_disk[0].seek(10)
    on_disk[0].write(b"=1+1")
    with pytest.raises(InvalidTag):
        next(iter(file))
    file.close()


def test_what_is_small_needs_no_disk(on_disk: list[IO[bytes]]) -> None:
    SpooledFile.of(parts([b"x" * (IN_MEMORY_BYTES // 2)])).close()
    assert on_disk == []


def open_files() -> set[str]:
    return {each.name for each in Path("/proc/self/fd").iterdir()}


def fails_at_once(**_: object) -> IO[bytes]:
    raise PermissionError


def full_disk(**_: object) -> IO[bytes]:
    """Return a file on a disk that is full (full(4))."""
    return Path("/dev/full").open("w+b")


@pytest.mark.parametrize("disk", [fails_at_once, full_disk])
def test_without_room_there_is_no_file_and_nothing_stays_open(
    monkeypatch: pytest.MonkeyPatch, disk: Callable[..., IO[bytes]]
) -> None:
    monkeypatch.setattr(tempfile, "TemporaryFile", disk)
    lines, before = large(), open_files()
    with pytest.raises(NoRoom):
        SpooledFile.of(lines)
    assert next(lines, None) is None
    assert open_files() <= before


def test_what_stays_in_the_buffer_to_the_end_is_missed_as_well(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tempfile, "TemporaryFile", full_disk)
    monkeypatch.setattr(spooled, "IN_MEMORY_BYTES", 1)
    with pytest.raises(NoRoom):
        SpooledFile.of(parts([b"short"]))


def test_a_failure_on_the_way_leaves_nothing_open(on_disk: list[IO[bytes]]) -> None:
    def broken() -> Generator[bytes, None, None]:
        yield from large()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        SpooledFile.of(broken())
    assert on_disk[0].closed


def test_others_are_let_through_between_the_pieces() -> None:
    paused: list[int] = []
    file = SpooledFile.of(parts([b"x" * PIECE_BYTES] * 3), lambda: paused.append(1))
    assert len(paused) == 3
    file.close()


def test_memory_is_flat() -> None:
    tracemalloc.start()
    try:
        file = SpooledFile.of(parts(b"x" * 160 for _ in range(100_000)))
        length = sum(len(piece) for piece in file)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    file.close()
    assert (length, peak < 3 * IN_MEMORY_BYTES) == (16_000_000, True)
