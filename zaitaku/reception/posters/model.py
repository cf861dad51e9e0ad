"""Named posters: one address each, so that the facility sees which are still used (domain.md §3).

A channel has one URL; a poster is a mark at its end. Whatever the mark is, the page opens.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, NewType

from zaitaku.core.errors import Conflict, InvalidField
from zaitaku.core.texts import has_control_characters
from zaitaku.facilities.model import Channel
from zaitaku.facilities.names import check_name

PosterNumber = NewType("PosterNumber", int)
"""Counts from 1 within a facility's channel; never given twice."""

NO_POSTER: Final = PosterNumber(0)
"""The URL without a mark: links, apps, the number typed by hand, posters without a name."""
MOST_POSTERS: Final = 200
"""Of one channel, archived ones included; a mark has room for 1,023."""
NAME_CHARACTERS: Final = 20
NOTE_CHARACTERS: Final = 100


class Shelf(StrEnum):
    """Taking a poster out of use, and back; the value is a part of the page's address."""

    ARCHIVE = "archive"
    RESTORE = "restore"


class TooManyPosters(Conflict):
    """The channel has as many posters as it may; archived ones can be used again."""

    code = "too-many-posters"


@dataclass(frozen=True)
class PosterFields:
    """What staff type about a poster, in its kept form."""

    name: str
    note: str


@dataclass(frozen=True)
class Poster:
    """One named poster of a channel."""

    channel: Channel
    number: PosterNumber
    name: str
    note: str
    """For the staff alone: where it hangs, who looks after it. May be empty."""
    created_at: datetime
    archived_at: datetime | None
    """Since when it is out of use; its mark goes on being counted."""
    revision: int
    """Counts changes from 1: who changes an earlier one is told."""

    @property
    def is_archived(self) -> bool:
        """Whether it is out of use."""
        return self.archived_at is not None


@dataclass(frozen=True)
class Print:
    """How often one kind of file of one version was downloaded."""

    poster_number: PosterNumber
    kind: str
    times: int
    last: datetime


def check_fields(name: str, note: str) -> tuple[PosterFields, dict[str, InvalidField]]:
    """Return both fields in their kept form and every mistake in them, by the field's name.

    The name is printed, so the posters' font must have it (rule ``unprintable-character``); other
    rules are ``required``, ``too-long`` and ``characters``.
    """
    mistakes: dict[str, InvalidField] = {}
    kept_name, kept_note = " ".join(name.split()), " ".join(note.split())
    try:
        kept_name = check_name(kept_name, "name")
    except InvalidField as error:
        mistakes["name"] = error
    if len(kept_name) > NAME_CHARACTERS:
        mistakes["name"] = InvalidField("name", "too-long")
    if has_control_characters(kept_note):
        mistakes["note"] = InvalidField("note", "characters")
    if len(kept_note) > NOTE_CHARACTERS:
        mistakes["note"] = InvalidField("note", "too-long")
    return PosterFields(kept_name, kept_note), mistakes
