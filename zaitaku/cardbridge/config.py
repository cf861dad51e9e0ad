"""What a bridge is told when it starts."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from zaitaku.cardbridge.transport import ReaderService
from zaitaku.cardbridge.virtual import CardBox

DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def parse_origin(text: str, *, tls_only: bool) -> str:
    """Return ``text`` as the serialisation of an origin (RFC 6454 §6.2).

    Raises:
        ValueError: it is no http(s) origin, has more than scheme, host and port, or is not https
            although ``tls_only``.
    """
    parts = urlsplit(text.strip().rstrip("/"))
    schemes = {"https"} if tls_only else set(DEFAULT_PORTS)
    if parts.scheme not in schemes or not parts.hostname or _has_more_than_origin(text):
        raise ValueError("an origin is " + "/".join(sorted(schemes)) + "://host or …://host:port")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = parts.port
    return f"{parts.scheme}://{host}" + (
        "" if port in {None, DEFAULT_PORTS[parts.scheme]} else f":{port}"
    )


def _has_more_than_origin(text: str) -> bool:
    parts = urlsplit(text.strip().rstrip("/"))
    return bool(parts.path or parts.query or parts.fragment or "@" in parts.netloc)


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
