"""How it stands at the door: who waits, how many may begin, and who was not let in of late.

The processes of a machine count it for Prometheus; every minute their parent notes it for whoever
operates the deployment, so that the line at the door is seen where no Prometheus asks.
"""

import json
import os
from collections.abc import Callable
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Self

from zaitaku.watching.notes import Note, Notes
from zaitaku.watching.watches import DIRECTORY

FRESH: Final = timedelta(minutes=3)
"""What was noted before says nothing about now."""


@dataclass(frozen=True)
class Door:
    """The door of one machine, or of all together."""

    waiting: int = 0
    """People whose waiting page still asks."""
    permits: int = 0
    """Journeys that may begin at this moment."""
    in_line: int = 0
    """How often somebody was put in line, since it was noted before."""
    sent_away: int = 0
    """How often somebody found no hand free, since it was noted before."""

    def __add__(self, other: Self) -> Self:
        """Return both doors as one."""
        return type(self)(*map(sum, zip(astuple(self), astuple(other), strict=True)))


def look_of_this_machine() -> Callable[[], Door | None] | None:
    """Return what looks at this machine's door; ``None``: nothing is counted here."""
    directory = os.environ.get(DIRECTORY, "")
    if not directory:
        return None
    # Their library is large.
    from zaitaku.watching.door_counts import DoorCounts  # noqa: PLC0415
    from zaitaku.watching.listener import CountersOf  # noqa: PLC0415

    return DoorCounts(CountersOf(Path(directory))).look


def note_door(notes: Notes, name: str, door: Door, now: datetime) -> None:
    """Note how it stands at the door of the machine whose parent process has this name.

    Raises:
        StoreUnavailable: the short-lived store is away.
    """
    said = json.dumps([now.isoformat(), *astuple(door)])
    fields = notes.write(Note.DOOR, {name: said})
    notes.strike(Note.DOOR, {each for each, text in fields.items() if not _read(text, now)})


def door_of(notes: Notes, now: datetime) -> Door | None:
    """Return how it stands at all doors together; ``None``: nobody has noted it lately.

    Raises:
        StoreUnavailable: the short-lived store is away.
    """
    known = [door for text in notes.read(Note.DOOR).values() if (door := _read(text, now))]
    return sum(known, Door()) if known else None


def _read(text: str, now: datetime) -> Door | None:
    try:
        said_at, *counts = json.loads(text)
        is_fresh = abs(now - datetime.fromisoformat(said_at)) < FRESH
        return Door(*map(int, counts)) if is_fresh else None
    except (ValueError, TypeError):
        return None
