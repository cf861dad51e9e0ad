"""Why the card cannot be read: everything that a helper asks about, without private data.

No serial number of a reader, no address of a site, no folder, no name of a person or a computer:
whoever copies the report may send it to a stranger.
"""

import platform
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from zaitaku import wire
from zaitaku.cardbridge.card.transport import CardPresence, CardTrouble, NoService, ReaderFacts
from zaitaku.cardbridge.reading.observations import Trouble
from zaitaku.cardbridge.trust.failures import StateUnusable
from zaitaku.cardbridge.trust.pins import Pins
from zaitaku.cardbridge.trust.requests import LEEWAY_SECONDS
from zaitaku.cardbridge.web.bridge import Bridge

NAME_LIMIT: Final = 80
_IN_BRACKETS: Final = re.compile(r"\s*[(\[][^()\[\]]*[)\]]")
_LABELLED: Final = re.compile(
    r"(?<![A-Za-z])(S/?N|serial(?: number| no)?)[.:# ]+[^ ]+", re.IGNORECASE
)
_GROUPS: Final = re.compile(r"[0-9A-Fa-f]{2,}(?:[-:][0-9A-Fa-f]{2,}){2,}")
"""As in an address of a network card or a UUID."""
_WORD: Final = re.compile(r"[0-9A-Za-z]+")
_LONG_NUMBER: Final = re.compile(r"(?=[0-9A-Za-z]*[0-9]{5})[0-9A-Za-z]{6,}")
_MIXED: Final = re.compile(r"(?=[0-9]*[A-Za-z])(?=[A-Za-z]*[0-9])[0-9A-Za-z]{8,}")
_MODEL: Final = re.compile(r"(?:ACR|SCR|SCL|CIR|ADR|uTrust)[0-9]{2,4}(?:[A-Z]{1,2}|v[0-9])?")
"""Long names of common readers that look like serial numbers."""
_HELPFUL: Final = {
    CardPresence.EMPTY: "no-card",
    CardPresence.MUTE: "card-unresponsive",
    CardPresence.IN_USE: "card-busy",
}
"""Pages whose steps say what to do about the card."""


class State(StrEnum):
    """How a finding is."""

    GOOD = "good"
    CHECK = "check"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    """Name of the words for what it is, in the section ``diagnosis``."""
    state: State
    said: str
    """Name of the words for how it is, in the section ``diagnosis``."""
    facts: Mapping[str, object] = field(default_factory=dict)
    page: str = ""
    """The page whose steps say what to do; "" when there is nothing to do."""


@dataclass(frozen=True)
class Diagnosis:
    """Everything that was looked at."""

    version: str
    is_single_file: bool
    system: str
    python: str
    port: int
    readers: tuple[ReaderFacts, ...]
    reader_trouble: str
    """Code of what kept the readers from being listed, "" for nothing."""
    clock_difference: float | None
    """Seconds by which the clock of the site that asked last is ahead."""
    sites: int
    """How many sites may ask."""
    pinned: int | None
    """How many sites are known by their keys; None: the file cannot be read."""
    is_virtual: bool
    troubles: tuple[Trouble, ...]

    @property
    def is_service_running(self) -> bool:
        """Whether the computer's smart-card service answers."""
        return self.reader_trouble != NoService.code

    def findings(self) -> Iterator[Finding]:
        """Return what was looked at, in the order in which one looks."""
        yield _service(self.is_service_running)
        if self.is_service_running:
            yield from self._readers()
        yield self._clock()
        yield self._sites()
        yield self._memory()
        yield self._port()

    def _readers(self) -> Iterator[Finding]:
        if self.reader_trouble:
            yield Finding("reader", State.CHECK, "reader-none", page=self.reader_trouble)
        for reader in self.readers:
            facts = {"reader": reader.name, "driver": _driver(reader)}
            said = "reader-pad" if reader.has_pinpad else "reader-plain"
            yield Finding("reader", State.GOOD, said, facts)
            yield _card(reader.card)

    def _clock(self) -> Finding:
        if self.clock_difference is None:
            return Finding("clock", State.UNKNOWN, "clock-unknown")
        facts = {"seconds": f"{abs(self.clock_difference):.0f}"}
        if abs(self.clock_difference) <= LEEWAY_SECONDS:
            return Finding("clock", State.GOOD, "clock-good", facts)
        return Finding("clock", State.CHECK, "clock-check", facts, page="clock")

    def _sites(self) -> Finding:
        if self.sites:
            return Finding("sites", State.GOOD, "sites-good", {"count": self.sites})
        return Finding("sites", State.CHECK, "sites-none")

    def _memory(self) -> Finding:
        if self.pinned is None:
            return Finding("memory", State.CHECK, "memory-check")
        return Finding("memory", State.GOOD, "memory-good", {"count": self.pinned})

    def _port(self) -> Finding:
        facts = {"port": self.port}
        if self.port in wire.BRIDGE_PORTS:
            return Finding("port", State.GOOD, "port-good", facts)
        return Finding("port", State.CHECK, "port-other", facts)

    def report(self) -> str:
        """Return the same as lines that a helper reads in any language."""
        return "\n".join(f"{name}: {value}" for name, value in self._lines()) + "\n"

    def _lines(self) -> Iterator[tuple[str, object]]:
        yield "zaitaku-bridge", f"{self.version}{' single-file' if self.is_single_file else ''}"
        yield "system", self.system
        yield "python", self.python
        yield "port", self.port
        yield "virtual-cards", _yes(is_so=self.is_virtual)
        yield "card-service", "running" if self.is_service_running else NoService.code
        if self.reader_trouble:
            yield "readers", self.reader_trouble
        for reader in self.readers:
            pad = "pinpad" if reader.has_pinpad else "no-pinpad"
            yield "reader", f"{reader.name} / {_driver(reader)} / {pad} / card {reader.card}"
        yield "clock-difference-seconds", _seconds(self.clock_difference)
        yield "sites", self.sites
        yield "sites-known", "unreadable" if self.pinned is None else self.pinned
        for trouble in self.troubles:
            yield "trouble", f"{moment(trouble.at):%Y-%m-%d %H:%M:%S} {trouble.code}"


