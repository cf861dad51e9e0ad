"""A database knows the keys that it was written with, through every step of a rotation."""

from datetime import timedelta
from hashlib import sha256
from threading import Barrier, Thread

import pytest
from sqlalchemy import select

from zaitaku.core.clock import FixedClock
from zaitaku.core.database import Database
from zaitaku.core.key_checks import (
    KeysUnknown,
    accept_keys,
    check_keys,
    key_check,
    left_out,
    notes_of,
    unknown_rings,
)
from zaitaku.core.sealing import PLAIN

OLD, NEW, OTHER = "the-old-key", "the-new-key", "nobody-knows-this"


def known(database: Database) -> list[tuple[str, str]]:
    with database.reading() as connection:
        rows = connection.execute(select(key_check.c.ring, key_check.c.noted_by))
        return sorted((ring, by) for ring, by in rows)


def test_a_new_database_takes_what_it_gets_and_insists_on_it_afterwards(
    any_database: Database, clock: FixedClock
) -> None:
    rings = {"url": (OLD,), "subject": (OLD, NEW)}
    check_keys(any_database, rings, clock)
    check_keys(any_database, rings, clock)
    assert known(any_database) == [("subject", "start"), ("subject", "start"), ("url", "start")]
    wrong = {"url": (OLD,), "subject": (OTHER,)}
    with pytest.raises(KeysUnknown) as refused:
        check_keys(any_database, wrong, clock)
    assert refused.value.ring == "subject"
    assert unknown_rings(any_database, wrong) == ("subject",)
    assert len(known(any_database)) == 3


@pytest.mark.parametrize("ring", ["url", "subject"])
def test_a_key_is_known_in_its_own_ring_alone(
    any_database: Database, clock: FixedClock, ring: str
) -> None:
    check_keys(any_database, {"url": (OLD,), "subject": (NEW,)}, clock)
    turned = {"url": (NEW,), "subject": (OLD,)}
    with pytest.raises(KeysUnknown):
        check_keys(any_database, {ring: turned[ring]}, clock)


def test_every_step_of_a_rotation_goes_on_also_with_instances_between_two(
    any_database: Database, clock: FixedClock
) -> None:
    steps = [(OLD,), (OLD, NEW), (OLD,), (NEW, OLD), (OLD, NEW), (NEW,), (NEW, OLD)]
    for keys in steps:
        check_keys(any_database, {"url": keys}, clock)
    assert left_out(any_database, "url", (NEW,)) == 1


def test_what_is_kept_tells_nothing_of_a_key(any_database: Database, clock: FixedClock) -> None:
    check_keys(any_database, {"url": (OLD,), "subject": (OLD,)}, clock)
    with any_database.reading() as connection:
        values = connection.execute(select(key_check.c.value)).scalars().all()
    assert len(set(values)) == 2
    guesses = (OLD, "url" + OLD, "subject" + OLD)
    told = {OLD, *(sha256(each.encode()).hexdigest() for each in guesses)}
    assert not told & set(values)
    assert {len(value) for value in values} == {64}


def test_it_is_told_when_and_by_whom_a_key_was_noted(
    any_database: Database, clock: FixedClock
) -> None:
    assert notes_of(any_database, "url") == ()
    assert check_keys(any_database, {"url": (OLD,)}, clock) == ("url",)
    first = clock.now()
    clock.advance(timedelta(days=1))
    accept_keys(any_database, "url", (NEW, OLD), clock, "operator:hana")
    assert check_keys(any_database, {"url": (OLD, OTHER)}, clock) == ()
    told = [(each.at, each.by) for each in notes_of(any_database, "url")]
    assert told[0] == (first, "start")
    assert sorted(told[1:]) == [(clock.now(), "operator:hana"), (clock.now(), "start")]


# Each line: what was started with before, one after the other, and what follows.
SEALING = [
    ([(PLAIN,)], (PLAIN, NEW)),
    ([(PLAIN,)], (NEW, PLAIN)),
    ([(PLAIN,), (PLAIN, NEW)], (PLAIN, NEW)),
    ([(PLAIN,), (PLAIN, NEW)], (NEW, PLAIN)),
    ([(PLAIN, NEW), (NEW, PLAIN)], (NEW, PLAIN)),
    ([(PLAIN, NEW), (NEW, PLAIN)], (NEW,)),
    ([(OLD, PLAIN)], (OLD, NEW)),
]
NO_SEALING = [
    ([(PLAIN,)], (NEW,)),
    ([(OLD,)], (PLAIN,)),
    ([(OLD,)], (PLAIN, OLD)),
    ([(OLD, PLAIN)], (NEW, PLAIN)),
    ([(OLD, PLAIN)], (PLAIN,)),
    ([(PLAIN, OLD)], (PLAIN,)),
    ([(PLAIN, OLD)], (PLAIN, NEW)),
    ([(PLAIN, OLD)], (NEW, PLAIN)),
    ([(PLAIN, OLD), (OLD, PLAIN)], (PLAIN, OLD)),
]


@pytest.mark.parametrize(("before", "then"), SEALING)
def test_sealing_begins_step_by_step(
    database: Database, clock: FixedClock, before: list[tuple[str, ...]], then: tuple[str, ...]
) -> None:
    for keys in (*before, then):
        check_keys(database, {"seal": keys}, clock)


@pytest.mark.parametrize(("before", "then"), NO_SEALING)
def test_no_seal_counts_as_a_key_only_until_there_is_one(
    database: Database, clock: FixedClock, before: list[tuple[str, ...]], then: tuple[str, ...]
) -> None:
    for keys in before:
        check_keys(database, {"seal": keys}, clock)
    with pytest.raises(KeysUnknown):
        check_keys(database, {"seal": then}, clock)
    accept_keys(database, "seal", then, clock, "operator:hana")
    check_keys(database, {"seal": then}, clock)


def test_whoever_means_it_is_believed_and_named(any_database: Database, clock: FixedClock) -> None:
    check_keys(any_database, {"url": (OLD,), "subject": (OLD,)}, clock)
    assert accept_keys(any_database, "url", (OTHER,), clock, "operator:hana") == 1
    check_keys(any_database, {"url": (OTHER,), "subject": (OLD,)}, clock)
    assert known(any_database) == [("subject", "start"), ("url", "operator:hana")]
    with pytest.raises(KeysUnknown):
        check_keys(any_database, {"url": (OLD,)}, clock)


def test_of_two_that_begin_with_different_keys_one_is_refused(
    any_database: Database, clock: FixedClock
) -> None:
    together, refused = Barrier(2), []

    def begin(key: str) -> None:
        together.wait()
        try:
            check_keys(any_database, {"subject": (key,)}, clock)
        except KeysUnknown:
            refused.append(key)

    threads = [Thread(target=begin, args=(key,)) for key in (OLD, NEW)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1
    assert len(known(any_database)) == 1
