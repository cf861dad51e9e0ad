"""What stands in a reception URL: a version's handle, packed and signed.

A token is 30 characters: the handle's ten random digits as five bytes (base64url, 7 characters,
RFC 4648 §5), a full stop, and a 16-byte tag (22 characters). It names nobody, and it is short so
that its QR symbol is coarse. Each handle has exactly one token per key.

A named poster's address has a mark of four more characters: three bytes (base64url) that hold the
poster's number in ten bits and a keyed check of number and handle in the other fourteen. The check
keeps slips and guesses out of the counts; it guards nothing, and no page depends on it.
"""

import re
from collections.abc import Iterator
from typing import Final

from itsdangerous import BadSignature
from itsdangerous.encoding import base64_decode, base64_encode
from stdnum import luhn

from zaitaku.core.ids import random_digits
from zaitaku.core.signing import Keyring
from zaitaku.reception.errors import UnknownUrl
from zaitaku.reception.model import Handle
from zaitaku.reception.posters.model import NO_POSTER, PosterNumber

PURPOSE: Final = "reception-url"
MARK_PURPOSE: Final = "reception-url-mark"
TOKEN_CHARACTERS: Final = 30
MARK_CHARACTERS: Final = 4
RANDOM_DIGITS: Final = 10
_PAYLOAD_BYTES: Final = 5

# The last character of either part has bits that base64 does not use: they must be zero, or one
# signature would have several spellings.
_SHAPE: Final = re.compile(r"[A-Za-z0-9_-]{6}[AEIMQUYcgkosw048]\.[A-Za-z0-9_-]{21}[AQgw]")
_MARK_SHAPE: Final = re.compile(r"[A-Za-z0-9_-]{4}")
_MARK_BYTES: Final = 3
_CHECK_BITS: Final = 14
_HIGHEST_NUMBER: Final = 2**10 - 1
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
        self._keyring = keyring
        self._signer = keyring.signer(PURPOSE)

    def write(self, handle: Handle) -> str:
        """Return the handle's token under the newest key."""
        payload = int(handle[:RANDOM_DIGITS]).to_bytes(_PAYLOAD_BYTES, "big")
        return self._signer.sign(base64_encode(payload)).decode("ascii")

    def write_mark(self, handle: Handle, number: PosterNumber) -> str:
        """Return what the token is followed by on a poster; nothing where it has no name."""
        if number == NO_POSTER:
            return ""
        if not NO_POSTER < number <= _HIGHEST_NUMBER:
            raise ValueError("a poster's number has ten bits")
        mark = number << _CHECK_BITS | next(self._checks(handle, number))
        return base64_encode(mark.to_bytes(_MARK_BYTES, "big")).decode("ascii")

    def read_mark(self, handle: Handle, mark: str) -> PosterNumber:
        """Return the poster that a mark names; ``NO_POSTER`` for any other text."""
        if not _MARK_SHAPE.fullmatch(mark):
            return NO_POSTER
        number, check = divmod(int.from_bytes(base64_decode(mark), "big"), 2**_CHECK_BITS)
        is_ours = check in self._checks(handle, PosterNumber(number))
        return PosterNumber(number) if is_ours else NO_POSTER

    def _checks(self, handle: Handle, number: PosterNumber) -> Iterator[int]:
        marked = f"{handle}:{number}".encode()
        for hashed in self._keyring.keyed_hashes(MARK_PURPOSE, marked):
            yield int(hashed, 16) % 2**_CHECK_BITS

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


def split_mark(token: str) -> tuple[str, str]:
    """Return the token and what follows it, as far as that may be a mark.

    A mark that is cut short or mistyped must not keep anybody out; a longer tail is another URL.
    """
    tail = token[TOKEN_CHARACTERS:]
    return (token, "") if len(tail) > MARK_CHARACTERS else (token[:TOKEN_CHARACTERS], tail)


def _checked_handle(digits: str) -> Handle:
    return Handle(digits + luhn.calc_check_digit(digits))
