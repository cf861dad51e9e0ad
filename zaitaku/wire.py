"""The wire format between the site and the card bridge: one module, standard library only.

The site sends the browser to the bridge with a signed *card request* (a JWS, RFC 7515, Ed25519,
whose header type is ``REQUEST_TYPE``; the key is published by the asking origin at ``KEYS_PATH``
as a JWK Set, RFC 7517). The bridge shows what is asked, has the card sign ``statement(...)``, posts
a *proof* to the origin's ``PROOF_PATH``, gets a one-time code and sends the browser back by 303 to
``return_path?code=…`` at the same origin.
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, Final, NoReturn, Self

PROTOCOL: Final = 1
REQUEST_TYPE: Final = "zaitaku-card-request+jwt"
ENDORSEMENT_TYPE: Final = "zaitaku-key-endorsement+jwt"
"""Header type of an older key's word for a newer one, published beside the keys."""
AUDIENCE: Final = "zaitaku-bridge"
KEYS_PATH: Final = "/.well-known/zaitaku-card-keys.json"
PROOF_PATH: Final = "/api/card/proofs"
READ_PATH: Final = "/read"
BRIDGE_PORTS: Final = (18231, 18232, 18233)
"""Tried in this order by the bridge; the card page offers the same."""

CHANNELS: Final = frozenset({"home-visit", "online"})
OPERATORS: Final = frozenset({"self", "legal-representative", "companion"})
TEXT_SIZES: Final = ("standard", "large", "largest")
"""How large the patient reads on the site; the bridge goes on in the same size."""
NONCE_BYTES: Final = 32
FACILITY_LIMIT: Final = 100
WORDING_LIMIT: Final = 2_000
MARKED_LIMIT: Final = 8_000
CHOICES_LIMIT: Final = 10
"""How many characters, or choices, a page can show so that somebody reads them."""
LAST_MOMENT: Final = 253_402_214_400
"""The last day of the year 9999, in seconds since 1970: beyond it clocks and calendars fail."""
DOMAIN_TAG: Final = b"zaitaku consent statement 1\x00"

_GRANTED: Final = {"grant": True, "refuse": False}
_VERSION: Final = re.compile(r"(?:0|[1-9][0-9]{0,5})(?:\.(?:0|[1-9][0-9]{0,5})){0,3}")
_LOWER_HEX: Final = re.compile(r"(?:[0-9a-f]{2})*")
_PATH: Final = re.compile(r"/(?!/)[^\\?#\x00-\x20\x7f-\U0010ffff]*")
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp", "Me"})
"""General categories (UAX #44 §5.7.1) that hide, turn round or circle what stands beside them."""
_IDEOGRAPH: Final = "[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
_VARIANT: Final = re.compile(f"({_IDEOGRAPH})[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
"""An ideograph in one of its shapes (UTS #37), as names of people and houses have it."""
_BLANK: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    "\u2800\U00013441\U00013442\U00016fe4\U0001d159]"
)
"""Characters that a screen shows as nothing at all: those with the property
``Default_Ignorable_Code_Point`` (Unicode 16.0, ``DerivedCoreProperties.txt``), then letters and
symbols whose picture is a blank (braille U+2800, hieroglyphs, Khitan filler, musical notehead)."""
MARKS_LIMIT: Final = 2
"""Combining marks in a row: Vietnamese and Thai need two, and many cover the lines around them."""
_OVERLAY: Final = 1
"""Combining class (Unicode table 4-3) of what strikes its letter through."""
_HALF_CHARACTER: Final = re.compile("[\ud800-\udfff]")
"""Half of a surrogate pair: JSON can bring it, no UTF-8 text can hold it (RFC 8259 §8.2)."""


class MalformedMessage(Exception):
    """A message does not have the form that this module describes; the text names the part."""


def document_digest(document: str) -> bytes:
    """Return the SHA-256 digest of a canonical consent document (RFC 8785 text, UTF-8)."""
    return hashlib.sha256(document.encode()).digest()


