"""Keyrings: the newest key signs, every key still verifies.

Each purpose has its own salt, so that a token made for one purpose says nothing for another.
"""

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass

from itsdangerous import Signer
from itsdangerous.encoding import base64_decode, base64_encode, want_bytes
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
        return _StrictSigner(
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


class _StrictSigner(Signer):
    """Accepts one spelling of a tag only.

    The last of 22 Base64 characters carries four bits that decoding ignores (RFC 4648 §3.5), so
    sixteen spellings would pass for one tag.
    """

    def verify_signature(self, value: str | bytes, sig: str | bytes) -> bool:
        if not super().verify_signature(value, sig):
            return False
        return base64_encode(base64_decode(sig)) == want_bytes(sig)


class _ShortHmac(HMACAlgorithm):
    def get_signature(self, key: bytes, value: bytes) -> bytes:
        return super().get_signature(key, value)[:TAG_BYTES]
