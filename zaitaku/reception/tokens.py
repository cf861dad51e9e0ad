"""What stands in a reception URL: a version's handle, packed and signed.

A token is 30 characters: the handle's ten random digits as five bytes (base64url, 7 characters,
RFC 4648 §5), a full stop, and a 16-byte tag (22 characters). It names nobody, and it is short so
that its QR symbol is coarse. Each handle has exactly one token per key.
"""

import re
from typing import Final

from itsdangerous import BadSignature
from itsdangerous.encoding import base64_decode, base64_encode
from stdnum import luhn

from zaitaku.core.ids import random_digits
from zaitaku.core.signing import Keyring
from zaitaku.reception.errors import UnknownUrl
from zaitaku.reception.model import Handle

PURPOSE: Final = "reception-url"
RANDOM_DIGITS: Final = 10
_PAYLOAD_BYTES: Final = 5

# The last character of either part has bits that base64 does not use: they must be zero, or one
# signature would have several spellings.
_SHAPE: Final = re.compile(r"[A-Za-z0-9_-]{6}[AEIMQUYcgkosw048]\.[A-Za-z0-9_-]{21}[AQgw]")
_TYPED_SEPARATORS: Final = re.compile(r"[\s\-‐‑‒–—―−ー－ｰ]+")


def new_handle() -> Handle:
    """Return a new random handle."""
    return _checked_handle(random_digits(RANDOM_DIGITS))


def read_typed(typed: str) -> Handle:
    """Return the handle that a person typed: full-width digits, blanks, hyphens are welcome.

    Raises:
        UnknownUrl: it is not eleven digits, or the check digit shows a slip of the finger.
    """
    digits = _TYPED_SEPARATORS.sub("", typed)
    if len(digits) != RANDOM_DIGITS + 1 or not digits.isdecimal():
        raise UnknownUrl("typed number: not eleven digits")
    handle = "".join(str(int(digit)) for digit in digits)
    if not luhn.is_valid(handle):
        raise UnknownUrl("typed number: check digit")
    return Handle(handle)


class UrlTokens:
    """Writes and reads tokens under the deployment's URL keys."""

    def __init__(self, keyring: Keyring) -> None:
        self._signer = keyring.signer(PURPOSE)

    def write(self, handle: Handle) -> str:
        """Return the handle's token under the newest key."""
        payload = int(handle[:RANDOM_DIGITS]).to_bytes(_PAYLOAD_BYTES, "big")
        return self._signer.sign(base64_encode(payload)).decode("ascii")

    def read(self, token: str) -> Handle:
        """Return the handle of a token that any key of the deployment signed.

        Raises:
            UnknownUrl: the token is damaged, foreign, or made for another purpose.
        """
        if not _SHAPE.fullmatch(token):
            raise UnknownUrl("token: shape")
        try:
            payload = base64_decode(self._signer.unsign(token))
        except BadSignature as error:
            raise UnknownUrl("token: signature") from error
        return _checked_handle(f"{int.from_bytes(payload, 'big'):0{RANDOM_DIGITS}d}")


def _checked_handle(digits: str) -> Handle:
    return Handle(digits + luhn.calc_check_digit(digits))