def statement(*, origin: str, nonce: bytes, document: str) -> bytes:
    """Return the bytes that the card signs, with the algorithm of its own certificate.

    RSA-2048 signs their SHA-256 digest (RFC 8017 §8.2), ECDSA P-384 their SHA-384 (FIPS 186-5 §6).

    Every part has a fixed length, so no two inputs make the same statement: domain tag, SHA-256 of
    the origin, SHA-256 of the nonce, SHA-256 of the consent document.
    """
    parts = (hashlib.sha256(origin.encode()).digest(), hashlib.sha256(nonce).digest())
    return DOMAIN_TAG + b"".join(parts) + document_digest(document)


@dataclass(frozen=True)
class Choice:
    """One line that the bridge shows: the item, the exact wording, the answer."""

    item: str
    wording: str
    """Its SHA-256 must stand in the document beside the item: what is shown is what is signed."""
    granted: bool
    marked: str = ""
    """The wording with readings in kana (``{漢字|かんじ}``), shown only where it is the wording
    without them."""


@dataclass(frozen=True)
class Shown:
    """What a document says of itself and the bridge shows beside the choices."""

    facility: str
    channel: str
    """One of ``CHANNELS``."""
    visit_date: date | None
    """受診日; ``None`` where the document has none."""
    operator: str
    """Who handles the screen: one of ``OPERATORS``."""
    language: str


@dataclass(frozen=True)
class CardRequest:
    """What the site asks of the bridge; the claims of the signed request."""

    origin: str
    """Scheme, host and port of the asking site (claim ``iss``)."""
    challenge: str
    """Name of the one-time challenge (claim ``jti``)."""
    nonce: str
    """``NONCE_BYTES`` random bytes in lower-case hex."""
    issued_at: int
    """Seconds since 1970 (claim ``iat``), at most ``LAST_MOMENT``."""
    expires_at: int
    """Seconds since 1970 (claim ``exp``), at most ``LAST_MOMENT``."""
    document: str
    """The canonical consent document itself: the bridge digests what it was given."""
    choices: tuple[Choice, ...]
    language: str
    """BCP 47 tag of the patient's language."""
    return_path: str
    """Path at the origin to which the browser goes back."""
    protocol: int = PROTOCOL
    text_size: str = TEXT_SIZES[0]
    """One of ``TEXT_SIZES``."""
    bridge: str = ""
    """Lowest version of the bridge that the site still serves, ``1.2.3``; empty: any."""

    def claims(self) -> dict[str, Any]:
        """Return the JWT claims (RFC 7519 §4) of this request."""
        body = {**vars(self), "choices": [_said(choice) for choice in self.choices]}
        for name in ("text_size", "bridge"):
            if body[name] == _UNSAID[name]:
                del body[name]
        return {
            "iss": body.pop("origin"),
            "aud": AUDIENCE,
            "jti": body.pop("challenge"),
            "iat": body.pop("issued_at"),
            "exp": body.pop("expires_at"),
            **body,
        }

    @classmethod
    def from_claims(cls, claims: Mapping[str, Any]) -> Self:
        """Read verified claims.

        Raises:
            MalformedMessage: a claim is missing, of the wrong type, or not for this audience; or a
                wording's digest or answer is not the one in the document.
        """
        if claims.get("aud") != AUDIENCE:
            raise MalformedMessage("aud")
        request = cls(
            origin=_text(claims, "iss"),
            challenge=_text(claims, "jti"),
            nonce=_nonce(claims),
            issued_at=_moment(claims, "iat"),
            expires_at=_moment(claims, "exp"),
            document=_text(claims, "document"),
            choices=tuple(_choice(entry) for entry in _entries(claims, "choices")),
            language=_text(claims, "language"),
            return_path=_return_path(claims),
            protocol=_number(claims, "protocol"),
            text_size=_optional(claims, "text_size", set(TEXT_SIZES).__contains__),
            bridge=_optional(claims, "bridge", _VERSION.fullmatch),
        )
        request.check_document()
        return request

    def check_document(self) -> Shown:
        """Compare what would be shown with what the card would sign, and return what is shown.

        Raises:
            MalformedMessage: the document lacks what must be shown, or says something else than the
                words that would be shown; or they could not be read as they stand: invisible
                characters, far too many of them, no choice at all.
        """
        body = _read(self.document)
        shown = _shown(body)
        if shown.language != self.language:
            raise MalformedMessage("language")
        _check_choices(self.choices, _choices_of(body))
        return shown

    def statement(self) -> bytes:
        """Return the bytes that the card signs for this request."""
        return statement(
            origin=self.origin, nonce=bytes.fromhex(self.nonce), document=self.document
        )


