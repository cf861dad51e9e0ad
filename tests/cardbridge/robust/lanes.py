"""Lanes through one real pcscd: each has a reader, a card, a bridge and a site of its own.

Waiting for pcscd to see a card come and go takes most of a case's time, so the cases of a file are
run on all lanes at once, by a fixture; each test then asks what became of its own.
"""

import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Final, Generic, TypeVar

import pytest

from tests.cardbridge.cards import PIN
from tests.cardbridge.robust.tricky import TrickyCard, card_file, shared_material
from tests.cardbridge.server.fakesite import CODE, FakeSite, serving
from tests.cardbridge.server.rig import back_to, claims_for
from tests.cardbridge.server.visitor import Visitor, hidden, name_of
from tests.pcscd import NamespaceError, lane_name, lane_port, wait_for
from zaitaku.cardbridge.card import cardwork
from zaitaku.cardbridge.card.cardwork import CardWork
from zaitaku.cardbridge.card.sessions import Sessions
from zaitaku.cardbridge.card.transport import TransportTrouble
from zaitaku.cardbridge.pcsc.service import PcscService
from zaitaku.cardbridge.reading.config import BridgeConfig
from zaitaku.cardbridge.running.serving import running_bridge
from zaitaku.cardbridge.trust.limits import UNLIMITED
from zaitaku.cardbridge.virtual.reader import VirtualReader
from zaitaku.cardbridge.virtual.vpcd import VpcdPlug
from zaitaku.cardbridge.web import bridge

MOST_LANES: Final = 8
"""pcscd takes 16 slots."""
ABSENCE_SECONDS: Final = 0.55
"""pcscd looks every 0.4 s; a card that is back sooner than it has looked is never powered again."""
BACK_SECONDS: Final = 2.0
"""After so long a busy machine may have missed that: the card is taken out once more."""
SERVICE_SECONDS: Final = 0.5
LOOK_SECONDS: Final = 0.05
DONE: Final = "code"
"""Stands for a page: the browser went back to the site with the code that the site had given."""

Case = TypeVar("Case")
Result = TypeVar("Result")


class OneReader(PcscService):
    """The real service, as a computer with only one of its readers would have it."""

    def __init__(self, name: str) -> None:
        super().__init__(patience=0.2)
        self._name = name

    def readers(self) -> list[str]:
        """Return the one, or let the service say what is amiss."""
        return [name for name in super().readers() if name == self._name] or [self._name]


class Journey:
    """One patient's visit to the bridge, from the site's request on."""

    def __init__(self, lane: "Lane", number: int) -> None:
        claims = claims_for(lane.site.origin, now=time.time(), challenge=f"c-{number}")
        self._lane = lane
        self._visitor = Visitor(lane.address)
        self._page = ""
        opened = self._visitor.get(f"/read?request={lane.site.sign(claims)}")
        self._path = opened.headers["Location"]

    def look(self) -> str:
        """Fetch the page, as もう一度 does; return its name."""
        self._page = self._visitor.page(self._path)
        return name_of(self._page)

    def enter(self, pin: str = PIN) -> str:
        """Type a PIN into the page that was fetched last; return the name of what follows."""
        posted = self._visitor.post(f"{self._path}/pin", **hidden(self._page), pin=pin)
        target = posted.headers.get("Location", "")
        if target == back_to(self._lane.site, f"code={CODE}"):
            return DONE
        return name_of(self._visitor.page(target) if target else posted.data.decode())

    def page(self, path: str) -> str:
        """Fetch another page of the same bridge; return its name."""
        return name_of(self._visitor.page(path))

    def looks_until(self, page: str) -> None:
        """Press もう一度 until it is this page."""
        wait_for(lambda: self.look() == page or None, f"page {page}", pause=LOOK_SECONDS)

    def goes_on(self) -> str:
        """Press もう一度 until the PIN is asked for, type it, and return what follows."""
        self.looks_until("pin")
        return self.enter()


