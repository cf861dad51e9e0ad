"""Passwords: how they are kept, and how an initial one is made.

What people choose is guessable, so it is kept as argon2id. An initial password is drawn at random
and cannot be guessed even from a leaked hash, so a salted SHA-256 keeps it (docs/adr/0030): ten
thousand of them are made in a moment. Verifying costs the same whichever is kept.
"""

import hashlib
import hmac
import secrets
import unicodedata
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

MEMORY_KIBIBYTES: Final = 19 * 1024
ITERATIONS: Final = 2
"""The smallest argon2id setting that the OWASP Password Storage Cheat Sheet recommends."""
_ALPHABET: Final = "23456789abcdefghjkmnpqrstuvwxyz"
"""No character that is read as another when it is copied from paper."""
_GROUPS: Final = 4
_GROUP_CHARACTERS: Final = 4
_INITIAL: Final = "$initial-sha256$"
_SALT_BYTES: Final = 16


class Passwords:
    """Hashes and verifies; a nobody's password costs a hash under today's parameters as well."""

    def __init__(
        self, *, memory_kibibytes: int = MEMORY_KIBIBYTES, iterations: int = ITERATIONS
    ) -> None:
        self._hasher = PasswordHasher(
            time_cost=iterations, memory_cost=memory_kibibytes, parallelism=1
        )
        self._decoy = self.hash(initial_password())

    def hash(self, password: str) -> str:
        """Return the argon2id hash with its parameters and salt (RFC 9106, PHC string)."""
        return self._hasher.hash(_prepared(password))

    def hash_initial(self, password: str) -> str:
        """Return the salted SHA-256 of a password that ``initial_password`` has made.

        Never for one that somebody chose: it would be guessed from its hash.
        """
        salt = secrets.token_bytes(_SALT_BYTES)
        return f"{_INITIAL}{salt.hex()}${_salted(salt, password)}"

    def verify(self, kept: str | None, password: str) -> bool:
        """Tell whether ``password`` is the one of the hash ``kept``.

        ``None`` (there is no such account) is verified against a decoy: the answer is no, after
        the work of a hash under today's parameters; an initial password's hash costs a decoy as
        well. A hash kept under other parameters costs theirs.
        """
        if kept is None or self.is_initial(kept):
            self._matches(self._decoy, password)
            return kept is not None and _is_drawn(kept, password)
        return self._matches(kept, password)

    def _matches(self, kept: str, password: str) -> bool:
        try:
            return self._hasher.verify(kept, _prepared(password))
        except (VerifyMismatchError, InvalidHashError):
            return False

    def is_outdated(self, kept: str) -> bool:
        """Tell whether the hash ``kept`` was made under other parameters than today's."""
        return not self.is_initial(kept) and self._hasher.check_needs_rehash(kept)

    def is_initial(self, kept: str) -> bool:
        """Tell whether the hash ``kept`` is that of a drawn password."""
        return kept.startswith(_INITIAL)


def _salted(salt: bytes, password: str) -> str:
    return hashlib.sha256(salt + _prepared(password)).hexdigest()


def _is_drawn(kept: str, password: str) -> bool:
    salt, _, digest = kept.removeprefix(_INITIAL).partition("$")
    return hmac.compare_digest(_salted(bytes.fromhex(salt), password), digest)


def _prepared(password: str) -> bytes:
    # NIST SP 800-63B-4 §3.1.1.2: the same password typed in another width is the same password.
    # A lone surrogate, which no encoding has, must not break the login that somebody tries with it.
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")


def initial_password() -> str:
    """Return a random password of 16 characters in groups of four (79 random bits)."""
    groups = (
        "".join(secrets.choice(_ALPHABET) for _ in range(_GROUP_CHARACTERS)) for _ in range(_GROUPS)
    )
    return "-".join(groups)