@dataclass(frozen=True)
class CardProof:
    """What the bridge posts to ``PROOF_PATH``, as JSON."""

    challenge: str
    certificate: str
    """The authentication certificate, DER in lower-case hex."""
    signature: str
    """The card's signature over the statement, in lower-case hex."""

    def to_json(self) -> str:
        """Return the JSON text of this proof."""
        return json.dumps(vars(self))

    @classmethod
    def from_mapping(cls, body: object) -> Self:
        """Read a decoded JSON body.

        Raises:
            MalformedMessage: a member is missing or is not hex.
        """
        if not isinstance(body, Mapping):
            raise MalformedMessage("body")
        certificate, signature = _text(body, "certificate"), _text(body, "signature")
        for part in (certificate, signature):
            _hex(part)
        return cls(_text(body, "challenge"), certificate, signature)


def _said(choice: Choice) -> dict[str, Any]:
    """Return what stands in a claim for ``choice``: readings only where there are any."""
    said = dict(vars(choice))
    if not choice.marked:
        del said["marked"]
    return said


_UNSAID: Final = {"text_size": TEXT_SIZES[0], "bridge": ""}
"""Claims that are left out, and what they mean then."""


def version_of(text: str) -> tuple[int, ...]:
    """Return a version as numbers that compare, without closing zeros: ``1.2`` is ``1.2.0``.

    Raises:
        MalformedMessage: it is not one to four numbers with dots between them.
    """
    if not _VERSION.fullmatch(text):
        raise MalformedMessage("version")
    numbers = [int(number) for number in text.split(".")]
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)


def _optional(body: Mapping[str, Any], name: str, is_good: Callable[[str], object]) -> str:
    if name not in body:
        return _UNSAID[name]
    value = _text(body, name)
    if not is_good(value):
        raise MalformedMessage(name)
    return value


