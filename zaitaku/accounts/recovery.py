"""Recovery codes: ten words on paper that each stand in once for a lost passkey.

A code has 79 random bits, so a plain digest of it is as safe as a slow one: nobody tries 2^79
codes. The account goes into the digest, so equal codes of two accounts would look different.
"""

import hashlib

from zaitaku.accounts.passwords import initial_password
from zaitaku.accounts.sign_in_model import RECOVERY_CODES
from zaitaku.accounts.widths import half_width
from zaitaku.core.ids import AccountId


def new_codes() -> tuple[str, ...]:
    """Return ten new codes of four groups of four characters (79 random bits each)."""
    return tuple(initial_password() for _ in range(RECOVERY_CODES))


def code_digest(account_id: AccountId, typed: str) -> str:
    """Return what is kept of a code (SHA-256, hex): width, case, spaces and hyphens do not matter.

    Full-width characters and hyphens, as Japanese keyboards type them, mean the plain ones.
    """
    plain = "".join(filter(str.isalnum, half_width(typed).lower()))
    return hashlib.sha256(f"{account_id}/{plain}".encode("utf-8", "surrogatepass")).hexdigest()
