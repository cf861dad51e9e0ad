"""The keys that sign card requests (RFC 8032 Ed25519) and their publication (RFC 7517).

One PEM file holds one or several private keys, the newest first. The newest signs; all are
published, so that a bridge that met an older one still finds it while a new one takes over.
"""

import contextlib
import json
import os
import re
import tempfile
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from joserfc import jws, jwt
from joserfc.jwk import KeySet, OKPKey

from zaitaku import wire
from zaitaku.sdk.errors import KeysUnusable

ALGORITHM: Final = "Ed25519"
"""JWS algorithm name of RFC 9864 §2.2; the older name ``EdDSA`` leaves the curve open."""
KEYS_LIMIT: Final = 16
"""How many published keys, and how many endorsements, a bridge looks at."""
_PEM_BLOCK = re.compile(rb"-----BEGIN [A-Z ]+-----.+?-----END [A-Z ]+-----\n?", re.DOTALL)


@dataclass(frozen=True)
class SiteKeys:
    """The signing keys of one site, newest first."""

    keys: tuple[OKPKey, ...] = field(repr=False)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the PEM file.

        Raises:
            KeysUnusable: it cannot be read, has no key, or has one that is not Ed25519.
        """
        try:
            blocks = _PEM_BLOCK.findall(path.read_bytes())
        except OSError as error:
            raise KeysUnusable(f"request key file {path} cannot be read") from error
        if not blocks:
            raise KeysUnusable(f"request key file {path} has no PEM key")
        return cls(tuple(_read(block, path) for block in blocks))

    @classmethod
    def make(cls, path: Path) -> Self:
        """Write a new key to ``path`` (mode 0600) unless the file is there; read the file.

        Raises:
            KeysUnusable: the file that was there has no usable key.
        """
        with contextlib.suppress(FileExistsError):
            opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(opened, "wb") as file:
                file.write(_new_key())
        return cls.load(path)

    @classmethod
    def roll_over(cls, path: Path) -> Self:
        """Put a new key before those in ``path``; the file is whole at every moment.

        Older keys stay: the endorsements of ``published`` come from them, and a bridge that was
        off for a year needs them to follow.

        Raises:
            KeysUnusable: the file has no usable key, or its folder cannot be written; or it has
                ``KEYS_LIMIT`` keys. One more would lose the bridges that know only the oldest, so
                whoever keeps the file decides about it and takes it out.
        """
        if len(cls.load(path).keys) >= KEYS_LIMIT:
            raise KeysUnusable(f"request key file {path} has {KEYS_LIMIT} keys: take out the last")
        try:
            _replace(path, _new_key() + path.read_bytes())
        except OSError as error:
            raise KeysUnusable(f"request key file {path} cannot be written") from error
        return cls.load(path)

    def sign(self, request: wire.CardRequest) -> str:
        """Return the signed request: a JWS in compact serialization (RFC 7515 §7.1)."""
        header = {"alg": ALGORITHM, "typ": wire.REQUEST_TYPE, "kid": self._newest_name}
        # As UTF-8 the Japanese words take half the room that JSON's escapes would, and the browser
        # carries all of it in one address.
        claims = json.dumps(request.claims(), ensure_ascii=False, separators=(",", ":"))
        return jws.serialize_compact(header, claims.encode(), self.keys[0], algorithms=[ALGORITHM])

    @cached_property
    def _newest_name(self) -> str:
        return self.keys[0].thumbprint()

    def published(self, origin: str) -> dict[str, Any]:
        """Return the JWK Set of ``origin`` for ``wire.KEYS_PATH``.

        Public halves only, named by their thumbprints (RFC 7638). ``endorsements`` has each key's
        word for the one that came after it: a bridge that has pinned an older key follows from one
        to the next. Of more than ``KEYS_LIMIT`` keys the newest are published.
        """
        keys = self.keys[:KEYS_LIMIT]
        key_set = KeySet(list(keys)).as_dict(private=False, alg=ALGORITHM, use="sig")
        pairs = pairwise(keys)
        endorsements = [_endorse(origin, older=older, newer=newer) for newer, older in pairs]
        return {**key_set, "endorsements": endorsements}


def _endorse(origin: str, *, older: OKPKey, newer: OKPKey) -> str:
    header = {"alg": ALGORITHM, "typ": wire.ENDORSEMENT_TYPE, "kid": older.thumbprint()}
    claims = {"iss": origin, "sub": newer.thumbprint()}
    return jwt.encode(header, claims, older, algorithms=[ALGORITHM])


def _new_key() -> bytes:
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _replace(path: Path, content: bytes) -> None:
    handle, name = tempfile.mkstemp(prefix=".", suffix=".new", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)


def _read(block: bytes, path: Path) -> OKPKey:
    try:
        key = load_pem_private_key(block, password=None)
    except (ValueError, TypeError) as error:
        raise KeysUnusable(f"request key file {path} has an unreadable key") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeysUnusable(f"request key file {path} has a key that is not Ed25519")
    return OKPKey.import_key(block)
