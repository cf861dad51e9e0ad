"""Changes and registrations at the same moment, on both databases."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest
from sqlalchemy import Connection

from tests.futures import waits
from tests.reception.world import ACTOR, BOTH_ON, World
from zaitaku.core.errors import Conflict
from zaitaku.core.together import together
from zaitaku.facilities.model import Channel, EnvironmentSettings, Facility, InstitutionCode
from zaitaku.reception.errors import ChannelOff, UrlRetired
from zaitaku.reception.model import ReceptionContext, ReceptionUrl, UrlAct, UrlVersion
from zaitaku.reception.store import ReceptionStore, held_context

HOME = Channel.HOME_VISIT


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as made:
        yield made


def _rotate(world: World, facility: Facility, expected: UrlVersion) -> ReceptionUrl:
    return world.reception.change(
        UrlAct.ROTATE, facility.id, HOME, expected=expected.id, actor=ACTOR, reason="試験"
    )


def _hold(world: World, connection: Connection, version: UrlVersion) -> ReceptionContext:
    """Keep a version current until the transaction ends, as a registration does.

    That a registration does so is seen in ``tests/consent/test_races.py``.
    """
    return world.reception.opened(together(connection, *held_context(version.id))[-1])


def _register(world: World, version: UrlVersion) -> None:
    with world.database.transaction() as connection:
        _hold(world, connection, version)


def test_of_many_rotations_from_one_screen_one_is_done(
    any_world: World, pool: ThreadPoolExecutor
) -> None:
    facility = any_world.add_facility()
    seen = any_world.current(facility, HOME)
    start = Barrier(8)

    def press(_: int) -> ReceptionUrl | None:
        start.wait()
        try:
            return _rotate(any_world, facility, seen)
        except Conflict:
            return None

    done = [each for each in pool.map(press, range(8)) if each]
    assert len(done) == 1
    assert any_world.current(facility, HOME) == done[0].current
    assert [each.to_number for each in any_world.reception.history(facility.id, HOME)] == [1, 2]


def test_a_rotation_waits_for_a_registration(any_world: World, pool: ThreadPoolExecutor) -> None:
    facility = any_world.add_facility()
    version = any_world.current(facility, HOME)
    with any_world.database.transaction() as connection:
        context = _hold(any_world, connection, version)
        rotation = pool.submit(_rotate, any_world, facility, version)
        assert waits(rotation)
    assert context.version == version
    assert rotation.result(10).current.number == 2


def test_a_registration_waits_for_a_rotation_and_is_refused(
    any_world: World, pool: ThreadPoolExecutor
) -> None:
    facility = any_world.add_facility()
    first = any_world.current(facility, HOME)
    second = _rotate(any_world, facility, first).current
    with any_world.database.transaction() as connection:
        store = ReceptionStore(connection, facility.id)
        store.lock(HOME)
        store.move_pointer(first)
        registration = pool.submit(_register, any_world, second)
        assert waits(registration)
    with pytest.raises(UrlRetired):
        registration.result(10)


def test_switching_a_channel_off_waits_for_a_registration(
    any_world: World, pool: ThreadPoolExecutor
) -> None:
    facility = any_world.add_facility()
    version = any_world.current(facility, HOME)
    with any_world.database.transaction() as connection:
        _hold(any_world, connection, version)
        switching = pool.submit(
            any_world.facilities.change_settings,
            facility.id,
            EnvironmentSettings(),
            expected_version=1,
            actor=ACTOR,
        )
        assert waits(switching)
    assert switching.result(10).settings_version == 2
    with pytest.raises(ChannelOff):
        _register(any_world, version)


def test_registrations_do_not_wait_for_each_other_on_postgresql(
    any_world: World, pool: ThreadPoolExecutor
) -> None:
    version = any_world.current(any_world.add_facility(), HOME)
    with any_world.database.transaction() as connection:
        _hold(any_world, connection, version)
        other = pool.submit(_register, any_world, version)
        assert waits(other) is any_world.database.is_sqlite
    other.result(10)


def test_after_a_rotation_is_acknowledged_nobody_registers_on_the_former_url(
    any_world: World, pool: ThreadPoolExecutor
) -> None:
    facility = any_world.add_facility()
    version = any_world.current(facility, HOME)
    acknowledged = Event()
    start = Barrier(5)

    def register_until_refused(_: int) -> list[bool]:
        start.wait()
        was_acknowledged: list[bool] = []
        while True:
            began_after = acknowledged.is_set()
            try:
                _register(any_world, version)
            except UrlRetired:
                return was_acknowledged
            was_acknowledged.append(began_after)

    registering = [pool.submit(register_until_refused, number) for number in range(4)]
    start.wait()
    _rotate(any_world, facility, version)
    acknowledged.set()
    for each in registering:
        assert not any(each.result(20))


def test_first_urls_are_issued_once(any_world: World, pool: ThreadPoolExecutor) -> None:
    facility = any_world.facilities.add(
        InstitutionCode("2710000001"),
        registered_name="みどり",
        phone="0312345678",
        hours="",
        settings=BOTH_ON,
        actor="operator:test",
    )
    start = Barrier(4)

    def issue(number: int) -> None:
        start.wait()
        with any_world.database.transaction() as connection:
            any_world.reception.issue_first(connection, facility.id, f"operator:{number}")

    list(pool.map(issue, range(4)))
    for channel in Channel:
        assert len(any_world.reception.history(facility.id, channel)) == 1
