"""What the bridge adds to the card's own time, in process and through pcscd, side by side.

Two sides take turns on the same virtual card over the same transport:

* a **script** that connects, shows the PIN, reads the certificate, has the card sign and resets it:
  the commands that nobody can do without, one after the other;
* the **bridge**: one post of the PIN form to the running bridge until the browser is sent back to
  the site, with everything in it: guards, the tries looked at first, the proof sent to the site.

The card itself notes how long it was at work, and the bridge's client how long the site let it
wait for the answer to the proof (here a small server in the same process). Overhead is all the
rest: HTTP with the browser, guards, threads, PC/SC. The card works at the pace of a contactless
card (``Pace``), because that is what a patient waits for; ``--no-pace`` lets it answer at once,
which shows the milliseconds alone. All figures are medians over the rounds; the last line, the
worse of the two transports, is for machines.

``python -m tests.pcscd -- python -m bench.bridge [--rounds 15] [--no-pace]``
"""

import argparse
import logging
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from unittest.mock import patch

import urllib3

from tests.cardbridge.cards import PIN, make_material, typed, write_card
from tests.cardbridge.server.fakesite import FakeSite, serving
from tests.cardbridge.server.rig import claims_for
from tests.pcscd import READER, card_in_pcscd, pcscd
from zaitaku.cardbridge.card.jpki import JpkiCard, algorithm_for
from zaitaku.cardbridge.card.transport import ReaderService
from zaitaku.cardbridge.pcsc.service import PcscService
from zaitaku.cardbridge.reading.config import BridgeConfig
from zaitaku.cardbridge.running.serving import running_bridge
from zaitaku.cardbridge.trust.limits import UNLIMITED
from zaitaku.cardbridge.trust.site import SiteClient
from zaitaku.cardbridge.virtual.card import VirtualCard
from zaitaku.cardbridge.virtual.cardfile import CardFile
from zaitaku.cardbridge.virtual.inprocess import InProcessService
from zaitaku.cardbridge.virtual.reader import DEFAULT_NAME, VirtualReader

STATEMENT: Final = b"what is agreed to"
SIGN: Final = 0x2A
HIDDEN: Final = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')


@dataclass(frozen=True)
class Pace:
    """How long a contactless card takes; assumed, for no real card was measured."""

    command: float = 0.015
    """Seconds for a command, whatever it is."""
    byte: float = 1 / 13_250
    """Seconds a byte at 106 kbit/s (ISO/IEC 14443-2 §8.1)."""
    signature: float = 0.3
    """Seconds for an RSA-2048 signature."""

    def seconds(self, command: bytes | bytearray, answer: bytes) -> float:
        """Return how long this exchange takes."""
        signing = self.signature if command[1] == SIGN else 0.0
        return self.command + self.byte * (len(command) + len(answer)) + signing


class PacedCard(VirtualCard):
    """A virtual card that takes its time."""

    def __init__(self, card: CardFile, pace: Pace | None) -> None:
        super().__init__(card)
        self._pace = pace
        self.spent = 0.0
        """Seconds at work since it was made."""

    def process(self, raw: bytes | bytearray) -> bytes:
        """Answer when a card would have."""
        began = time.perf_counter()
        command = bytes(raw)
        answer = super().process(raw)
        if self._pace is not None:
            took = time.perf_counter() - began
            time.sleep(max(0.0, self._pace.seconds(command, answer) - took))
        self.spent += time.perf_counter() - began
        return answer


@dataclass(frozen=True)
class Session:
    """One session with the card, in milliseconds."""

    card: float
    """For so long the card was at work."""
    site: float
    """For so long the site was waited for."""
    whole: float

    @property
    def added(self) -> float:
        """What came on top."""
        return self.whole - self.card - self.site


@dataclass(frozen=True)
class Side:
    """Medians of one side on one transport, in milliseconds."""

    name: str
    sessions: list[Session]

    @property
    def card(self) -> float:
        """The card's own time."""
        return statistics.median(one.card for one in self.sessions)

    @property
    def site(self) -> float:
        """The site's answer."""
        return statistics.median(one.site for one in self.sessions)

    @property
    def added(self) -> float:
        """What came on top of both."""
        return statistics.median(one.added for one in self.sessions)

    @property
    def percent(self) -> float:
        """What came on top, as a part of the card's own time."""
        return 100 * self.added / self.card

    def __str__(self) -> str:
        figures = (self.card, self.site, self.added, self.percent)
        return f"{self.name:20}" + "".join(f"{figure:10.1f}" for figure in figures)


