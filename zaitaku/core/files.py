"""Private files, written whole or not at all."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def write_private(path: Path, content: bytes) -> None:
    """Put ``content`` at ``path`` (mode 0600); a reader sees the old file or the new one."""
    with _beside(path, content) as fresh:
        fresh.replace(path)


def write_once(path: Path, content: bytes) -> bytes:
    """Put ``content`` at ``path`` (mode 0600) unless a file is there; return what stands there.

    Of several processes that start at once, one wins and all go on with its content.
    """
    with _beside(path, content) as fresh, contextlib.suppress(FileExistsError):
        os.link(fresh, path)
    return path.read_bytes()


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Give a file (mode 0600) beside ``path`` that takes its name when the block ends well.

    The name is taken at the start, also where a file system knows no links: nothing that is there,
    or comes meanwhile, is replaced.

    Raises:
        FileExistsError: something has the name.
    """
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    fresh = path.with_name(f".{path.name}.new")
    try:
        fresh.touch(mode=0o600)
        yield fresh
        with fresh.open("rb") as file:
            os.fsync(file.fileno())
        fresh.replace(path)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        fresh.unlink(missing_ok=True)


@contextmanager
def _beside(path: Path, content: bytes) -> Iterator[Path]:
    try:
        handle, name = tempfile.mkstemp(prefix=".", suffix=".new", dir=path.parent)
    except OSError as error:
        error.filename = str(path)  # whoever reads of it knows this name
        raise
    fresh = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield fresh
    finally:
        fresh.unlink(missing_ok=True)