def _sha256_hex(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _read(document: str) -> dict[str, Any]:
    try:
        body = json.loads(document, object_pairs_hook=_members, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise MalformedMessage("document") from error
    if not isinstance(body, dict):
        raise MalformedMessage("document")
    return body


def _part(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = body.get(name)
    if not isinstance(value, Mapping):
        raise MalformedMessage(name)
    return value


def _shown(body: Mapping[str, Any]) -> Shown:
    return Shown(
        facility=_visible(_text(_part(body, "facility"), "name"), "facility", FACILITY_LIMIT),
        channel=_word(body, "channel", CHANNELS),
        visit_date=_day(body, "visit_date"),
        operator=_word(body, "operator", OPERATORS),
        language=_text(body, "language"),
    )


def _visible(text: str, name: str, limit: int) -> str:
    """Return ``text`` if it is not too long and can be read as it stands: all of it, by letters."""
    if len(text) > limit or not is_readable(text):
        raise MalformedMessage(name)
    return text


@lru_cache(maxsize=128)
def is_readable(text: str) -> bool:
    """Tell whether a person sees every character of ``text`` and nothing covers or strikes it.

    It has a letter or a digit; nothing in it is invisible or encloses or strikes through its
    neighbour, and at most ``MARKS_LIMIT`` combining marks follow each other, none at its beginning.
    (A site shows the same wordings again and again, and looking at each letter takes its time.)
    """
    plain = _VARIANT.sub(r"\1", text)
    categories = [unicodedata.category(character) for character in plain]
    is_hidden = _BLANK.search(plain) or not _INVISIBLE.isdisjoint(categories)
    is_struck = any(unicodedata.combining(character) == _OVERLAY for character in plain)
    kinds = "".join(category[0] for category in categories)
    is_covered = kinds.startswith("M") or "M" * (MARKS_LIMIT + 1) in kinds
    return bool(re.search("[LN]", kinds)) and not (is_hidden or is_struck or is_covered)


def _word(body: Mapping[str, Any], name: str, known: frozenset[str]) -> str:
    word = _text(body, name)
    if word not in known:
        raise MalformedMessage(name)
    return word


def _day(body: Mapping[str, Any], name: str) -> date | None:
    if body.get(name) is None:
        return None
    text = _text(body, name)
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise MalformedMessage(name) from error
    if day.isoformat() != text:  # ISO 8601 has other spellings; readers in other languages have not
        raise MalformedMessage(name)
    return day


def _check_choices(choices: tuple[Choice, ...], said: set[tuple[str, str, bool]]) -> None:
    for choice in choices:
        _visible(choice.wording.replace("\n", ""), "wording", WORDING_LIMIT)
        if choice.marked:
            _visible(choice.marked.replace("\n", ""), "marked", MARKED_LIMIT)
    shown = {(choice.item, _sha256_hex(choice.wording), choice.granted) for choice in choices}
    if not 0 < len(choices) <= CHOICES_LIMIT or len(shown) != len(choices) or shown != said:
        raise MalformedMessage("choices")


def _choices_of(body: Mapping[str, Any]) -> set[tuple[str, str, bool]]:
    try:
        said = [
            (entry["item"], entry["wording"]["sha256"], _GRANTED[entry["decision"]])
            for entry in body["decisions"]
        ]
        if len(said) != len(set(said)):
            raise MalformedMessage("document")
        return set(said)
    except (KeyError, TypeError) as error:
        raise MalformedMessage("document") from error


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Of a name that stands twice, other readers might take the other value.
    members = dict(pairs)
    if len(members) != len(pairs):
        raise MalformedMessage("document")
    return members


def _no_number(_: str) -> NoReturn:
    # NaN and Infinity are Python's own; RFC 8259 §6 has no such numbers, nor have other readers.
    raise MalformedMessage("document")


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value or _HALF_CHARACTER.search(value):
        raise MalformedMessage(name)
    return value


def _number(body: Mapping[str, Any], name: str) -> int:
    value = body.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise MalformedMessage(name)
    return value


def _moment(body: Mapping[str, Any], name: str) -> int:
    value = _number(body, name)
    if not 0 <= value <= LAST_MOMENT:
        raise MalformedMessage(name)
    return value


def _entries(body: Mapping[str, Any], name: str) -> list[Any]:
    value = body.get(name)
    if not isinstance(value, list):
        raise MalformedMessage(name)
    return value


def _hex(value: str) -> bytes:
    if not _LOWER_HEX.fullmatch(value):
        raise MalformedMessage("hex")
    return bytes.fromhex(value)


def _nonce(body: Mapping[str, Any]) -> str:
    value = _text(body, "nonce")
    if len(_hex(value)) != NONCE_BYTES:
        raise MalformedMessage("nonce")
    return value


def _return_path(body: Mapping[str, Any]) -> str:
    value = _text(body, "return_path")
    if not _PATH.fullmatch(value):
        raise MalformedMessage("return_path")
    return value


def _choice(entry: object) -> Choice:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("granted"), bool):
        raise MalformedMessage("choices")
    marked = _text(entry, "marked") if "marked" in entry else ""
    return Choice(_text(entry, "item"), _text(entry, "wording"), entry["granted"], marked)
