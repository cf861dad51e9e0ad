"""A reader that hangs costs its own page a bounded time, and the other pages next to nothing."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http import HTTPStatus
from http.client import HTTPConnection

import pytest

from tests.cardbridge.cards import PIN, Material, typed, verify_number
from tests.cardbridge.hooks import HookedService, Moment
from tests.cardbridge.server.fakesite import FakeSite
from tests.cardbridge.server.rig import Rig, back_to, page_name
from zaitaku import wire
from zaitaku.cardbridge.card.cardwork import (
    LOOKS_AT_ONCE,
    SERVICE_SECONDS,
    CardState,
    CardWork,
)
from zaitaku.cardbridge.card.sessions import Session, Sessions
from zaitaku.cardbridge.card.transport import (
    CardConnection,
    CardUnresponsive,
    ReaderFacts,
)
from zaitaku.cardbridge.running.serving import running_bridge
from zaitaku.cardbridge.virtual.card import VirtualCard
from zaitaku.cardbridge.virtual.inprocess import InProcessService
from zaitaku.cardbridge.virtual.reader import VirtualReader
from zaitaku.cardbridge.web import reading_views

TURN = 0.1
LONGEST = 0.4
"""Number of the APDU that shows the PIN: applet, PIN file, tries, PIN file, PIN."""


class StuckAt:
    """A hook that hangs at one APDU until it is let go."""

    def __init__(self, number: int, moment: Moment = Moment.BEFORE) -> None:
        self.free = threading.Event()
        self.passed = threading.Event()
        self._at = (number, moment)

    def __call__(self, number: int, moment: Moment) -> None:
        if (number, moment) == self._at:
            self.free.wait(30)
        self.passed.set()


class StuckService:
    """Readers of which none ever connects, until they are let go."""

    def __init__(self) -> None:
        self.free = threading.Event()

    def readers(self) -> list[str]:
        return ["stuck"]

    def connect(self, reader: str) -> CardConnection:
        self.free.wait(30)
        raise CardUnresponsive(reader)

    def facts(self) -> tuple[ReaderFacts, ...]:
        return ()


@pytest.fixture
def stuck() -> Iterator[StuckService]:
    service = StuckService()
    yield service
    service.free.set()


class SilentFacts(InProcessService):
    """Readers that say their names and nothing else, until they are let go."""

    def __init__(self, *readers: VirtualReader) -> None:
        super().__init__(*readers)
        self.free = threading.Event()

    def facts(self) -> tuple[ReaderFacts, ...]:
        self.free.wait(30)
        return super().facts()


def sessions() -> Sessions:
    return Sessions(turn=TURN, longest=LONGEST)


def soon(condition: Callable[[], bool]) -> bool:
    """Wait a little for what another thread does."""
    end = time.monotonic() + 5
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


def hang(rig: Rig, reader: VirtualReader, hook: StuckAt) -> None:
    """Let the next session with the card hang."""
    here = rig.app.extensions["zaitaku-bridge"]
    work = CardWork(HookedService(reader, hook=hook), sessions())
    work._key = here.cards._key  # it stands for the same bridge, which has seen the same card
    rig.app.extensions["zaitaku-bridge"] = replace(here, cards=work)


def test_a_reader_that_hangs_is_called_silent_after_a_bounded_time(stuck: StuckService) -> None:
    view = CardWork(stuck, sessions()).look()
    assert (view.state, view.trouble) == (CardState.TROUBLE, "card-unresponsive")


def test_the_next_page_does_not_wait_behind_it(stuck: StuckService) -> None:
    work = CardWork(stuck, sessions())
    work.look()
    assert min(_look_again(work) for _ in range(5)) < TURN


def _look_again(work: CardWork) -> float:
    """Return how long a look at a reader took that is known to hang."""
    began = time.monotonic()
    assert work.look().trouble == "card-unresponsive"
    return time.monotonic() - began


def test_a_page_waits_a_little_for_a_session_that_ends(card: VirtualCard) -> None:
    reader = VirtualReader()
    reader.insert(card)
    hook = StuckAt(1)
    work = CardWork(HookedService(reader, hook=hook), Sessions(turn=5, longest=5))
    with ThreadPoolExecutor(2) as pool:
        looks = [pool.submit(work.look) for _ in range(2)]
        hook.free.set()
        assert [look.result().tries for look in looks] == [3, 3]


def test_a_reader_that_comes_back_is_used_again(stuck: StuckService) -> None:
    work = CardWork(stuck, sessions())
    work.look()
    stuck.free.set()
    assert soon(lambda: work.look().trouble == "card-unresponsive")


def test_many_looks_do_not_take_every_thread(stuck: StuckService) -> None:
    work = CardWork(stuck, Sessions(turn=5, longest=5))
    with ThreadPoolExecutor(LOOKS_AT_ONCE) as pool:
        looks = [pool.submit(work.look) for _ in range(LOOKS_AT_ONCE)]
        assert soon(lambda: work._looks._value == 0)
        assert work.look().trouble == "still-reading"
        stuck.free.set()
        assert {look.result().trouble for look in looks} == {"card-unresponsive"}


def test_what_the_session_raises_reaches_the_page() -> None:
    def fail(_: Session) -> None:
        raise ValueError("odd")

    both = sessions()
    for _ in range(2):
        with pytest.raises(ValueError, match="odd"):
            both.run(fail)


def test_a_session_is_either_given_up_or_committed() -> None:
    one, other = Session(), Session()
    assert one.abandon()
    with pytest.raises(CardUnresponsive):
        one.commit()
    other.commit()
    assert not other.abandon()


def test_a_pin_is_never_shown_after_its_page_was_told_that_the_card_is_silent(
    card: VirtualCard,
) -> None:
    reader = VirtualReader()
    reader.insert(card)
    hook = StuckAt(1)
    work = CardWork(HookedService(reader, hook=hook), sessions())
    pin = typed("0000")
    with pytest.raises(CardUnresponsive):
        work.sign(pin, b"statement", insisted=True)
    assert pin == bytearray(4)
    hook.free.set()
    assert soon(lambda: work.look().tries == 3)
    assert card.tries == 3


@pytest.mark.parametrize("moment", Moment)
@pytest.mark.parametrize("before", range(1, 12))
def test_a_pin_stays_back_wherever_the_card_was_silent_before_it(
    card: VirtualCard, before: int, moment: Moment
) -> None:
    """The last of these commands selects the PIN; it is the next that shows it."""
    number = verify_number(card.card.certificate) - before
    reader = VirtualReader()
    reader.insert(card)
    hook = StuckAt(number, moment)
    work = CardWork(HookedService(reader, hook=hook), Sessions(turn=5, longest=0.1))
    with pytest.raises(CardUnresponsive):
        work.sign(typed("0000"), b"statement", insisted=True)
    hook.free.set()
    assert soon(lambda: work.look().state is CardState.READY)
    assert card.tries == 3


def test_a_pin_on_its_way_is_not_overwritten_under_the_card(card: VirtualCard) -> None:
    """Zeros in its place would be a wrong PIN."""
    reader = VirtualReader()
    reader.insert(card)
    hook = StuckAt(verify_number(card.card.certificate) - 1)
    work = CardWork(HookedService(reader, hook=hook), sessions())
    with pytest.raises(CardUnresponsive):
        work.sign(typed(PIN), b"statement", insisted=True)
    hook.free.set()
    assert soon(lambda: work.look().state is CardState.READY)
    assert card.tries == 3


def test_a_pin_that_waits_for_its_turn_is_wiped(stuck: StuckService) -> None:
    work = CardWork(stuck, sessions())
    work.look()
    pin = typed()
    with pytest.raises(CardUnresponsive):
        work.sign(pin, b"statement", insisted=False)
    assert pin == bytearray(4)


def test_the_page_of_a_pin_says_that_the_card_is_silent(
    rig: Rig, virtual_reader: VirtualReader, material: Material
) -> None:
    opened = rig.opened()
    fields = opened.fields()
    hook = StuckAt(verify_number(material.certificate))
    hang(rig, virtual_reader, hook)
    answer = rig.post(f"{opened.path}/pin", **fields, pin=PIN)
    assert (answer.status_code, page_name(answer)) == (HTTPStatus.CONFLICT, "card-unresponsive")
    hook.free.set()
    assert soon(lambda: page_name(opened.page()) == "pin")
    assert rig.site.proofs == []


def test_cancel_answers_while_the_card_hangs_and_nothing_is_sent_later(
    rig: Rig,
    virtual_reader: VirtualReader,
    material: Material,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reading_views, "CANCEL_SECONDS", 0.1)
    opened = rig.opened()
    fields = opened.fields()
    hook = StuckAt(verify_number(material.certificate))
    hang(rig, virtual_reader, hook)
    slow = Sessions(turn=TURN, longest=20)
    rig.app.extensions["zaitaku-bridge"].cards._sessions = slow
    with ThreadPoolExecutor(1) as pool:
        pin = pool.submit(rig.post, f"{opened.path}/pin", **fields, pin=PIN)
        assert hook.passed.wait(5)
        cancelled = rig.post(f"{opened.path}/cancel", token=fields["token"])
        assert not pin.done()
        hook.free.set()
        late = pin.result()
    back = back_to(rig.site, "cancelled=1")
    assert (cancelled.location, late.location) == (back, back)
    assert rig.site.proofs == []
    assert page_name(rig.read(rig.token())) == "used"


def test_who_stops_while_the_card_works_has_stopped_also_when_it_is_done_in_time(
    rig: Rig, virtual_reader: VirtualReader, material: Material
) -> None:
    opened = rig.opened()
    fields = opened.fields()
    hook = StuckAt(verify_number(material.certificate))
    hang(rig, virtual_reader, hook)
    rig.app.extensions["zaitaku-bridge"].cards._sessions = Sessions(turn=TURN, longest=20)
    reading = rig.app.extensions["zaitaku-bridge"].desk._readings[opened.path.split("/")[-1]]
    with ThreadPoolExecutor(2) as pool:
        pin = pool.submit(rig.post, f"{opened.path}/pin", **fields, pin=PIN)
        assert hook.passed.wait(5)
        cancelled = pool.submit(rig.post, f"{opened.path}/cancel", token=fields["token"])
        assert soon(lambda: reading.back is not None)
        assert not cancelled.done()
        hook.free.set()
        back = back_to(rig.site, "cancelled=1")
        assert (cancelled.result().location, pin.result().location) == (back, back)
    assert rig.site.proofs == []


def test_who_stops_while_the_proof_is_on_its_way_gets_no_code(rig: Rig) -> None:
    rig.site.holds_proofs = may_answer = threading.Event()
    opened = rig.opened()
    fields = opened.fields()
    with ThreadPoolExecutor(1) as pool:
        pin = pool.submit(rig.post, f"{opened.path}/pin", **fields, pin=PIN)
        assert soon(lambda: wire.PROOF_PATH in rig.site.asked)
        cancelled = rig.post(f"{opened.path}/cancel", token=fields["token"])
        may_answer.set()
        back = back_to(rig.site, "cancelled=1")
        assert (cancelled.location, pin.result().location) == (back, back)
    assert rig.post(f"{opened.path}/pin", **fields, pin=PIN).location == back


def test_a_form_sent_twice_does_not_wait_for_a_hanging_card_for_ever(
    rig: Rig,
    virtual_reader: VirtualReader,
    material: Material,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reading_views, "WORK_SECONDS", 0.1)
    opened = rig.opened()
    fields = opened.fields()
    reading = rig.app.extensions["zaitaku-bridge"].desk._readings[opened.path.split("/")[-1]]
    with reading.work:
        pin = rig.post(f"{opened.path}/pin", **fields, pin=PIN)
        again = rig.post(f"{opened.path}/send", token=fields["token"])
    assert (pin.status_code, page_name(pin)) == (HTTPStatus.CONFLICT, "still-reading")
    assert (again.status_code, page_name(again)) == (HTTPStatus.CONFLICT, "send-failed")
    assert rig.site.proofs == []


def test_a_served_bridge_answers_other_pages_while_nine_look_at_a_hanging_reader(
    site: FakeSite, stuck: StuckService, rig: Rig
) -> None:
    config = replace(rig.config, readers=stuck, port=0)
    with running_bridge(config) as running, ThreadPoolExecutor(9) as pool:
        looks = [pool.submit(fetch, running.config.port, "/") for _ in range(9)]
        assert soon(lambda: sum(look.done() for look in looks) >= 5)
        began = time.monotonic()
        assert fetch(running.config.port, "/assets/bridge.css") == HTTPStatus.OK
        assert fetch(running.config.port, "/nowhere") == HTTPStatus.NOT_FOUND
        assert fetch(running.config.port, "/") == HTTPStatus.OK
        assert time.monotonic() - began < 4
        stuck.free.set()
        assert {look.result() for look in looks} == {HTTPStatus.OK}


def test_a_diagnosis_of_readers_that_are_silent_names_them_and_nothing_waits(
    rig: Rig, virtual_reader: VirtualReader
) -> None:
    silent = SilentFacts(virtual_reader)
    config = replace(rig.config, readers=silent, port=0)
    with running_bridge(config) as running, ThreadPoolExecutor(12) as pool:
        began = time.monotonic()
        looks = [pool.submit(fetch, running.config.port, "/diagnosis") for _ in range(12)]
        assert {look.result() for look in looks} == {HTTPStatus.OK}
        assert fetch(running.config.port, "/assets/bridge.css") == HTTPStatus.OK
        assert time.monotonic() - began < 5 * SERVICE_SECONDS
        work = CardWork(silent, sessions())
        assert work.facts() == (ReaderFacts(virtual_reader.name),)
        silent.free.set()
        assert soon(lambda: work.facts() == InProcessService(virtual_reader).facts())


def fetch(port: int, path: str) -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()
