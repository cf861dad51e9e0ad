"""What a virtual card is made of: one JSON file a card, which also remembers its PIN tries."""

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Self

from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

SUFFIX: Final = ".json"
MOST_TRIES: Final = 3

CardKey = RSAPrivateKey | EllipticCurvePrivateKey
"""RSA, or P-384 for a card of the coming generation."""


class CardFileError(Exception):
    """A card file cannot be read or written; the text names the file and the member, no value."""


class CardKind(StrEnum):
    """What a virtual card is."""

    JPKI = "jpki"
    ANDROID = "android"
    """The token of a phone: it wants the PIN before it gives its certificate."""
    NO_CERTIFICATE = "no-certificate"
    """A My Number Card on which the authentication certificate was never written."""
    NO_PIN = "no-pin"
    """A 顔認証マイナンバーカード, as far as can be inferred (``jpki.NoPinCard``)."""
    JUKI = "juki-card"
    LICENCE = "drivers-licence"
    RESIDENCE = "residence-card"
    PASSPORT = "passport"
    PAYMENT = "payment-card"
    TRANSIT = "transit-card"
    OTHER = "other"

    @property
    def has_key(self) -> bool:
        """Whether it can sign."""
        return self in (CardKind.JPKI, CardKind.ANDROID)

    @property
    def has_pin(self) -> bool:
        """Whether it counts tries."""
        return self.has_key or self is CardKind.NO_CERTIFICATE


@dataclass(frozen=True)
class CardFile:
    """One virtual card; ``path`` is None for a card that lives in memory only."""

    name: str
    description: str
    kind: CardKind
    tries: int
    """Wrong PINs that it still takes, 0 to 3."""
    pin: str = field(repr=False)
    certificate: bytes = field(repr=False, default=b"")
    """DER."""
    ca_certificate: bytes = field(repr=False, default=b"")
    """DER."""
    key: CardKey | None = field(repr=False, default=None)
    path: Path | None = None

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read one card file.

        Raises:
            CardFileError: it is missing, or not a card.
        """
        body = _read(path)
        try:
            return cls(path=path, **_members(body))
        except (KeyError, TypeError, ValueError) as error:
            # The values hold a key and a PIN: the cause's text must not travel.
            raise CardFileError(f"{path.name}: {type(error).__name__}") from None

    def saved_tries(self) -> int:
        """Return the counter as the file holds it now; it may have moved since it was loaded.

        Raises:
            CardFileError: the file cannot be read any more.
        """
        if self.path is None:
            return self.tries
        try:
            return _tries(_read(self.path)["tries"])
        except (KeyError, ValueError):
            raise CardFileError(f"{self.path.name}: tries") from None

    def save_tries(self, tries: int) -> None:
        """Write the counter into the file, all or nothing; everything else in it stays.

        Raises:
            CardFileError: the file cannot be written.
        """
        if self.path is None:
            return
        body = {**_read(self.path), "tries": tries}
        try:
            _replace(self.path, json.dumps(body, ensure_ascii=False, indent=2) + "\n")
        except OSError as error:
            raise CardFileError(f"{self.path.name}: {error.strerror}") from error


def load_folder(folder: Path) -> tuple[CardFile, ...]:
    """Read all card files of a folder, ordered by file name.

    Raises:
        CardFileError: one of them is not a card.
    """
    paths = sorted(path for path in folder.glob(f"*{SUFFIX}") if not path.name.startswith("."))
    return tuple(CardFile.load(path) for path in paths)


def _read(path: Path) -> dict[str, Any]:
    try:
        body = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise CardFileError(f"{path.name}: {error.strerror}") from error
    except ValueError:
        raise CardFileError(f"{path.name}: not JSON") from None
    if not isinstance(body, dict):
        raise CardFileError(f"{path.name}: not an object")
    return body


def _members(body: Mapping[str, Any]) -> dict[str, Any]:
    kind = CardKind(body["kind"])
    common = {
        "name": str(body["name"]),
        "description": str(body.get("description") or ""),
        "kind": kind,
        "tries": _tries(body["tries"]) if kind.has_pin else MOST_TRIES,
        "pin": str(body.get("pin") or ""),
    }
    if not kind.has_key:
        return common
    return common | {
        "certificate": bytes.fromhex(body["certificate"]),
        "ca_certificate": bytes.fromhex(body["ca_certificate"]),
        "key": _key(body["key"]),
    }


def _tries(value: object) -> int:
    if not isinstance(value, int) or not 0 <= value <= MOST_TRIES:
        raise ValueError("tries")
    return value


def _key(pem: object) -> CardKey:
    # The check of the primes takes 50 ms a card; a broken key would only spoil its own signatures.
    key = load_pem_private_key(
        str(pem).encode(), password=None, unsafe_skip_rsa_key_validation=True
    )
    if isinstance(key, RSAPrivateKey):
        return key
    if isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP384R1):
        return key
    raise TypeError("key")


def _replace(path: Path, text: str) -> None:
    handle, temporary = tempfile.mkstemp(prefix=".", suffix=".new", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
