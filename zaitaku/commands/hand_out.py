"""A file of secrets that are told once: its owner's alone, each row whole and on the disk."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path

import click

from zaitaku.core.spreadsheets import Codec, encode_row, file_start


class HandOut:
    """Rows that are on the disk when ``tell`` has returned, and not at all when it has not."""

    def __init__(self, path: Path, file: FileIO) -> None:
        self.path = path
        self.rows = 0
        self._file = file

    def tell(self, cells: Sequence[str]) -> None:
        """Write one row.

        Raises:
            click.ClickException: it could not be written, and is not there.
        """
        self._write(encode_row(cells, Codec.UTF_8))
        self.rows += 1

    def begin(self, headings: Sequence[str]) -> None:
        """Write what the file begins with; ``Raises`` as with ``tell``."""
        self._write(file_start(Codec.UTF_8) + encode_row(headings, Codec.UTF_8))

    def _write(self, content: bytes) -> None:
        at = self._file.tell()
        try:
            left = memoryview(content)
            while left:
                left = left[self._file.write(left) :]
            os.fsync(self._file.fileno())
        except OSError as error:
            with suppress(OSError):
                self._file.seek(at)
                self._file.truncate()
            raise unwritable(self.path, error) from error


@contextmanager
def new_hand_out(path: Path, headings: Sequence[str]) -> Iterator[HandOut]:
    """Give a new file (mode 0600) with its headings; where nothing was told, it goes again.

    Raises:
        click.ClickException: it cannot be made; something may have its name.
    """
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise unwritable(path, error) from error
    with FileIO(handle, "wb") as file:
        told = HandOut(path, file)
        try:
            told.begin(headings)
            yield told
        finally:
            if not told.rows:
                path.unlink()


def unwritable(path: Path, error: OSError) -> click.ClickException:
    """Return what is told about a file that could not be written."""
    if isinstance(error, FileExistsError):
        return click.ClickException(f"{path} はすでにあります。別の名前にしてください。")
    return click.ClickException(f"{path} に書けません（{error.strerror}）。")
