"""The sign changes when a reader, a card or the service comes or goes, and only then."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping

import pytest

from tests.cardbridge.made_up_pcsc import EMPTY, PRESENT
from zaitaku.cardbridge.card.cardwork import CardWork
from zaitaku.cardbridge.card.transport import CardConnection, NoReader, NoService, ReaderFacts
from zaitaku.cardbridge.card.watching import Watch
from zaitaku.cardbridge.pcsc import watch
from zaitaku.cardbridge.pcsc.api import PLUG_AND_PLAY, Pcsc
from zaitaku.cardbridge.pcsc.watch import Follower
from zaitaku.cardbridge.virtual.card import VirtualCard
from zaitaku.cardbridge.virtual.inprocess import InProcessService
from zaitaku.cardbridge.virtual.reader import VirtualReader

IN_USE, EXCLUSIVE, UNPOWERED = 0x100, 0x80, 0x400


def soon(condition: Callable[[], bool], seconds: float = 5) -> bool:
    """Wait a little for what another thread does."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.005)
    return condition()


class Service(Pcsc):
    """A PC/SC service that a test changes while somebody waits in it."""

    def __init__(self, *, notifies: bool = True) -> None:
        self._now = threading.Condition()
        self._notifies = notifies
        self.states: dict[str, int] = {}
        self.is_running = True
        self.is_cancelled = False
        self.waits = 0

    @property
    def notifies(self) -> bool:
        return self._notifies

    def change(self, **states: int | None) -> None:
        """Give readers another state; None unplugs one."""
        with self._now:
            for name, state in states.items():
                if state is None:
                    del self.states[name]
                else:
                    self.states[name] = state
            self._now.notify_all()

    def run(self, *, is_running: bool) -> None:
        """Stop the service, or start it."""
        with self._now:
            self.is_running = is_running
            self._now.notify_all()

    def establish(self) -> int:
        self._check()
        return 7

    def release(self, context: int) -> None:
        assert context == 7

    def list_readers(self, context: int) -> list[str]:
        self._check()
        if not self.states:
            raise NoReader
        return list(self.states)

    def wait(self, context: int, known: Mapping[str, int], seconds: float) -> dict[str, int]:
        assert known
        with self._now:
            self.waits += 1
            self._now.wait_for(lambda: self._differs(known), seconds)
            self.is_cancelled = False
            self._check()
            return {name: self._state(name) for name in known}

    def cancel(self, context: int) -> None:
        with self._now:
            self.is_cancelled = True
            self._now.notify_all()

    def _differs(self, known: Mapping[str, int]) -> bool:
        gone = any(name not in self.states for name in known if name != PLUG_AND_PLAY)
        return (
            gone
            or not self.is_running
            or self.is_cancelled
            or any(self._state(name) != state for name, state in known.items())
        )

    def _state(self, name: str) -> int:
        if name == PLUG_AND_PLAY:
            return len(self.states) << 16
        if name not in self.states:
            raise NoReader(name)
        return self.states[name]

    def _check(self) -> None:
        if not self.is_running:
            raise NoService


class Counted:
    """Counts the changes that a follower tells."""

    def __init__(self, service: Service) -> None:
        self.count = 0
        self.service = service
        self.follower = Follower(lambda: service, self._add, pause=0.02)

    def _add(self) -> None:
        self.count += 1

    def begin(self) -> None:
        """Start the follower, and count from its first look on."""
        self.follower.start()
        assert self.count == 1
        self.count = 0

    def settled(self) -> None:
        """Wait until the follower waits in the service, or pauses between two looks at it."""
        before = self.service.waits
        self.service.cancel(7)
        assert soon(lambda: self.service.waits > before)


@pytest.fixture(params=[True, False], ids=["told", "polled"])
def counted(request: pytest.FixtureRequest) -> Iterator[Counted]:
    service = Service(notifies=request.param)
    service.change(a=EMPTY)
    made = Counted(service)
    made.begin()
    made.settled()
    yield made
    made.follower.stop()


def test_what_comes_as_soon_as_the_watch_has_begun_is_a_change() -> None:
    service = Service()
    service.change(a=EMPTY)
    made = Counted(service)
    made.begin()
    service.change(a=PRESENT | 0x10000)
    assert soon(lambda: made.count == 1)
    made.follower.stop()


