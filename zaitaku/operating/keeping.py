"""How many copies are kept, and the end of those that are too many."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from zaitaku.operating.copies import PREFIX, CopyDamaged, Manifest, unfinished

_UNDER_WAY: Final = timedelta(days=7)
"""So long a copy may be under way; what is older was broken off, by a power cut for instance."""


@dataclass(frozen=True)
class Ended:
    """What became of copies that were too many, oldest first."""

    gone: tuple[Path, ...]
    stuck: tuple[Path, ...]
    """These could not be deleted, or not whole."""


def forget_older(newest: Path, keep: int, now: datetime) -> Ended:
    """Delete the oldest copies beside ``newest`` until ``keep`` are left.

    ``newest`` itself is one of the ``keep`` and always stays; once it is gone, nothing else goes.
    What is no copy, or has lost a file, neither counts nor goes; nor does a copy from a time to
    come, of which nobody knows how old it is. What was left by copies that were broken off goes.

    Raises:
        ValueError: ``keep`` is less than one.
    """
    if keep < 1:
        raise ValueError("the newest copy stays")
    with _alone_in(newest.parent):
        if not newest.is_dir():
            return Ended((), ())
        others = sorted(
            (each for each in _copies_beside(newest) if each[0] <= now),
            key=lambda each: each[0],
            reverse=True,
        )
        leaving = tuple(place for _, place in reversed(others[keep - 1 :]))
        stuck = tuple(place for place in leaving if not _is_deleted(place))
        for place in newest.parent.glob(unfinished(Path(f"{PREFIX}*")).name):
            if now.timestamp() - place.stat().st_mtime > _UNDER_WAY.total_seconds():
                shutil.rmtree(place, ignore_errors=True)
    return Ended(tuple(place for place in leaving if place not in stuck), stuck)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    # Two that count at the same time would each keep what the other deletes.
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _is_deleted(place: Path) -> bool:
    try:
        # What is half gone shall not look like a copy.
        shutil.rmtree(place.rename(unfinished(place)))
    except OSError:
        return False
    return True


def _copies_beside(newest: Path) -> Iterator[tuple[datetime, Path]]:
    for place in newest.parent.glob(f"{PREFIX}*"):
        if place.name != newest.name and not place.is_symlink():
            with suppress(CopyDamaged):
                manifest = Manifest.read(place)
                if all((place / name).is_file() for name in manifest.files):
                    yield manifest.made_at, place
