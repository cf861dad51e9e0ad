"""Keyrings: the newest key signs, every key still verifies.

Each purpose has its own salt, so that a token made for one purpose says nothing for another.
"""

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass

from itsdangerous import Signer
from itsdangerous.signer import HMACAlgorithm

MINIMUM_KEY_CHARACTERS = 32
TAG_BYTES = 16
"""HMAC-SHA-256 cut to its left half: the shortest that RFC 2104 §5 allows."""


@dataclass(frozen=True, repr=False)
class Keyring:
    """Secret keys of one deployment, newest first. Never printed."""

    keys: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.keys or any(len(key) < MINIMUM_KEY_CHARACTERS for key in self.keys):
            raise ValueError(f"each key needs at least {MINIMUM_KEY_CHARACTERS} characters")

    def signer(self, purpose: str) -> Signer:
        """Return a signer for ``purpose`` whose tags are 16 bytes (22 characters)."""
        return Signer(
            list(reversed(self.keys)),  # itsdangerous signs with the last
            salt=f"zaitaku.{purpose}",
            key_derivation="hmac",
            digest_method=hashlib.sha256,
            algorithm=_ShortHmac(hashlib.sha256),
        )

    def keyed_hashes(self, purpose: str, value: bytes) -> Iterator[str]:
        """Yield the keyed hash of ``value`` under each key, newest first (hex, 64 characters)."""
        for key in self.keys:
            message = purpose.encode() + b"\0" + value
            yield hmac.digest(key.encode(), message, "sha256").hex()


class _ShortHmac(HMACAlgorithm):
    def get_signature(self, key: bytes, value: bytes) -> bytes:
        return super().get_signature(key, value)[:TAG_BYTES]
