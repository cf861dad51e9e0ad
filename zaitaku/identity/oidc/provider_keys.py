"""The provider's published keys (RFC 7517), kept for a while and followed when they roll over."""

import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from threading import Lock
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from joserfc.util import urlsafe_b64decode

from zaitaku.identity.oidc.client_keys import ALGORITHM, LEAST_BITS
from zaitaku.identity.oidc.errors import AppAway, AppKeyUnknown
from zaitaku.identity.oidc.exchange import Exchange

logger = logging.getLogger(__name__)

LONGEST: Final = timedelta(hours=1)
"""A key that the provider has withdrawn is taken for so long at most."""
SHORTEST: Final = timedelta(seconds=10)
"""On average the set is asked for no more often than that, however many unknown keys are named."""
BURST: Final = 5
"""So many times at once: a provider that changes its key, or was away for a moment, is not waited
for."""
MOST_KEYS: Final = 32
_PUBLIC: Final = ("kty", "n", "e")


@dataclass(frozen=True)
class _KeySet:
    keys: Mapping[str, RSAKey]
    fetched: float

    def find(self, name: str | None, now: float) -> RSAKey | None:
        if now - self.fetched > LONGEST.total_seconds():
            return None
        if name is None:
            return next(iter(self.keys.values())) if len(self.keys) == 1 else None
        return self.keys.get(name)


class ProviderKeys:
    """The keys under one address. One caller fetches them; who finds a key waits for nobody."""

    def __init__(
        self, url: str, *, exchange: Exchange, elapsed: Callable[[], float] = time.monotonic
    ) -> None:
        """``elapsed`` tells seconds and never goes back, whatever is done to the clock."""
        self._url = url
        self._exchange = exchange
        self._elapsed = elapsed
        self._fetching = Lock()
        self._set = _KeySet({}, fetched=-math.inf)
        self._fetches = 0
        self._is_away = False
        self._left, self._counted = float(BURST), elapsed()

    def find(self, name: str | None) -> RSAKey:
        """Return the key that an ID token names by ``kid``; without a name, the only one.

        Raises:
            AppKeyUnknown: the published keys have none of that name.
            AppAway: the keys could not be fetched.
        """
        key = self._kept(name) or self._looked_up(name)
        if key is None:
            raise AppKeyUnknown("kid")
        return key

    def _kept(self, name: str | None) -> RSAKey | None:
        return self._set.find(name, self._elapsed())

    def _looked_up(self, name: str | None) -> RSAKey | None:
        before = self._fetches
        with self._fetching:
            key = self._kept(name)
            if key is not None:
                return key
            # Who waited here while another asked is told what that one found.
            if self._fetches == before and self._may_ask():
                self._fetch()
        if self._is_away:
            raise AppAway("no key set")
        return self._kept(name)

    def _may_ask(self) -> bool:
        now = self._elapsed()
        refilled = (now - self._counted) / SHORTEST.total_seconds()
        self._left, self._counted = min(float(BURST), self._left + refilled), now
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def _fetch(self) -> None:
        self._fetches += 1
        self._is_away = True
        now = self._elapsed()
        reply = self._exchange.get(self._url)
        entries = reply.body.get("keys")
        if not reply.is_good or not isinstance(entries, list):
            raise AppAway("no key set")
        self._set = _KeySet(_usable(entries), fetched=now)
        self._is_away = False
        logger.info("provider's keys fetched: %d", len(self._set.keys))


def _usable(entries: list[Any]) -> dict[str, RSAKey]:
    found: dict[str, RSAKey] = {}
    for place, entry in enumerate(entries[:MOST_KEYS]):
        key = _read(entry)
        if key is not None:
            # Of two with one name the first stays: whoever adds a key cannot take a name over.
            found.setdefault(str(entry.get("kid", f"#{place}")), key)
    return found


def _read(entry: object) -> RSAKey | None:
    if not isinstance(entry, dict) or entry.get("kty") != "RSA":
        return None
    if entry.get("use", "sig") != "sig" or entry.get("alg", ALGORITHM) != ALGORITHM:
        return None
    return read_public_key(entry)


def read_public_key(entry: Mapping[str, Any]) -> RSAKey | None:
    """Return the public RSA key of a JWK; ``None``: unreadable, or shorter than 2,048 bits."""
    parts = {name: entry.get(name) for name in _PUBLIC}
    if not all(isinstance(part, str) for part in parts.values()):
        return None
    texts = {name: str(part) for name, part in parts.items()}
    try:
        modulus = int.from_bytes(urlsafe_b64decode(texts["n"].encode()), "big")
        if modulus.bit_length() < LEAST_BITS:
            return None
        return RSAKey.import_key({**texts})
    except (JoseError, ValueError, TypeError, UnsupportedAlgorithm):
        return None
