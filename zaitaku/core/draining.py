"""Whether this instance is about to end, known to all its processes at once.

An instance that is told to end first says so (``/readyz``) and lets the proxy take its visitors
elsewhere; only then does it stop listening. So nobody meets a door that closes.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from mmap import ACCESS_READ, ACCESS_WRITE, mmap
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final, Protocol

FLAG: Final = "ZAITAKU_DRAINING_FLAG"
"""Names the file to the processes of one instance; nobody sets it by hand."""
EXTENSION: Final = "zaitaku.draining"
"""Where a web application keeps its ``Draining``."""


class _Cell(Protocol):
    def __getitem__(self, place: int, /) -> int: ...
    def __setitem__(self, place: int, value: int, /) -> None: ...


class Draining:
    """One byte that all processes of an instance see: looking at it costs nothing."""

    def __init__(self, cell: _Cell | None = None) -> None:
        self._cell: _Cell = bytearray(1) if cell is None else cell

    @property
    def is_on(self) -> bool:
        """Whether the instance is about to end."""
        return self._cell[0] != 0

    def begin(self) -> None:
        """Say that the instance is about to end."""
        self._cell[0] = 1


@contextmanager
def shared_draining() -> Iterator[Draining]:
    """Give a flag that processes which this one starts meanwhile will see (``own_draining``)."""
    with NamedTemporaryFile(prefix="zaitaku-draining-") as file:
        file.write(b"\0")
        file.flush()
        os.environ[FLAG] = file.name
        try:
            with mmap(file.fileno(), 1, access=ACCESS_WRITE) as cell:
                yield Draining(cell)
        finally:
            del os.environ[FLAG]


def own_draining(environ: Mapping[str, str] = os.environ) -> Draining:
    """Return the flag of the instance that this process belongs to; of its own where there is none.

    Raises:
        FileNotFoundError: the instance has ended meanwhile.
    """
    name = environ.get(FLAG)
    if name is None:
        return Draining()
    with Path(name).open("rb") as file:
        return Draining(mmap(file.fileno(), 1, access=ACCESS_READ))