def by_hand(readers: ReaderService, name: str) -> None:
    """Do what nobody can do without."""
    with closing(readers.connect(name)) as connection:
        card = JpkiCard(connection)
        card.verify_pin(typed(PIN))
        certificate = card.auth_certificate()
        card.sign(STATEMENT, algorithm_for(certificate))


class Browser:
    """One patient's browser at the bridge."""

    def __init__(self, address: str, site: FakeSite) -> None:
        self._address = address.rstrip("/")
        self._site = site
        self._pool = urllib3.PoolManager(retries=False)
        self._count = 0

    def prepare(self) -> Callable[[], None]:
        """Open a new reading and return the post of its PIN."""
        path = self._open()
        page = self._pool.request("GET", f"{self._address}{path}").data.decode()
        fields = {**dict(HIDDEN.findall(page)), "pin": PIN}
        return lambda: self._post(f"{path}/pin", fields)

    def _open(self) -> str:
        self._count += 1
        name = f"bench-{self._count}"
        claims = claims_for(
            self._site.origin, now=time.time(), challenge=name, return_path=f"/j/{name}/card/return"
        )
        address = f"{self._address}/read?request={self._site.sign(claims)}"
        return self._pool.request("GET", address, redirect=False).headers["Location"]

    def _post(self, path: str, fields: dict[str, str]) -> None:
        answer = self._pool.request(
            "POST", f"{self._address}{path}", fields=fields, encode_multipart=False, redirect=False
        )
        if not answer.headers.get("Location", "").startswith(self._site.origin):
            raise SystemExit(f"the bridge did not come back: {answer.status}")


class Stopwatch:
    """Adds up how long something took."""

    def __init__(self) -> None:
        self.seconds = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run while the context lasts."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds += time.perf_counter() - began


SITE: Final = Stopwatch()
"""Runs while the bridge waits for the site."""


def waiting(send: Callable[..., str]) -> Callable[..., str]:
    """Return the bridge's ``send_proof`` with its time noted."""

    def send_proof(*arguments: object) -> str:
        with SITE.running():
            return send(*arguments)

    return send_proof


def timed(card: PacedCard, work: Callable[[], None]) -> Session:
    """Do ``work`` and return what it took."""
    before, waited, whole = card.spent, SITE.seconds, Stopwatch()
    with whole.running():
        work()
    return Session(
        card=1000 * (card.spent - before),
        site=1000 * (SITE.seconds - waited),
        whole=1000 * whole.seconds,
    )


@contextmanager
def browsing(readers: ReaderService, folder: Path) -> Iterator[Browser]:
    """Run a bridge and a site that answers at once."""
    with serving(FakeSite()) as site:
        config = BridgeConfig(
            readers=readers,
            state=folder / "state",
            test_origins=frozenset({site.origin}),
            paces=UNLIMITED,
        )
        with (
            patch.object(SiteClient, "send_proof", waiting(SiteClient.send_proof)),
            running_bridge(config) as bridge,
        ):
            yield Browser(bridge.address, site)


def measure(
    transport: str, card: PacedCard, readers: ReaderService, name: str, rounds: int
) -> tuple[Side, Side]:
    """Let both sides take turns."""
    script, bridge = [], []
    with tempfile.TemporaryDirectory() as folder, browsing(readers, Path(folder)) as browser:
        for _ in range(rounds + 1):
            script.append(timed(card, lambda: by_hand(readers, name)))
            bridge.append(timed(card, browser.prepare()))
    # The first round fills caches on both sides.
    return Side(f"{transport}: script", script[1:]), Side(f"{transport}: bridge", bridge[1:])


def run(rounds: int, pace: Pace | None) -> list[tuple[Side, Side]]:
    """Measure both transports."""
    with tempfile.TemporaryDirectory() as folder:
        path = write_card(Path(folder) / "card.json", make_material())
        card, reader = PacedCard(CardFile.load(path), pace), VirtualReader()
        reader.insert(card)
        inside = measure("in process", card, InProcessService(reader), DEFAULT_NAME, rounds)
        with pcscd(), card_in_pcscd(reader):
            through = measure("pcscd", card, PcscService(), READER, rounds)
    return [inside, through]


def main() -> None:
    """Print a table and the line for machines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--no-pace", action="store_true")
    options = parser.parse_args()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    results = run(options.rounds, None if options.no_pace else Pace())
    print(f"{options.rounds} rounds, medians")
    print(f"{'':20}{'card ms':>10}{'site ms':>10}{'added ms':>10}{'added %':>10}")
    for pair in results:
        print(*pair, sep="\n")
    bridges = [bridge for _, bridge in results]
    percent, added = max(one.percent for one in bridges), max(one.added for one in bridges)
    print(f"overhead_pct={percent:.1f} overhead_ms={added:.1f}")


if __name__ == "__main__":
    main()
