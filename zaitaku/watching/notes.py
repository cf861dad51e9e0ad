"""What the processes of a deployment note for each other: who is there, what was done when.

The notes stand in the short-lived store. They are for showing and for alarms, never a record: when
they are lost, what was noted is unknown until it is noted again.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from zaitaku.core.ephemeral import EphemeralStore

KEPT: Final = timedelta(days=400)


class Note(StrEnum):
    """What is noted."""

    INSTANCES = "instances"
    AUDIT = "audit"
    BACKUP = "backup"
    DOOR = "door"


class Notes:
    """The notes of one deployment; every method raises ``StoreUnavailable`` with its store."""

    def __init__(self, ephemeral: EphemeralStore) -> None:
        self._ephemeral = ephemeral

    def write(self, note: Note, fields: Mapping[str, str]) -> Mapping[str, str]:
        """Add fields to a note; return all of it."""
        key = _key(note)
        merged = self._ephemeral.merge(key, fields, KEPT)
        if merged is None and not self._ephemeral.create(key, fields, KEPT):
            merged = self._ephemeral.merge(key, fields, KEPT)  # somebody else was faster
        return fields if merged is None else merged

    def read(self, note: Note) -> Mapping[str, str]:
        """Return a note; empty when there is none."""
        return self._ephemeral.read(_key(note)) or {}

    def strike(self, note: Note, names: Collection[str]) -> None:
        """Remove fields of a note."""
        self._ephemeral.discard(_key(note), names)

    def hang_up(self) -> None:
        """Close the connections; the next note opens them again."""
        self._ephemeral.close()


def moment_in(fields: Mapping[str, str], name: str) -> datetime | None:
    """Return a moment that was noted in ISO 8601, or ``None`` when there is none to be read."""
    try:
        return datetime.fromisoformat(fields.get(name, ""))
    except ValueError:
        return None


def note_audit(notes: Notes, at: datetime, *, facilities: int, is_whole: bool) -> None:
    """Note that the chains of all facilities were walked, and whether all were whole."""
    whole = "yes" if is_whole else "no"
    notes.write(
        Note.AUDIT, {"at": at.isoformat(), "facilities": str(facilities), "is_whole": whole}
    )


def note_backup(notes: Notes, at: datetime) -> None:
    """Note that a backup was finished and found good."""
    notes.write(Note.BACKUP, {"at": at.isoformat()})


def _key(note: Note) -> str:
    return f"watching:{note}"
