"""The keys that sign card requests (RFC 8032 Ed25519) and their publication (RFC 7517).

One PEM file holds one or several private keys, the newest first. The newest signs; all are
published, so that a bridge that met an older one still finds it while a new one takes over.
"""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from joserfc import jwt
from joserfc.jwk import KeySet, OKPKey

from zaitaku import wire
from zaitaku.core.errors import SettingsError

ALGORITHM: Final = "Ed25519"
"""JWS algorithm name of RFC 9864 §2.2; the older name ``EdDSA`` leaves the curve open."""
_PEM_BLOCK = re.compile(rb"-----BEGIN [A-Z ]+-----.+?-----END [A-Z ]+-----\n?", re.DOTALL)


@dataclass(frozen=True)
class RequestKeys:
    """The signing keys of one deployment, newest first."""

    keys: tuple[OKPKey, ...] = field(repr=False)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the PEM file.

        Raises:
            SettingsError: it cannot be read, has no key, or has one that is not Ed25519.
        """
        try:
            blocks = _PEM_BLOCK.findall(path.read_bytes())
        except OSError as error:
            raise SettingsError(f"request key file {path} cannot be read") from error
        if not blocks:
            raise SettingsError(f"request key file {path} has no PEM key")
        return cls(tuple(_read(block, path) for block in blocks))

    def sign(self, request: wire.CardRequest) -> str:
        """Return the signed request: a JWS in compact serialization (RFC 7515 §7.1)."""
        newest = self.keys[0]
        header = {"alg": ALGORITHM, "typ": wire.REQUEST_TYPE, "kid": newest.thumbprint()}
        return jwt.encode(header, request.claims(), newest, algorithms=[ALGORITHM])

    def published(self) -> dict[str, Any]:
        """Return the JWK Set for ``wire.KEYS_PATH``: public halves, named by RFC 7638."""
        key_set = KeySet(list(self.keys)).as_dict(private=False, alg=ALGORITHM, use="sig")
        return dict(key_set)


def make_request_key(path: Path) -> None:
    """Write a new key to ``path`` (mode 0600) unless the file is there already."""
    key = Ed25519PrivateKey.generate()
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(opened, "wb") as file:
        file.write(text)


def _read(block: bytes, path: Path) -> OKPKey:
    try:
        key = load_pem_private_key(block, password=None)
    except (ValueError, TypeError) as error:
        raise SettingsError(f"request key file {path} has an unreadable key") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SettingsError(f"request key file {path} has a key that is not Ed25519")
    return OKPKey.import_key(block)
