"""Small files that only their owner can read, replaced whole or not at all."""

import os
import stat
import tempfile
from pathlib import Path


class NotOurs(OSError):
    """Somebody else on this computer could write what stands there."""


def write_private(file: Path, text: str) -> None:
    """Put ``text`` in the place of ``file``; its folder is made when it is missing.

    Raises:
        OSError: it cannot be written; ``NotOurs``: others could replace it.
    """
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    check_owner(file.parent)
    # mkstemp makes a file that only its owner can read, under a name that nobody can guess.
    handle, beside = tempfile.mkstemp(prefix=".", suffix=".new", dir=file.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        Path(beside).replace(file)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise


def read_private(file: Path) -> str:
    """Return what stands in ``file``.

    Raises:
        FileNotFoundError: there is none.
        OSError: it cannot be read; ``NotOurs``: others could have written it.
        UnicodeDecodeError: it is no text.
    """
    text = file.read_text("utf-8")
    check_owner(file.parent)
    check_owner(file)
    return text


def check_owner(path: Path) -> None:
    """Make sure that nobody but this user, and the administrator, can write at ``path``.

    A user's own group may (it has one member where a system gives out such rights); where the
    system knows no such modes, the rights of the user's profile folder hold.

    Raises:
        NotOurs
        OSError: it cannot be looked at.
    """
    if os.name != "posix":
        return
    facts = path.stat()
    if facts.st_uid not in {os.getuid(), 0} or facts.st_mode & stat.S_IWOTH:
        raise NotOurs(str(path))
