"""Reception URLs by example: what each act does, what it refuses, what the history says."""

from datetime import timedelta

import pytest
from sqlalchemy import event

from tests.reception.world import ACTOR, KEYS, ORIGIN, World, make_world
from zaitaku.core.clock import FixedClock
from zaitaku.core.errors import Conflict, InvalidField, NotFound
from zaitaku.core.ids import FacilityId, UrlVersionId, new_uuid
from zaitaku.core.signing import Keyring
from zaitaku.facilities.model import Channel, EnvironmentSettings, Facility
from zaitaku.reception.errors import (
    CannotReset,
    CannotRevert,
    ChannelOff,
    UnknownUrl,
    UrlRetired,
)
from zaitaku.reception.model import ReceptionUrl, UrlAct
from zaitaku.reception.tokens import UrlTokens, new_handle

HOME = Channel.HOME_VISIT


def _rotate(world: World, facility: Facility, channel: Channel = HOME) -> ReceptionUrl:
    current = world.current(facility, channel)
    return world.reception.change(
        UrlAct.ROTATE, facility.id, channel, expected=current.id, actor=ACTOR, reason="試験"
    )


def test_a_new_facility_has_a_first_url_for_each_channel(world: World) -> None:
    facility = world.add_facility()
    home, online = (world.reception.show(facility.id, channel) for channel in Channel)
    assert home.current.handle != online.current.handle
    for standing in (home, online):
        assert standing.current == standing.first
        assert (standing.current.number, standing.current.predecessor) == (1, None)
        assert (standing.can_revert, standing.can_reset) == (False, False)


def test_issuing_again_changes_nothing(world: World) -> None:
    facility = world.add_facility()
    before = [world.reception.show(facility.id, channel) for channel in Channel]
    with world.database.transaction() as connection:
        world.reception.issue_first(connection, facility.id, "operator:other")
    assert [world.reception.show(facility.id, channel) for channel in Channel] == before
    assert len(world.reception.history(facility.id, HOME)) == 1


def test_the_address_is_short_and_leads_to_the_facility(world: World) -> None:
    facility = world.add_facility()
    current = world.current(facility, HOME)
    address = world.reception.address(current)
    assert address.startswith(f"{ORIGIN}/r/")
    assert len(address) - len(ORIGIN) == 33
    context = world.reception.resolve(world.token(current))
    assert (context.facility, context.channel) == (facility, HOME)
    assert (context.version, context.is_current) == (current, True)
    assert world.reception.context_of(current.id) == context


def test_resolving_is_one_query(world: World) -> None:
    token = world.token(world.current(world.add_facility(), HOME))
    statements: list[str] = []
    event.listen(
        world.database.engine,
        "before_cursor_execute",
        lambda _connection, _cursor, statement, *_rest: statements.append(statement),
    )
    world.reception.resolve(token)
    assert [each.split()[0] for each in statements] == ["SELECT"]


def test_rotation_retires_the_former_url_and_says_whose_it_was(world: World) -> None:
    facility = world.add_facility()
    old = world.current(facility, HOME)
    after = _rotate(world, facility)
    assert (after.current.number, after.current.predecessor) == (2, old.id)
    assert (after.first, after.previous) == (old, old)
    assert after == world.reception.show(facility.id, HOME)
    with pytest.raises(UrlRetired) as by_token:
        world.reception.resolve(world.token(old))
    with pytest.raises(UrlRetired) as by_version:
        world.reception.context_of(old.id)
    for context in (by_token.value.context, by_version.value.context):
        assert (context.facility, context.version) == (facility, old)
        assert not context.is_current
    assert world.reception.resolve(world.token(after.current)).version == after.current


def test_channels_change_apart_from_each_other(world: World) -> None:
    facility = world.add_facility()
    online = world.reception.show(facility.id, Channel.ONLINE)
    _rotate(world, facility)
    assert world.reception.show(facility.id, Channel.ONLINE) == online
    assert world.reception.resolve(world.token(online.current)).is_current