def test_a_service_that_hangs_is_not_waited_for_and_its_first_word_is_a_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watch, "FIRST_SECONDS", 0.05)
    service, goes_on = Service(), threading.Event()
    service.change(a=EMPTY)
    made = Counted(service)
    monkeypatch.setattr(service, "establish", lambda: goes_on.wait() and 7)
    made.follower.start()
    assert made.count == 0
    goes_on.set()
    assert soon(lambda: made.count == 1)
    made.follower.stop()


def test_what_was_there_at_first_is_no_change(counted: Counted) -> None:
    counted.settled()
    assert counted.count == 0


def test_a_card_comes_and_goes(counted: Counted) -> None:
    counted.service.change(a=PRESENT | 0x10000)
    assert soon(lambda: counted.count == 1)
    counted.service.change(a=EMPTY | 0x20000)
    assert soon(lambda: counted.count == 2)


def test_a_card_that_was_changed_between_two_looks_is_another(counted: Counted) -> None:
    counted.service.change(a=PRESENT | 0x10000)
    assert soon(lambda: counted.count == 1)
    counted.service.change(a=PRESENT | 0x30000)
    assert soon(lambda: counted.count == 2)


def test_a_session_is_no_change(counted: Counted) -> None:
    counted.service.change(a=PRESENT | 0x10000)
    assert soon(lambda: counted.count == 1)
    for flags in (IN_USE | EXCLUSIVE, UNPOWERED, 0):
        counted.service.change(a=PRESENT | 0x10000 | flags)
        counted.settled()
    assert counted.count == 1


def test_a_reader_comes_and_goes(counted: Counted) -> None:
    counted.service.change(b=EMPTY)
    assert soon(lambda: counted.count == 1)
    counted.service.change(b=None)
    assert soon(lambda: counted.count == 2)


def test_the_last_reader_goes_and_comes_back(counted: Counted) -> None:
    counted.service.change(a=None)
    assert soon(lambda: counted.count == 1)
    counted.service.change(a=EMPTY)
    assert soon(lambda: counted.count == 2)


def test_the_service_ends_and_comes_back(counted: Counted) -> None:
    counted.service.run(is_running=False)
    assert soon(lambda: counted.count == 1)
    counted.service.run(is_running=True)
    assert soon(lambda: counted.count == 2)


def test_a_service_that_comes_late_is_a_change() -> None:
    service = Service()
    service.run(is_running=False)
    made = Counted(service)
    made.begin()
    time.sleep(0.1)
    assert made.count == 0
    service.run(is_running=True)
    assert soon(lambda: made.count == 1)
    made.follower.stop()


def test_the_follower_sleeps_while_nothing_happens() -> None:
    service = Service()
    service.change(a=EMPTY)
    made = Counted(service)
    made.begin()
    assert soon(lambda: service.waits >= 2)
    time.sleep(0.2)
    assert service.waits == 2
    made.follower.stop()


class TestSign:
    def test_it_begins_to_watch_when_it_is_first_asked(self, virtual_reader: VirtualReader) -> None:
        begun = Watch(InProcessService(virtual_reader))
        virtual_reader.remove()
        first = begun.stamp()
        assert begun.stamp() == first

    def test_it_changes_with_each_card(
        self, virtual_reader: VirtualReader, card: VirtualCard
    ) -> None:
        work = CardWork(InProcessService(virtual_reader))
        seen = [work.stamp()]
        for change in (virtual_reader.remove, lambda: virtual_reader.insert(card)):
            change()
            seen.append(work.stamp())
        assert len(set(seen)) == 3

    def test_looking_at_the_card_does_not_change_it(self, virtual_reader: VirtualReader) -> None:
        work = CardWork(InProcessService(virtual_reader))
        before = work.stamp()
        assert work.look().page == "pin"
        assert work.stamp() == before

    def test_two_bridges_share_no_sign(self, virtual_reader: VirtualReader) -> None:
        service = InProcessService(virtual_reader)
        assert Watch(service).stamp() != Watch(service).stamp()

    def test_a_service_that_cannot_be_watched_keeps_its_sign(self) -> None:
        begun = Watch(Unwatchable())
        assert begun.stamp() == begun.stamp()


class Unwatchable:
    """A service that tells nothing by itself."""

    def readers(self) -> list[str]:
        raise NoReader

    def connect(self, reader: str) -> CardConnection:
        raise NoReader

    def facts(self) -> tuple[ReaderFacts, ...]:
        return ()