def diagnose(here: Bridge) -> Diagnosis:
    """Look at everything; asks the readers, and touches no card."""
    readers, trouble = _listed(here)
    config = here.config
    return Diagnosis(
        version=here.version,
        is_single_file=bool(getattr(sys, "frozen", False)),
        system=system_name(),
        python=platform.python_version(),
        port=config.port,
        readers=readers,
        reader_trouble=trouble,
        clock_difference=here.observations.clock_difference,
        sites=len(config.allowed_origins | config.test_origins),
        pinned=_pinned(here),
        is_virtual=config.box is not None,
        troubles=here.observations.troubles,
    )


def moment(seconds: float) -> datetime:
    """Return seconds since 1970 as this computer's user reads them off a clock."""
    return datetime.fromtimestamp(seconds).astimezone()


def system_name() -> str:
    """Return what the operating system calls itself, never the computer's own name."""
    name = f"{platform.system()} {platform.release()}"
    if sys.platform == "linux":
        try:
            name = platform.freedesktop_os_release().get("PRETTY_NAME", name)
        except OSError:
            return f"{name} {platform.machine()}"
    return f"{name} {platform.machine()}"


def without_serial(name: str) -> str:
    """Return a reader's name without what may be its serial number.

    pcsc-lite's CCID driver writes ``Maker Model [Interface] (Serial) 00 00``.
    """
    bare = ""
    while bare != name:
        bare, name = name, _IN_BRACKETS.sub("", name)
    for serial in (_LABELLED, _GROUPS):
        bare = serial.sub("…", bare)
    shown = _WORD.sub(lambda word: "…" if _is_serial(word[0]) else word[0], bare).strip()
    return "".join(character for character in shown if character.isprintable())[:NAME_LIMIT]


def _is_serial(word: str) -> bool:
    if _MODEL.fullmatch(word):
        return False
    return bool(_LONG_NUMBER.fullmatch(word) or _MIXED.fullmatch(word))


def _listed(here: Bridge) -> tuple[tuple[ReaderFacts, ...], str]:
    try:
        found = here.cards.facts()
    except CardTrouble as trouble:
        return (), trouble.code
    return tuple(map(_shown, found)), ""


def _shown(reader: ReaderFacts) -> ReaderFacts:
    return ReaderFacts(
        name=without_serial(reader.name),
        vendor=without_serial(reader.vendor),
        driver=without_serial(reader.driver),
        has_pinpad=reader.has_pinpad,
        card=reader.card,
    )


def _pinned(here: Bridge) -> int | None:
    try:
        return Pins(here.config.state).count()
    except StateUnusable:
        return None


def _service(is_running: bool) -> Finding:
    if is_running:
        return Finding("service", State.GOOD, "service-good")
    return Finding("service", State.CHECK, "service-check", page=NoService.code)


def _card(presence: CardPresence) -> Finding:
    said = f"card-{presence}"
    if presence is CardPresence.PRESENT:
        return Finding("card", State.GOOD, said)
    state = State.CHECK if presence in _HELPFUL else State.UNKNOWN
    return Finding("card", state, said, page=_HELPFUL.get(presence, ""))


def _driver(reader: ReaderFacts) -> str:
    return " ".join(part for part in (reader.vendor, reader.driver) if part) or "?"


def _yes(*, is_so: bool) -> str:
    return "yes" if is_so else "no"


def _seconds(difference: float | None) -> str:
    return "unknown" if difference is None else f"{difference:+.0f}"
