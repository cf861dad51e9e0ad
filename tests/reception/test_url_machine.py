"""Any sequence of acts: exactly one URL a channel is accepted, the others are retired."""

from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from tests.reception.world import World
from zaitaku.core.errors import Conflict
from zaitaku.facilities.model import Channel
from zaitaku.reception.errors import CannotReset, CannotRevert, UrlRetired
from zaitaku.reception.model import ReceptionUrl, UrlAct, UrlVersion

channels = st.sampled_from(Channel)


class _Expected:
    """What a channel's URL must be, told in the plainest way."""

    def __init__(self, first: UrlVersion) -> None:
        self.made = [first]
        self.before: dict[int, int] = {}
        self.now = 1
        self.history: list[tuple[UrlAct, int | None, int]] = [(UrlAct.ISSUE, None, 1)]

    def go(self, act: UrlAct, to: int) -> None:
        self.history.append((act, self.now, to))
        self.now = to

    @property
    def current(self) -> UrlVersion:
        return self.made[self.now - 1]


class UrlMachine(RuleBasedStateMachine):
    """Two channels of one facility under rotate, revert and reset."""

    world: ClassVar[World]

    @initialize()
    def found(self) -> None:
        self.facility = self.world.add_facility()
        self.expected = {
            channel: _Expected(self.world.current(self.facility, channel)) for channel in Channel
        }

    def _do(self, act: UrlAct, channel: Channel) -> ReceptionUrl:
        return self.world.reception.change(
            act,
            self.facility.id,
            channel,
            expected=self.expected[channel].current.id,
            actor="admin01",
            reason="試験",
        )

    @rule(channel=channels)
    def rotate(self, channel: Channel) -> None:
        expected = self.expected[channel]
        made = self._do(UrlAct.ROTATE, channel).current
        assert made.predecessor == expected.current.id
        expected.made.append(made)
        expected.before[made.number] = expected.now
        expected.go(UrlAct.ROTATE, made.number)

    @rule(channel=channels)
    def revert(self, channel: Channel) -> None:
        expected = self.expected[channel]
        if expected.now == 1:
            with pytest.raises(CannotRevert):
                self._do(UrlAct.REVERT, channel)
            return
        self._do(UrlAct.REVERT, channel)
        expected.go(UrlAct.REVERT, expected.before[expected.now])

    @rule(channel=channels)
    def reset(self, channel: Channel) -> None:
        expected = self.expected[channel]
        if expected.now == 1:
            with pytest.raises(CannotReset):
                self._do(UrlAct.RESET, channel)
            return
        self._do(UrlAct.RESET, channel)
        expected.go(UrlAct.RESET, 1)

    @rule(
        channel=channels,
        act=st.sampled_from([UrlAct.ROTATE, UrlAct.REVERT, UrlAct.RESET]),
        chosen=st.integers(min_value=0),
    )
    def submit_an_old_form(self, channel: Channel, act: UrlAct, chosen: int) -> None:
        expected = self.expected[channel]
        others = [version for version in expected.made if version != expected.current]
        stale = others[chosen % len(others)] if others else self.expected[_other(channel)].current
        with pytest.raises(Conflict):
            self.world.reception.change(
                act,
                self.facility.id,
                channel,
                expected=stale.id,
                actor="admin02",
                reason="試験",
            )

    @invariant()
    def exactly_one_url_is_accepted(self) -> None:
        for expected in self.expected.values():
            for version in expected.made:
                self._check(version, is_current=version.number == expected.now)

    def _check(self, version: UrlVersion, *, is_current: bool) -> None:
        token = self.world.token(version)
        if is_current:
            assert self.world.reception.resolve(token).version == version
            return
        with pytest.raises(UrlRetired) as caught:
            self.world.reception.resolve(token)
        assert caught.value.context.version == version

    @invariant()
    def the_screen_and_the_history_tell_it(self) -> None:
        for channel, expected in self.expected.items():
            standing = self.world.reception.show(self.facility.id, channel)
            assert (standing.current, standing.first) == (expected.current, expected.made[0])
            assert standing.can_revert == standing.can_reset == (expected.now != 1)
            history = self.world.reception.history(self.facility.id, channel)
            assert [(e.act, e.from_number, e.to_number) for e in history] == expected.history


def _other(channel: Channel) -> Channel:
    return next(each for each in Channel if each is not channel)


def test_any_sequence_of_acts(world: World) -> None:
    class Machine(UrlMachine):
        pass

    Machine.world = world
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=20,
            stateful_step_count=15,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