def test_revert_brings_back_the_url_before_the_change(world: World) -> None:
    facility = world.add_facility()
    first = world.current(facility, HOME)
    second = _rotate(world, facility).current
    third = _rotate(world, facility).current
    back = world.reception.change(
        UrlAct.REVERT, facility.id, HOME, expected=third.id, actor=ACTOR, reason="刷り直し前"
    )
    assert (back.current, back.previous) == (second, first)
    with pytest.raises(UrlRetired):
        world.reception.resolve(world.token(third))


def test_a_rotation_after_a_revert_follows_the_version_that_was_current(world: World) -> None:
    facility = world.add_facility()
    first = world.current(facility, HOME)
    second = _rotate(world, facility).current
    world.reception.change(
        UrlAct.REVERT, facility.id, HOME, expected=second.id, actor=ACTOR, reason="x"
    )
    third = _rotate(world, facility)
    assert (third.current.number, third.previous) == (3, first)


def test_reset_brings_back_the_very_first_url(world: World) -> None:
    facility = world.add_facility()
    first = world.current(facility, HOME)
    for _ in range(3):
        _rotate(world, facility)
    last = world.current(facility, HOME)
    back = world.reception.change(
        UrlAct.RESET, facility.id, HOME, expected=last.id, actor=ACTOR, reason="x"
    )
    assert (back.current, back.can_revert, back.can_reset) == (first, False, False)
    assert world.reception.resolve(world.token(first)).is_current


@pytest.mark.parametrize("is_back_again", [False, True])
def test_at_the_first_version_there_is_nothing_to_go_back_to(
    world: World, is_back_again: bool
) -> None:
    facility = world.add_facility()
    first = world.current(facility, HOME)
    if is_back_again:
        second = _rotate(world, facility).current
        world.reception.change(
            UrlAct.REVERT, facility.id, HOME, expected=second.id, actor=ACTOR, reason="x"
        )
    before = world.reception.history(facility.id, HOME)
    with pytest.raises(CannotRevert) as no_revert:
        world.reception.change(
            UrlAct.REVERT, facility.id, HOME, expected=first.id, actor=ACTOR, reason="x"
        )
    with pytest.raises(CannotReset) as no_reset:
        world.reception.change(
            UrlAct.RESET, facility.id, HOME, expected=first.id, actor=ACTOR, reason="x"
        )
    assert (no_revert.value.code, no_reset.value.code) == ("cannot-revert", "cannot-reset")
    assert world.reception.history(facility.id, HOME) == before


def test_what_was_not_expected_is_not_changed(world: World) -> None:
    facility = world.add_facility()
    first = world.current(facility, HOME)
    _rotate(world, facility)
    before = world.reception.show(facility.id, HOME)
    for act in (UrlAct.ROTATE, UrlAct.REVERT, UrlAct.RESET):
        for wrong in (first.id, UrlVersionId(new_uuid())):
            with pytest.raises(Conflict) as caught:
                world.reception.change(
                    act, facility.id, HOME, expected=wrong, actor=ACTOR, reason="x"
                )
            assert caught.value.code == "conflict"
    assert world.reception.show(facility.id, HOME) == before
    assert len(world.reception.history(facility.id, HOME)) == 2


@pytest.mark.parametrize(
    ("reason", "rule"), [("", "required"), (" 　\n", "required"), ("あ" * 201, "too-long")]
)
def test_a_change_needs_a_reason(world: World, reason: str, rule: str) -> None:
    facility = world.add_facility()
    current = world.current(facility, HOME)
    with pytest.raises(InvalidField) as caught:
        world.reception.change(
            UrlAct.ROTATE, facility.id, HOME, expected=current.id, actor=ACTOR, reason=reason
        )
    assert (caught.value.field, caught.value.rule) == ("reason", rule)
    assert world.current(facility, HOME) == current