@dataclass
class Lane:
    """One reader with its card, and the bridge and site behind it."""

    name: str
    reader: VirtualReader
    card: TrickyCard
    site: FakeSite
    address: str
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def begin(self) -> Journey:
        """Begin another journey with an untouched card."""
        self.card.disarm()
        self.card.restock()
        self.site.proofs.clear()
        return Journey(self, next(self._numbers))

    def put_back(self) -> None:
        """Lay the card there again and wait until pcscd has seen that."""
        self.card.disarm()
        wait_for(self._is_back, f"card in {self.name}")

    def _is_back(self) -> bool | None:
        self.reader.remove()
        time.sleep(ABSENCE_SECONDS)
        self.reader.insert(self.card)
        with suppress(NamespaceError):
            return wait_for(lambda: _taken(self.name), "card", BACK_SECONDS, pause=LOOK_SECONDS)
        return None


@contextmanager
def lane(
    number: int, folder: Path, *, name: str = "", sessions: Callable[[], Sessions] = Sessions
) -> Iterator[Lane]:
    """Open one lane of a running pcscd; ``sessions`` tells how long a page waits."""
    reader, card = VirtualReader(), TrickyCard(card_file(shared_material()))
    reader.insert(card)
    name = name or lane_name(number)
    with ExitStack() as stack:
        site = stack.enter_context(serving(FakeSite()))
        stack.enter_context(VpcdPlug(reader, port=lane_port(number), absence=0))
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(bridge, "CardWork", lambda service: CardWork(service, sessions()))
        patch.setattr(cardwork, "SERVICE_SECONDS", SERVICE_SECONDS)
        config = BridgeConfig(
            OneReader(name),
            folder / f"lane{number}",
            test_origins=frozenset({site.origin}),
            paces=UNLIMITED,
        )
        running = stack.enter_context(running_bridge(config))
        yield Lane(name, reader, card, site, running.address)


@contextmanager
def lanes(
    count: int, folder: Path, *, sessions: Callable[[], Sessions] = Sessions
) -> Iterator[list[Lane]]:
    """Open lanes of a running ``pcscd(lanes=count)``, all with their cards seen."""
    with ExitStack() as stack:
        opened = [
            stack.enter_context(lane(number, folder, sessions=sessions)) for number in range(count)
        ]
        for each in opened:
            wait_for(partial(_taken, each.name), f"card in {each.name}")
        yield opened


def _taken(name: str) -> bool | None:
    with suppress(TransportTrouble):
        PcscService(patience=0).connect(name).close()
        return True
    return None


class Results(Generic[Case, Result]):
    """What became of each case."""

    def __init__(self, found: Mapping[Case, "Result | Exception"]) -> None:
        self._found = found

    def of(self, case: Case) -> Result:
        """Return what became of ``case``, or raise what ended it."""
        result = self._found[case]
        if isinstance(result, Exception):
            raise result
        return result


def run_all(
    cases: Iterable[Case], opened: list[Lane], run: Callable[[Lane, Case], Result]
) -> Results[Case, Result]:
    """Run all cases, on as many lanes at once as there are."""
    free: SimpleQueue[Lane] = SimpleQueue()
    for each in opened:
        free.put(each)

    def in_a_lane(case: Case) -> "Result | Exception":
        mine = free.get()
        try:
            return run(mine, case)
        except Exception as error:  # noqa: BLE001  told by the test of this case
            return error
        finally:
            free.put(mine)

    told = list(cases)
    with ThreadPoolExecutor(len(opened)) as pool:
        return Results(dict(zip(told, pool.map(in_a_lane, told), strict=True)))


class Log(logging.Handler):
    """All that was logged, and what ended a thread."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self._lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line, with its traceback if it has one."""
        self._lines.append(logging.Formatter().format(record))

    def crashes(self) -> list[str]:
        """Return what nobody has foreseen."""
        return [line for line in self._lines if "Traceback" in line or "unforeseen" in line]

    def has(self, text: str) -> bool:
        """Tell whether any line says ``text``."""
        return any(text in line for line in self._lines)

    def _ended(self, crash: threading.ExceptHookArgs) -> None:
        self._lines.append(f"Traceback of {crash.thread}: {crash.exc_type.__name__}")


@contextmanager
def kept_log() -> Iterator[Log]:
    """Keep what is logged meanwhile."""
    log, root = Log(), logging.getLogger()
    level, root.level = root.level, logging.INFO
    root.addHandler(log)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading, "excepthook", log._ended)
        yield log
    root.removeHandler(log)
    root.setLevel(level)
