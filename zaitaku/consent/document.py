"""The consent document: what the card signs, and what a record keeps to the letter.

It has exactly one text, its canonical form (JSON Canonicalization Scheme, RFC 8785), so that a
digest of it means the same everywhere and for ever. ``parse`` is strict: it knows every member and
takes nothing that it does not know.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import cache, lru_cache
from typing import Any, Final, NoReturn, Self, TypeVar
from uuid import UUID

from zaitaku.consent.errors import MalformedDocument
from zaitaku.consent.model import Answer, ConsentItem, Decision, Operator, WordingRef
from zaitaku.consent.questions import wording_ids
from zaitaku.core.errors import InvalidField
from zaitaku.core.ids import JourneyId, UrlVersionId
from zaitaku.core.languages import Language
from zaitaku.facilities.model import Channel, InstitutionCode
from zaitaku.wire import document_digest

TYPE: Final = "zaitaku-consent/1"
MAXIMUM_CHARACTERS: Final = 20_000
_JOURNEY: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_MAXIMUM_VERSION: Final = 2**31 - 1

_Word = TypeVar("_Word", bound=StrEnum)


@dataclass(frozen=True)
class ConsentDocument:
    """One statement of consent.

    Raises:
        MalformedDocument: its parts contradict each other; ``part`` names where.
    """

    journey: JourneyId
    facility_code: InstitutionCode
    facility_name: str
    """The name that the patient saw."""
    channel: Channel
    url_version: UrlVersionId
    visit_date: date | None
    """受診日; given on the online channel and only there."""
    language: Language
    operator: Operator
    stated_at: datetime
    """UTC, whole seconds."""
    notice: WordingRef
    """The notice on 資格確認 that was shown."""
    decisions: tuple[Answer, ...]
    """In the order in which they were asked."""

    def __post_init__(self) -> None:
        _require("journey", _JOURNEY.fullmatch(self.journey) is not None)
        _require("facility", bool(self.facility_name.strip()) and _is_text(self.facility_name))
        _require("visit_date", (self.visit_date is not None) == (self.channel is Channel.ONLINE))
        _require("stated_at", _is_whole_utc(self.stated_at))
        _require("notice", self.notice.language is self.language)
        self._check_decisions()

    def _check_decisions(self) -> None:
        items = {answer.item for answer in self.decisions}
        both = {ConsentItem.CLINICAL, ConsentItem.MEDICATION}
        _require("decisions", bool(items) and len(items) == len(self.decisions))
        _require("decisions", not both <= items)
        for answer in self.decisions:
            _require("wording", answer.wording.id in wording_ids(answer.item))
            _require("wording", answer.wording.language is self.language)

    def canonical(self) -> str:
        """Return the document's one text (RFC 8785)."""
        return _CANONICAL.encode(self._to_mapping())

    def sha256(self) -> str:
        """Return the digest of the canonical text, lower-case hex."""
        return document_digest(self.canonical()).hex()

    def _to_mapping(self) -> dict[str, Any]:
        return {
            "type": TYPE,
            "journey": str(self.journey),
            "facility": {"code": self.facility_code.digits, "name": self.facility_name},
            "channel": self.channel,
            "url_version": str(self.url_version),
            "visit_date": self.visit_date.isoformat() if self.visit_date else None,
            "language": self.language,
            "operator": self.operator,
            "stated_at": _stamp(self.stated_at),
            "notice": _ref_to_mapping(self.notice),
            "decisions": [_answer_to_mapping(answer) for answer in self.decisions],
        }

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a document's text; the order of its members does not matter.

        Raises:
            MalformedDocument: it is not JSON, a member is missing, unknown, repeated, of the wrong
                type or of an unknown value, or two parts contradict each other.
        """
        body = _members(_json(text), "document", _MEMBERS)
        if body["type"] != TYPE:
            raise MalformedDocument("type")
        facility = _members(body["facility"], "facility", {"code", "name"})
        return cls(
            journey=JourneyId(_text(body["journey"], "journey")),
            facility_code=_code(facility["code"]),
            facility_name=_text(facility["name"], "facility"),
            channel=_word(Channel, body["channel"], "channel"),
            url_version=_url_version(body["url_version"]),
            visit_date=_day(body["visit_date"]),
            language=_word(Language, body["language"], "language"),
            operator=_word(Operator, body["operator"], "operator"),
            stated_at=_moment(body["stated_at"]),
            notice=_ref(body["notice"]),
            decisions=tuple(_answer(entry) for entry in _list(body["decisions"])),
        )

    @classmethod
    def parse_canonical(cls, text: str) -> Self:
        """Read a document whose text must be the canonical one, to the letter.

        Raises:
            MalformedDocument: as ``parse`` does, and when the text is written in another way.
        """
        document = cls.parse(text)
        _require("canonical", document.canonical() == text)
        return document


_CANONICAL: Final = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), check_circular=False
)
"""Writes RFC 8785 where names are ASCII, numbers small and whole, and all texts UTF-8, as here.

