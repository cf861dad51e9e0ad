"""The line at the door, as whoever operates the deployment sees it."""

import struct
from datetime import timedelta
from pathlib import Path
from threading import Semaphore

import pytest
from prometheus_client import CollectorRegistry

from tests.conftest import NOW
from tests.watching.conditions import sound
from zaitaku.core.clock import FixedClock
from zaitaku.core.ephemeral import EphemeralStore
from zaitaku.core.watch import Happening, Level
from zaitaku.watching.door import Door, door_of, look_of_this_machine, note_door
from zaitaku.watching.door_counts import DoorCounts
from zaitaku.watching.meters import Meters
from zaitaku.watching.notes import Note, Notes
from zaitaku.watching.presence import Presence, Role, instances, present
from zaitaku.watching.watches import DIRECTORY
from zaitaku.watching.words import Line, lines_of

PART = "入口（この1分）"


def told(door: Door | None) -> Line:
    (line,) = (line for line in lines_of(sound(NOW, door=door)) if line.part == PART)
    return line


def test_levels_are_of_now_and_counts_are_since_the_last_look() -> None:
    registry = CollectorRegistry()
    counts = DoorCounts(registry)
    assert counts.look() is None
    meters = Meters(registry)
    assert counts.look() is None
    meters.requests.answered(method="GET", route="/e", status=200, seconds=0.1)
    meters.stands_at(Level.WAITING, 12)
    meters.stands_at(Level.PERMITS, 3.7)
    for rank, outcome in (
        ("entering", "in-line"),
        ("entering", "sent-away"),
        ("console", "sent-away"),
    ):
        meters.happened(Happening.ADMISSION, (rank, outcome))
    assert counts.look() == Door(12, 3, in_line=1, sent_away=2)
    meters.happened(Happening.ADMISSION, ("entering", "in-line"))
    meters.stands_at(Level.WAITING, 0)
    assert counts.look() == Door(0, 3, in_line=1, sent_away=0)


def test_all_machines_are_told_together_and_who_fell_silent_is_left_out(
    ephemeral: EphemeralStore, clock: FixedClock
) -> None:
    notes = Notes(ephemeral)
    assert door_of(notes, clock.now()) is None
    notes.write(Note.DOOR, {"odd:1": "[1", "other:1": '["2026-11-20T01:00:00+00:00", "many"]'})
    note_door(notes, "one:1", Door(1, 2, 3, 4), clock.now())
    assert set(notes.read(Note.DOOR)) == {"one:1"}
    clock.advance(timedelta(minutes=2))
    note_door(notes, "two:1", Door(10, 20, 30, 40), clock.now())
    assert door_of(notes, clock.now()) == Door(11, 22, 33, 44)
    clock.advance(timedelta(minutes=2))
    assert door_of(notes, clock.now()) == Door(10, 20, 30, 40)
    clock.advance(timedelta(minutes=2))
    assert door_of(notes, clock.now()) is None


def test_a_parent_notes_it_every_time_that_it_says_that_it_is_there(
    ephemeral: EphemeralStore, clock: FixedClock
) -> None:
    notes = Notes(ephemeral)
    Presence(notes, clock, Role.WEB, lambda: None).beat()
    assert door_of(notes, clock.now()) is None
    presence = Presence(notes, clock, Role.WEB, lambda: Door(waiting=7))
    presence.beat()
    assert door_of(notes, clock.now()) == Door(waiting=7)
    presence.leave()
    assert door_of(notes, clock.now()) is None


def test_counters_that_cannot_be_read_end_nothing(
    ephemeral: EphemeralStore, clock: FixedClock, caplog: pytest.LogCaptureFixture
) -> None:
    beaten = Semaphore(0)

    def broken() -> Door:
        beaten.release()
        raise struct.error

    notes = Notes(ephemeral)
    with present(Presence(notes, clock, Role.WEB, broken)):
        assert beaten.acquire(timeout=60)
        assert len(instances(notes)) == 1
    assert "presence not noted whole" in caplog.text


def test_where_nothing_is_counted_nothing_looks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(DIRECTORY, raising=False)
    assert look_of_this_machine() is None
    monkeypatch.setenv(DIRECTORY, str(tmp_path))
    look = look_of_this_machine()
    assert look
    assert look() is None


def test_who_waits_and_who_was_sent_away_is_a_worry() -> None:
    calm = told(Door(permits=5, in_line=2))
    assert calm.fact == (
        "列で待つ人 0人、いま始められる人 5人、待ってもらった回数 列 2回・手がふさがって 0回"
    )
    assert not calm.worry
    assert told(Door(waiting=1)).worry
    assert told(Door(sent_away=1)).worry
    unknown = told(None)
    assert "ZAITAKU_METRICS_ADDRESS" in unknown.fact
    assert not unknown.worry
