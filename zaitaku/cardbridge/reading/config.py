"""What a bridge is told when it starts."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from zaitaku.cardbridge.card.transport import ReaderService
from zaitaku.cardbridge.reading.single import NOT_SINGLE, Claim
from zaitaku.cardbridge.trust.limits import USUAL, Paces
from zaitaku.cardbridge.trust.operator import Operator
from zaitaku.cardbridge.trust.origins import DEFAULT_PORTS
from zaitaku.cardbridge.virtual.box import CardBox


@dataclass(frozen=True)
class BridgeConfig:
    """Everything that a bridge is told; ``port`` is the one it listens on at 127.0.0.1."""

    readers: ReaderService
    state: Path
    """Folder for the pinned keys of the sites; made when missing, readable by its owner only."""
    port: int = 0
    """0 until the listening socket is bound (``serving.bind``)."""
    allowed_origins: frozenset[str] = frozenset()
    """Sites that may ask, https only."""
    test_origins: frozenset[str] = frozenset()
    """Sites for trials, also over http; every page of theirs carries a banner that says so."""
    box: CardBox | None = None
    """The virtual cards to choose from, where ``readers`` is the virtual reader."""
    ca_file: Path | None = None
    """PEM file of the certificate authorities to trust instead of the system's."""
    operator: Operator | None = None
    """Who offers this build; its sites were already taken into account."""
    claim: Claim = NOT_SINGLE
    """By which a bridge that is started later knows this one as its own."""
    paces: Paces = USUAL
    """How often it does what others make it do."""
    now: Callable[[], float] = time.time
    """Seconds since 1970."""

    @property
    def address(self) -> str:
        """Where a browser on this machine finds the bridge."""
        return f"http://127.0.0.1:{self.port}/"

    @property
    def hosts(self) -> frozenset[str]:
        """The only values of the ``Host`` field that the bridge answers to."""
        names = ("127.0.0.1", "localhost")
        return frozenset(f"{name}:{self.port}" for name in names) | (
            frozenset(names) if self.port == DEFAULT_PORTS["http"] else frozenset()
        )
