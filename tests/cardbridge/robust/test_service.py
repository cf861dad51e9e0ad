"""The reader is unplugged, and the service ends, is killed or freezes: before and in a session."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.cardbridge.robust.lanes import DONE, Journey, Lane, Log, kept_log, lane
from tests.cardbridge.robust.tricky import LOOK, Answer, Step, Trick, undisturbed
from tests.pcscd import lane_name, pcscd, wait_for
from zaitaku.cardbridge.card.jpki import PIN_TRIES
from zaitaku.cardbridge.card.sessions import Sessions

pytestmark = [pytest.mark.pcscd, pytest.mark.enable_socket]

PATIENCE: Final = 0.8
"""What a page waits for its session, in seconds."""
NO_SERVICE: Final = "no-service"
NO_READER: Final = "no-reader"
AT: Final = {
    signal.SIGKILL: ("tries", "read-part", "select-pin", "verify", "sign"),
    signal.SIGSTOP: ("select-pin", "verify"),
}
"""The service goes at the last command of each of these kinds, in either session."""


@dataclass(frozen=True)
class Gone:
    """What happens to the service, and at which command."""

    signal: signal.Signals
    step: Step

    def __str__(self) -> str:
        return f"{self.signal.name}-{self.step}"


def cases() -> list[Gone]:
    """Return the commands at which the service goes."""
    last = {(step.session, step.kind): step for step in undisturbed()}
    return [
        Gone(what, step)
        for what, kinds in AT.items()
        for step in last.values()
        if step.kind in kinds
    ]


class Daemon:
    """The service of one lane, which can be ended and begun again."""

    def __init__(self, stack: ExitStack) -> None:
        self._outer = stack
        self._inner = ExitStack()
        self.pid = 0

    def begin(self, *, has_reader: bool = True) -> None:
        """Start it; a dead one is cleared away first."""
        self._inner.close()
        self._inner = self._outer.enter_context(ExitStack())
        running = pcscd(lanes=1) if has_reader else pcscd(readers=False)
        self.pid = self._inner.enter_context(running)

    def end(self) -> None:
        """Have it end in order."""
        self._inner.close()

    def told(self, what: signal.Signals) -> None:
        """Send it a signal; one that stops or ends it has done so when this returns."""
        os.kill(self.pid, what)
        if what != signal.SIGCONT:
            wait_for(self._is_still, what.name, pause=0.002)

    def _is_still(self) -> bool | None:
        tasks = Path(f"/proc/{self.pid}/task").glob("*/stat")
        with suppress(OSError):  # one of them has just ended
            states = {task.read_text().rpartition(")")[2].split()[0] for task in tasks}
            return states <= {"T", "Z", "X"} or None
        return None


@pytest.fixture(scope="module")
def log() -> Iterator[Log]:
    with kept_log() as kept:
        yield kept


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with ExitStack() as stack:
        opened = Daemon(stack)
        stack.callback(opened.end)
        yield opened


@pytest.fixture(scope="module")
def bridge(log: Log, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lane]:
    folder: Path = tmp_path_factory.mktemp("service")

    def sessions() -> Sessions:
        return Sessions(turn=0.2, longest=PATIENCE)

    with lane(0, folder, name=lane_name(0), sessions=sessions) as opened:
        yield opened


@pytest.fixture
def journey(bridge: Lane, daemon: Daemon) -> Iterator[Journey]:
    """A patient at a bridge whose card lies there, and whose service works."""
    daemon.begin()
    begun = bridge.begin()
    begun.looks_until("pin")
    yield begun
    bridge.card.disarm()


def cost(bridge: Lane) -> tuple[int, int, int]:
    """Return tries that are left, PINs that came to the card, and proofs."""
    return bridge.card.tries, bridge.card.pins, len(bridge.site.proofs)


UNTOUCHED: Final = (PIN_TRIES, 0, 0)


@pytest.mark.parametrize("way", [signal.SIGKILL, signal.SIGTERM], ids=lambda way: way.name)
@pytest.mark.parametrize("typed", [False, True], ids=["looking", "typing"])
def test_it_is_gone_between_two_sessions_and_comes_back(
    bridge: Lane, daemon: Daemon, journey: Journey, way: signal.Signals, typed: bool
) -> None:
    daemon.told(way)
    daemon.end()
    assert (journey.enter() if typed else journey.look()) == NO_SERVICE
    assert journey.look() == NO_SERVICE
    assert cost(bridge) == UNTOUCHED
    daemon.begin()
    assert journey.goes_on() == DONE


def test_the_reader_is_unplugged_and_comes_back(
    bridge: Lane, daemon: Daemon, journey: Journey
) -> None:
    daemon.begin(has_reader=False)
    assert journey.enter() == NO_READER
    assert journey.look() == NO_READER
    assert cost(bridge) == UNTOUCHED
    daemon.begin()
    assert journey.goes_on() == DONE


def acting(daemon: Daemon, what: signal.Signals) -> Trick:
    """Return a card whose service goes before its answer is passed on."""

    def act(answer: Answer) -> bytes:
        said = answer()
        daemon.told(what)
        return said

    return act


@pytest.mark.parametrize("gone", cases(), ids=str)
def test_it_goes_in_the_middle(bridge: Lane, daemon: Daemon, journey: Journey, gone: Gone) -> None:
    bridge.card.arm(gone.step.number, acting(daemon, gone.signal))
    page = journey.look() if gone.step.session == LOOK else journey.enter()
    pins = int(gone.step.kind in {"verify", "sign"})
    assert (page, cost(bridge)) == (NO_SERVICE, (PIN_TRIES, pins, 0))
    assert journey.look() == NO_SERVICE
    bridge.card.disarm()
    back: dict[signal.Signals, Callable[[], None]] = {
        signal.SIGKILL: daemon.begin,
        signal.SIGSTOP: lambda: daemon.told(signal.SIGCONT),
    }
    back[gone.signal]()
    assert journey.goes_on() == DONE
    assert cost(bridge) == (PIN_TRIES, pins + 1, 1)


def test_it_is_frozen_before_anything_is_asked(
    bridge: Lane, daemon: Daemon, journey: Journey
) -> None:
    daemon.told(signal.SIGSTOP)
    assert journey.enter() == NO_SERVICE
    assert journey.look() == NO_SERVICE
    assert journey.page("/diagnosis") == "diagnosis"
    assert journey.page("/") == "status"
    daemon.told(signal.SIGCONT)
    journey.looks_until("pin")
    assert cost(bridge) == UNTOUCHED
    assert journey.enter() == DONE


def test_nothing_unforeseen_was_logged(journey: Journey, log: Log) -> None:
    assert log.has("card trouble: no-service")
    assert log.crashes() == []
