"""The provider's published keys (RFC 7517), kept for a while and followed when they roll over."""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from joserfc.util import urlsafe_b64decode

from zaitaku.core.clock import Clock
from zaitaku.identity.oidc.client_keys import ALGORITHM, LEAST_BITS
from zaitaku.identity.oidc.errors import AppAway, AppKeyUnknown
from zaitaku.identity.oidc.exchange import Exchange

logger = logging.getLogger(__name__)

LONGEST: Final = timedelta(hours=1)
"""A key that the provider has withdrawn is taken for so long at most."""
SHORTEST: Final = timedelta(seconds=10)
"""However many unknown keys are named, the set is asked for no more often than that."""
MOST_KEYS: Final = 32
_PUBLIC: Final = ("kty", "n", "e")


class ProviderKeys:
    """The keys under one address; one asks for them at a time."""

    def __init__(self, url: str, *, exchange: Exchange, clock: Clock) -> None:
        self._url = url
        self._exchange = exchange
        self._clock = clock
        self._lock = Lock()
        self._keys: Mapping[str, RSAKey] = {}
        self._fetched: datetime | None = None
        self._tried: datetime | None = None

    def find(self, name: str | None) -> RSAKey:
        """Return the key that an ID token names by ``kid``; without a name, the only one.

        Raises:
            AppKeyUnknown: the published keys have none of that name.
            AppAway: the keys could not be fetched.
        """
        with self._lock:
            key = self._kept(name)
            if key is None and self._may_ask():
                self._fetch()
                key = self._kept(name)
        if key is None:
            raise AppKeyUnknown("kid")
        return key

    def _kept(self, name: str | None) -> RSAKey | None:
        if self._fetched is None or self._clock.now() - self._fetched > LONGEST:
            return None
        if name is None:
            return next(iter(self._keys.values())) if len(self._keys) == 1 else None
        return self._keys.get(name)

    def _may_ask(self) -> bool:
        return self._tried is None or self._clock.now() - self._tried >= SHORTEST

    def _fetch(self) -> None:
        self._tried = self._clock.now()
        reply = self._exchange.get(self._url)
        entries = reply.body.get("keys")
        if not reply.is_good or not isinstance(entries, list):
            raise AppAway("no key set")
        self._keys = _usable(entries)
        self._fetched = self._tried
        logger.info("provider's keys fetched: %d", len(self._keys))


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
