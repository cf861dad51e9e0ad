"""Sealing: columns that nobody searches cannot be read without the deployment's keys.

AES-256-GCM (NIST SP 800-38D). A seal binds its content to one place: table, column and row, so that
a value moved elsewhere does not open. It names its key, so that a ring can be changed while both
old and new seals stand in the database (``ZAITAKU_SEAL_KEYS``, ``docs/security/cryptography.md``).
"""

import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from zaitaku.core.errors import ZaitakuError
from zaitaku.core.signing import MINIMUM_KEY_CHARACTERS

PLAIN: Final = "plain"
"""Stands in a ring for no key at all: what is read, or written, without a seal."""
_MARK: Final = b"\0zs1"
"""No text and no file that people hand in begins like this."""
_TEXT_MARK: Final = "zs1."
_NAME_BYTES: Final = 8
_NONCE_BYTES: Final = 12
"""Drawn at random: good for 2³² seals a key (NIST SP 800-38D §8.3); each column has its own."""
_HEAD_BYTES: Final = len(_MARK) + _NAME_BYTES


class SealBroken(ZaitakuError):
    """A sealed value cannot be opened: its key is gone, or it was changed or moved."""

    code = "seal-broken"


@dataclass(frozen=True, repr=False)
class SealRing:
    """Keys that seal, newest first; ``PLAIN`` among them stands for no seal. Never printed.

    Raises:
        ValueError: there is nothing in it, a key is too short, or something stands there twice.
    """

    keys: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.keys or len(set(self.keys)) < len(self.keys):
            raise ValueError("a ring names each key once, and at least one")
        if any(len(key) < MINIMUM_KEY_CHARACTERS for key in self.secrets):
            raise ValueError(f"each key needs at least {MINIMUM_KEY_CHARACTERS} characters")

    @property
    def secrets(self) -> tuple[str, ...]:
        """The keys without ``PLAIN``."""
        return tuple(key for key in self.keys if key != PLAIN)


UNSEALED: Final = SealRing((PLAIN,))
"""The ring of a deployment without real patients."""


class Seal:
    """Seals under the newest key of a ring and opens under any.

    ``place`` is the table with its column (``job_piece.content``) and what names the row. It is
    part of the seal, not secret.
    """

    def __init__(self, ring: SealRing = UNSEALED) -> None:
        self._newest = ring.keys[0]
        self._name = _name_of(self._newest)
        self._takes_plain = PLAIN in ring.keys
        self._keys = {_name_of(key): key for key in ring.secrets}
        self._ciphers: dict[tuple[str, str], AESGCM] = {}

    def sealed(self, content: bytes, *place: object) -> bytes:
        """Return ``content`` sealed for one place; as it is where the ring begins with ``PLAIN``.

        Sealed it is 40 bytes longer.
        """
        if self._newest == PLAIN:
            return content
        nonce = secrets.token_bytes(_NONCE_BYTES)
        closed = self._cipher(self._newest, str(place[0])).encrypt(nonce, content, _bound(place))
        return _MARK + self._name + nonce + closed

    def opened(self, kept: bytes, *place: object) -> bytes:
        """Return what was sealed for this place.

        Raises:
            SealBroken: its key is not in the ring, it was changed, or it was sealed for another
                place; or it is not sealed, and the ring has no ``PLAIN``.
        """
        if not kept.startswith(_MARK):
            return self._plain(kept)
        key = self._keys.get(kept[len(_MARK) : _HEAD_BYTES])
        if key is None:
            raise SealBroken("key not in the ring")
        nonce, closed = kept[_HEAD_BYTES:][:_NONCE_BYTES], kept[_HEAD_BYTES + _NONCE_BYTES :]
        try:
            return self._cipher(key, str(place[0])).decrypt(nonce, closed, _bound(place))
        except (InvalidTag, ValueError):
            raise SealBroken("changed or moved") from None

    def sealed_text(self, text: str, *place: object) -> str:
        """Return ``text`` sealed for one place, as text."""
        closed = self.sealed(text.encode(), *place)
        is_sealed = closed.startswith(_MARK)
        return _TEXT_MARK + urlsafe_b64encode(closed).decode() if is_sealed else text

    def opened_text(self, kept: str, *place: object) -> str:
        """Return the text that was sealed for this place.

        Raises:
            SealBroken: as with ``opened``.
        """
        return self.opened(_unwrapped(kept), *place).decode()

    def is_newest(self, kept: bytes | str) -> bool:
        """Tell whether a value stands as it would be written today."""
        binary = _unwrapped(kept) if isinstance(kept, str) else kept
        if not binary.startswith(_MARK):
            return self._newest == PLAIN
        return self._newest != PLAIN and binary[len(_MARK) : _HEAD_BYTES] == self._name

    def _plain(self, kept: bytes) -> bytes:
        # Whoever can write into the database must not get something believed by leaving out
        # the seal.
        if not self._takes_plain:
            raise SealBroken("not sealed")
        return kept

    def _cipher(self, key: str, column: str) -> AESGCM:
        found = self._ciphers.get((key, column))
        if found is None:
            purpose = f"zaitaku.seal\0{column}".encode()
            found = AESGCM(hmac.digest(key.encode(), purpose, "sha256"))
            self._ciphers[key, column] = found
        return found


def is_sealed(kept: bytes | str) -> bool:
    """Tell whether a value carries a seal, whoever's."""
    return kept.startswith(_TEXT_MARK) if isinstance(kept, str) else kept.startswith(_MARK)


def _unwrapped(kept: str) -> bytes:
    if not kept.startswith(_TEXT_MARK):
        return kept.encode()
    try:
        return urlsafe_b64decode(kept[len(_TEXT_MARK) :])
    except (NotBase64, ValueError):
        raise SealBroken("no seal") from None


def _bound(place: tuple[object, ...]) -> bytes:
    return "\0".join(map(str, place)).encode()


def _name_of(key: str) -> bytes:
    return hmac.digest(key.encode(), b"zaitaku.seal-name", "sha256")[:_NAME_BYTES]
