"""Which processes of a deployment are there, and of which version."""

import json
import logging
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from importlib.metadata import version
from threading import Event, Lock, Thread
from typing import Final, Self

from zaitaku.core.clock import Clock, is_within
from zaitaku.core.errors import StoreUnavailable
from zaitaku.watching.door import Door, note_door
from zaitaku.watching.notes import Note, Notes

log = logging.getLogger(__name__)

EVERY: Final = timedelta(minutes=1)
GONE_AFTER: Final = timedelta(minutes=3)
"""Who was not seen for so long has ended or cannot reach the short-lived store."""
FORGOTTEN_AFTER: Final = timedelta(hours=1)


class Role(StrEnum):
    """What a process does."""

    WEB = "web"
    WORKER = "worker"


@dataclass(frozen=True)
class Instance:
    """A process that said that it is there."""

    name: str
    """Machine and process id."""
    role: Role
    version: str
    seen_at: datetime

    def is_there(self, now: datetime) -> bool:
        """Tell whether it was seen lately."""
        return is_within(GONE_AFTER, self.seen_at, now)

    @classmethod
    def read(cls, name: str, text: str) -> Self | None:
        """Read what a process noted; ``None`` when another version wrote what this cannot read."""
        try:
            role, of_version, seen_at = json.loads(text)
            return cls(name, Role(role), of_version, datetime.fromisoformat(seen_at))
        except (ValueError, TypeError):
            return None


def code_version() -> str:
    """Return the version of the code that runs."""
    return version("zaitaku")


def instances(notes: Notes) -> tuple[Instance, ...]:
    """Return who was there within the last hour, in the order of their names."""
    return _instances_in(notes.read(Note.INSTANCES))


def _instances_in(fields: Mapping[str, str]) -> tuple[Instance, ...]:
    found = (Instance.read(name, text) for name, text in sorted(fields.items()))
    return tuple(instance for instance in found if instance)


class Presence:
    """Says that this process is there."""

    def __init__(
        self,
        notes: Notes,
        clock: Clock,
        role: Role,
        door: Callable[[], Door | None] | None = None,
    ) -> None:
        self._notes = notes
        self._clock = clock
        self._role = role
        self._door = door
        self._name = f"{socket.gethostname()}:{os.getpid()}"

    def beat(self) -> None:
        """Say it now, and how it stands at the door; strike who was not seen for an hour.

        Raises:
            StoreUnavailable: the short-lived store is away.
        """
        now = self._clock.now()
        said = json.dumps([self._role, code_version(), now.isoformat()])
        fields = self._notes.write(Note.INSTANCES, {self._name: said})
        known = {each.name for each in _instances_in(fields) if _is_remembered(each, now)}
        self._notes.strike(Note.INSTANCES, fields.keys() - known)
        door = self._door() if self._door else None
        if door:
            note_door(self._notes, self._name, door, now)

    def hang_up(self) -> None:
        """Close the connection; the next word opens it again."""
        self._notes.hang_up()

    def leave(self) -> None:
        """Say that it ends.

        Raises:
            StoreUnavailable: the short-lived store is away.
        """
        self._notes.strike(Note.INSTANCES, {self._name})
        self._notes.strike(Note.DOOR, {self._name})


def _is_remembered(instance: Instance, now: datetime) -> bool:
    return abs(now - instance.seen_at) < FORGOTTEN_AFTER


@contextmanager
def present(presence: Presence) -> Iterator[None]:
    """Say every minute that this process is there, until the block ends.

    Between two times no connection is open, and no process is forked meanwhile: an SQLite
    connection that a child inherits spoils the child's own (sqlite.org/howtocorrupt.html, §2.6).
    """
    is_over, speaking = Event(), Lock()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(
            before=speaking.acquire,
            after_in_parent=speaking.release,
            after_in_child=speaking.release,
        )

    def beat() -> None:
        while not is_over.is_set():
            with speaking:
                _try(presence.beat)
                presence.hang_up()
            is_over.wait(EVERY.total_seconds())

    thread = Thread(target=beat, name="presence", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
        _try(presence.leave)


def _try(act: Callable[[], None]) -> None:
    try:
        act()
    except StoreUnavailable as error:
        log.info("presence not noted", extra={"detail": error.detail})
    except Exception:
        # Half a file of counters must not make a process look as if it had ended.
        log.exception("presence not noted whole")
