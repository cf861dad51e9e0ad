"""Who of the workers holds how many connections."""

import os

from zaitaku.commands.occupancy import MARGIN, PLACES, Occupancy


def test_whoever_holds_more_than_another_is_ahead() -> None:
    occupancy = Occupancy()
    assert not occupancy.is_ahead(50)  # nobody else is there
    first, second = occupancy.enter(), occupancy.enter()
    occupancy.tell(first, 3)
    occupancy.tell(second, 2)
    assert occupancy.is_ahead(3 + MARGIN)
    assert not occupancy.is_ahead(2 + MARGIN)


def test_whoever_takes_no_more_is_waited_for_by_nobody() -> None:
    occupancy = Occupancy()
    first, second = occupancy.enter(), occupancy.enter()
    occupancy.tell(first, 0)
    occupancy.tell(second, 0)
    occupancy.withdraw(first)
    assert occupancy.is_ahead(1 + MARGIN)
    occupancy.leave(second)
    assert not occupancy.is_ahead(1 + MARGIN)


def test_a_child_is_seen_by_its_parent() -> None:
    occupancy = Occupancy()
    place = occupancy.enter()
    child = os.fork()
    if not child:
        occupancy.tell(place, 7)
        os._exit(0)
    os.waitpid(child, 0)
    assert occupancy.is_ahead(8 + MARGIN)
    assert not occupancy.is_ahead(7 + MARGIN)


def test_more_workers_than_places_are_not_counted_and_do_no_harm() -> None:
    occupancy = Occupancy()
    places = [occupancy.enter() for _ in range(PLACES)]
    assert len(set(places)) == PLACES
    assert occupancy.enter() is None
    occupancy.tell(None, 0)
    occupancy.leave(None)
    assert not occupancy.is_ahead(1 + MARGIN)
    occupancy.leave(places[3])
    occupancy.leave(places[3])
    assert (occupancy.enter(), occupancy.enter()) == (places[3], None)
