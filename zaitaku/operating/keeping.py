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

from zaitaku.operating.copies import PREFIX, CopyDamaged, Manifest, check_files, unfinished

_UNDER_WAY: Final = timedelta(days=7)
"""So long a copy may be under way; what is older was broken off, by a power cut for instance."""


@dataclass(frozen=True)
class Ended:
    """What became of copies that were too many, oldest first."""

    gone: tuple[Path, ...]
    stuck: tuple[Path, ...]
    """These could not be deleted, or not whole."""
    damaged: tuple[Path, ...] = ()
    """These would have stayed, but are not what their manifests say; they do not count."""


def forget_older(newest: Path, keep: int, now: datetime) -> Ended:
    """Delete the oldest copies beside ``newest`` until ``keep`` are left.

    ``newest`` itself, which was proved when it was made, is one of the ``keep`` and always stays;
    once it is gone, nothing else goes. Before anything goes, every file of the others that stay is
    compared with its digest: so ``keep`` copies are left that are what they were, whatever moments
    their manifests tell. What is no copy, has lost a file, or is found damaged neither counts nor
    goes; nor does a copy from a time to come, of which nobody knows how old it is. What was left
    by copies that were broken off goes.

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
        leaving, damaged = _surplus([place for _, place in others], keep - 1)
        stuck = tuple(place for place in leaving if not _is_deleted(place))
        for place in newest.parent.glob(unfinished(Path(f"{PREFIX}*")).name):
            if now.timestamp() - place.stat().st_mtime > _UNDER_WAY.total_seconds():
                shutil.rmtree(place, ignore_errors=True)
    return Ended(tuple(place for place in leaving if place not in stuck), stuck, damaged)


def _surplus(others: list[Path], most: int) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Return what is too many of ``others``, oldest first, and what was found damaged.

    All that stays is read to its end, but only where something is to go.
    """
    staying = 0
    damaged: list[Path] = []
    for number, place in enumerate(others):
        if len(others) - len(damaged) <= most:
            break
        if staying == most:
            return tuple(reversed(others[number:])), tuple(reversed(damaged))
        if _is_whole(place):
            staying += 1
        else:
            damaged.append(place)
    return (), tuple(reversed(damaged))


def _is_whole(place: Path) -> bool:
    try:
        check_files(place)
    except (CopyDamaged, OSError):
        # What a disk cannot read is no copy either.
        return False
    return True


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
