"""How the holder of an app is known here: by a keyed hash, under a purpose of its own."""

from typing import Final

from zaitaku.core.signing import Keyring

SUBJECT_PURPOSE: Final = "openid-subject"


def subject_hashes(*, issuer: str, subject: str, keys: Keyring) -> tuple[str, ...]:
    """Return the keyed hashes that stand for ``subject`` of ``issuer``, newest key first.

    A subject is unique only with its issuer (OpenID Connect Core 1.0 §2). Whether this is the
    person of some card is for the eligibility provider to say.
    """
    value = f"{issuer}\0{subject}".encode()
    return tuple(keys.keyed_hashes(SUBJECT_PURPOSE, value))
