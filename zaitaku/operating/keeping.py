"""How many copies are kept, and the end of those that are too many."""

import shutil
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from zaitaku.operating.copies import PREFIX, CopyDamaged, Manifest, unfinished

_UNDER_WAY: Final = timedelta(days=7)
"""So long a copy may be under way; what is older was broken off, by a power cut for instance."""


def forget_older(newest: Path, keep: int, now: datetime) -> tuple[Path, ...]:
    """Delete the oldest copies beside ``newest`` until ``keep`` are left; return those deleted.

    ``newest`` itself is one of the ``keep`` and always stays, whatever the others say of their
    time. What is no copy stays as well, but for what copies that were broken off have left behind.

    Raises:
        ValueError: ``keep`` is less than one.
        OSError: one could not be deleted.
    """
    if keep < 1:
        raise ValueError("the newest copy stays")
    others = sorted(_copies_beside(newest), key=lambda each: each[0], reverse=True)
    leaving = tuple(place for _, place in reversed(others[keep - 1 :]))
    for place in leaving:
        # What is half gone shall not look like a copy.
        shutil.rmtree(place.rename(unfinished(place)))
    for place in newest.parent.glob(unfinished(Path(f"{PREFIX}*")).name):
        if now.timestamp() - place.stat().st_mtime > _UNDER_WAY.total_seconds():
            shutil.rmtree(place)
    return leaving


def _copies_beside(newest: Path) -> Iterator[tuple[datetime, Path]]:
    for place in newest.parent.glob(f"{PREFIX}*"):
        if place.name != newest.name and not place.is_symlink():
            with suppress(CopyDamaged):
                yield Manifest.read(place).made_at, place