def test_the_history_tells_who_did_what_when_and_why(world: World, clock: FixedClock) -> None:
    facility = world.add_facility()
    start = clock.now()
    clock.advance(timedelta(hours=1))
    second = _rotate(world, facility).current
    clock.advance(timedelta(hours=1))
    world.reception.change(
        UrlAct.REVERT,
        facility.id,
        HOME,
        expected=second.id,
        actor="admin02",
        reason=" 誤って \n 変更 ",
    )
    told = [
        (each.act, each.from_number, each.to_number, each.actor, each.reason, each.at - start)
        for each in world.reception.history(facility.id, HOME)
    ]
    assert told == [
        (UrlAct.ISSUE, None, 1, "operator:test", "", timedelta()),
        (UrlAct.ROTATE, 1, 2, ACTOR, "試験", timedelta(hours=1)),
        (UrlAct.REVERT, 2, 1, "admin02", "誤って 変更", timedelta(hours=2)),
    ]


def test_a_channel_that_is_off_says_so_and_whose_it_is(world: World) -> None:
    facility = world.add_facility(EnvironmentSettings(online=True))
    home = world.current(facility, HOME)
    with pytest.raises(ChannelOff) as caught:
        world.reception.resolve(world.token(home))
    assert caught.value.context.facility == facility
    online = world.current(facility, Channel.ONLINE)
    assert world.reception.resolve(world.token(online)).version == online
    world.facilities.change_settings(
        facility.id,
        EnvironmentSettings(home_visit=True),
        expected_version=1,
        actor=ACTOR,
        accepted={HOME: 1},
    )
    assert world.reception.resolve(world.token(home)).facility.settings_version == 2


def test_a_retired_url_of_a_channel_that_is_off_is_retired(world: World) -> None:
    facility = world.add_facility(EnvironmentSettings())
    old = world.current(facility, HOME)
    _rotate(world, facility)
    with pytest.raises(UrlRetired):
        world.reception.resolve(world.token(old))


def test_unknown_facilities_versions_and_numbers(world: World, clock: FixedClock) -> None:
    elsewhere = make_world(world.database, clock, Keyring(("z" * 32,)))
    version = world.current(world.add_facility(), HOME)
    nobody = FacilityId(new_uuid())
    with pytest.raises(NotFound):
        world.reception.show(nobody, HOME)
    with pytest.raises(NotFound):
        world.reception.change(
            UrlAct.ROTATE, nobody, HOME, expected=version.id, actor=ACTOR, reason="x"
        )
    assert world.reception.history(nobody, HOME) == ()
    with pytest.raises(UnknownUrl):
        world.reception.context_of(UrlVersionId(new_uuid()))
    with pytest.raises(UnknownUrl):
        world.reception.resolve(elsewhere.token(version))


def test_a_wellformed_token_of_no_version_is_unknown(world: World) -> None:
    with pytest.raises(UnknownUrl):
        world.reception.resolve(UrlTokens(KEYS).write(new_handle()))


def test_a_typed_number_leads_where_the_url_leads(world: World) -> None:
    facility = world.add_facility()
    first = world.current(facility, HOME)
    assert len(first.typed_number) == 13
    assert world.reception.typed_address == f"{ORIGIN}/e"
    assert world.reception.resolve_number(f" {first.typed_number} ") == world.token(first)
    _rotate(world, facility)
    with pytest.raises(UrlRetired):
        world.reception.resolve(world.reception.resolve_number(first.handle))


def test_a_number_that_was_never_issued_is_unknown(world: World) -> None:
    for typed in (new_handle(), "", "1234-5678-900", "x" * 10_000):
        with pytest.raises(UnknownUrl):
            world.reception.resolve_number(typed)


@pytest.mark.parametrize("reason", ["a\0b", "a\x1b[2Jb", "a\ud800"])
def test_a_reason_holds_no_control_characters(any_world: World, reason: str) -> None:
    facility = any_world.add_facility()
    current = any_world.current(facility, HOME)
    with pytest.raises(InvalidField) as caught:
        any_world.reception.change(
            UrlAct.ROTATE, facility.id, HOME, expected=current.id, actor=ACTOR, reason=reason
        )
    assert (caught.value.field, caught.value.rule) == ("reason", "characters")
    assert any_world.current(facility, HOME) == current
