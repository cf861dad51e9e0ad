"""Keyrings: the newest key signs, every key still verifies.

Each purpose has its own salt, so that a token made for one purpose says nothing for another.
"""

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from string import hexdigits

from itsdangerous import Signer
from itsdangerous.encoding import base64_decode, base64_encode, want_bytes
from itsdangerous.signer import HMACAlgorithm

MINIMUM_KEY_CHARACTERS = 32
VARIETY = 16
"""Different characters in a key at least; a random one of 32 Base64 characters has about 25."""
HEX_VARIETY = 8
"""32 random hex digits have fewer once in 28 million draws."""
_BLOCK = 8
"""So long a piece stands twice in 64 random hex digits once in two million draws."""
TAG_BYTES = 16
"""HMAC-SHA-256 cut to its left half: the shortest that RFC 2104 §5 allows."""


def looks_random(key: str) -> bool:
    """Tell whether ``key`` is long and irregular enough to have been drawn at random."""
    is_hex = all(character in hexdigits for character in key)
    variety = HEX_VARIETY if is_hex else VARIETY
    blocks = [key[start : start + _BLOCK] for start in range(len(key) - _BLOCK + 1)]
    is_varied = len(set(key)) >= variety and len(set(blocks)) == len(blocks)
    return len(key) >= MINIMUM_KEY_CHARACTERS and is_varied


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
