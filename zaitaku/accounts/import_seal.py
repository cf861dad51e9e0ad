"""Initial passwords of a bulk registration, unreadable but for whoever fetches the result."""

import json
import secrets
from collections.abc import Iterator, Mapping
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from zaitaku.accounts.errors import PasswordsLost
from zaitaku.core.signing import Keyring
from zaitaku.jobs.model import JobId

_NONCE_BYTES: Final = 12
"""NIST SP 800-38D §8.2.2; a key seals a few thousand files in its life, far from 2³²."""
_PURPOSE: Final = "account-import-passwords"


class PasswordSeal:
    """Seals under the newest key of a ring and opens under any (AES-256-GCM).

    Each purpose has a key of its own, derived by HMAC-SHA-256.
    """

    def __init__(self, keys: Keyring) -> None:
        self._keys = keys

    def sealed(self, passwords: Mapping[int, str], job_id: JobId) -> bytes:
        """Return the passwords by row number, sealed for one job only."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        content = json.dumps(list(passwords.items()), separators=(",", ":")).encode()
        return nonce + next(self._ciphers()).encrypt(nonce, content, job_id.bytes)

    def opened(self, sealed: bytes, job_id: JobId) -> Mapping[int, str]:
        """Return the passwords.

        Raises:
            PasswordsLost: the key under which they were sealed is gone.
        """
        nonce, content = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        for cipher in self._ciphers():
            try:
                return dict(json.loads(cipher.decrypt(nonce, content, job_id.bytes)))
            except InvalidTag:
                continue
        raise PasswordsLost

    def _ciphers(self) -> Iterator[AESGCM]:
        for derived in self._keys.keyed_hashes(_PURPOSE, b""):
            yield AESGCM(bytes.fromhex(derived))
