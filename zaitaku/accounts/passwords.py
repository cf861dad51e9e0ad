"""Passwords: how they are kept, and how an initial one is made."""

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

    def verify(self, kept: str | None, password: str) -> bool:
        """Tell whether ``password`` is the one of the hash ``kept``.

        ``None`` (there is no such account) is verified against a decoy: the answer is no, after
        the work of a hash under today's parameters. A hash kept under others costs theirs.
        """
        try:
            self._hasher.verify(kept or self._decoy, _prepared(password))
        except (VerifyMismatchError, InvalidHashError):
            return False
        return kept is not None

    def is_outdated(self, kept: str) -> bool:
        """Tell whether the hash ``kept`` was made under other parameters than today's."""
        return self._hasher.check_needs_rehash(kept)


def _prepared(password: str) -> str:
    # NIST SP 800-63B-4 §3.1.1.2: the same password typed in another width is the same password.
    return unicodedata.normalize("NFKC", password)


def initial_password() -> str:
    """Return a random password of 16 characters in groups of four (79 random bits)."""
    groups = (
        "".join(secrets.choice(_ALPHABET) for _ in range(_GROUP_CHARACTERS)) for _ in range(_GROUPS)
    )
    return "-".join(groups)