Python escapes the same characters (§3.2.2.2) and brings such names into the same order (§3.2.3).
A member of a ``StrEnum`` is written as its word.
"""
_MEMBERS: Final = frozenset(
    {
        "type",
        "journey",
        "facility",
        "channel",
        "url_version",
        "visit_date",
        "language",
        "operator",
        "stated_at",
        "notice",
        "decisions",
    }
)
_REF_MEMBERS: Final = frozenset({"id", "version", "language", "sha256"})
_ANSWER_MEMBERS: Final = frozenset({"item", "wording", "decision"})


def whole_second(moment: datetime) -> datetime:
    """Return ``moment`` in UTC without its fraction of a second."""
    return moment.astimezone(UTC).replace(microsecond=0)


def _require(part: str, holds: bool) -> None:
    if not holds:
        raise MalformedDocument(part)


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:  # half of a surrogate pair: JSON can carry it, UTF-8 cannot
        return False
    return True


def _is_whole_utc(moment: datetime) -> bool:
    return moment.utcoffset() == timedelta(0) and moment.microsecond == 0


def _stamp(moment: datetime) -> str:
    return f"{moment.replace(tzinfo=None).isoformat(timespec='seconds')}Z"


def _ref_to_mapping(ref: WordingRef) -> dict[str, Any]:
    return {
        "id": ref.id,
        "version": ref.version,
        "language": ref.language,
        "sha256": ref.sha256,
    }


def _answer_to_mapping(answer: Answer) -> dict[str, Any]:
    return {
        "item": answer.item,
        "wording": _ref_to_mapping(answer.wording),
        "decision": answer.decision,
    }


def _json(text: str) -> object:
    if len(text) > MAXIMUM_CHARACTERS:
        raise MalformedDocument("length")
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise MalformedDocument("json") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is repeated")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _members(value: object, part: str, names: set[str] | frozenset[str]) -> Mapping[str, Any]:
    if not isinstance(value, dict) or value.keys() != names:
        raise MalformedDocument(part)
    return value


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise MalformedDocument("decisions")
    return value


def _text(value: object, part: str) -> str:
    if not isinstance(value, str):
        raise MalformedDocument(part)
    return value


def _word(kind: type[_Word], value: object, part: str) -> _Word:
    word: _Word | None = _words(kind).get(value) if isinstance(value, str) else None
    if word is None:
        raise MalformedDocument(part)
    return word


@cache
def _words(kind: type[_Word]) -> Mapping[str, _Word]:
    return {word.value: word for word in kind}


def _code(value: object) -> InstitutionCode:
    try:
        return InstitutionCode(_text(value, "facility"))
    except InvalidField as error:
        raise MalformedDocument("facility") from error


def _url_version(value: object) -> UrlVersionId:
    text = _text(value, "url_version")
    try:
        name = UUID(text)
    except ValueError as error:
        raise MalformedDocument("url_version") from error
    _require("url_version", str(name) == text)
    return UrlVersionId(name)


def _day(value: object) -> date | None:
    if value is None:
        return None
    text = _text(value, "visit_date")
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise MalformedDocument("visit_date") from error
    _require("visit_date", day.isoformat() == text)
    return day


def _moment(value: object) -> datetime:
    text = _text(value, "stated_at")
    try:
        moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError as error:
        raise MalformedDocument("stated_at") from error
    _require("stated_at", _stamp(moment) == text)
    return moment


def _ref(value: object) -> WordingRef:
    body = _members(value, "wording", _REF_MEMBERS)
    try:
        return _ref_of(body["id"], body["version"], body["language"], body["sha256"])
    except TypeError as error:  # a list or a mapping, by which nothing can be remembered
        raise MalformedDocument("wording") from error


@lru_cache(maxsize=256, typed=True)
def _ref_of(wording_id: object, version: object, language: object, sha256: object) -> WordingRef:
    # All documents name the same few published texts.
    name, digest = _text(wording_id, "wording"), _text(sha256, "wording")
    _require("wording", _DIGEST.fullmatch(digest) is not None and _is_text(name))
    return WordingRef(
        id=name,
        version=_version(version),
        language=_word(Language, language, "wording"),
        sha256=digest,
    )


def _version(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise MalformedDocument("wording")
    _require("wording", 1 <= value <= _MAXIMUM_VERSION)
    return value


def _answer(value: object) -> Answer:
    body = _members(value, "decisions", _ANSWER_MEMBERS)
    return Answer(
        item=_word(ConsentItem, body["item"], "decisions"),
        wording=_ref(body["wording"]),
        decision=_word(Decision, body["decision"], "decisions"),
    )
