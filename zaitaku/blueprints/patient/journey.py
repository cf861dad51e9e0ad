"""One patient's way through the wizard, as far as it was answered: pure values.

The answers live as a flat mapping in the short-lived store, under a name that only the patient's
own session can form. Nothing here is sent anywhere before the card has signed.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Final, Self, TypeVar
from uuid import UUID

from zaitaku.blueprints.patient.background import FIELD, Background, read
from zaitaku.consent.model import ConsentItem, Decision, Operator
from zaitaku.core.ids import JourneyId, UrlVersionId
from zaitaku.core.languages import Language

ITEM_PREFIX: Final = "item."


class Preparation(StrEnum):
    """What must be at hand before it makes sense to begin; the value is the field's name."""

    CARD = "card"
    PIN = "pin"
    READER = "reader"


class Way(StrEnum):
    """How the card will be read; the value is the answer of the page that asks."""

    APP = "app"
    """By the patient's own phone and the app of an OpenID provider."""
    READER = "yes"
    """By a reader and the bridge on this very computer."""
    NEARBY = "nearby"
    """By a reader and the bridge on another computer (hand-over)."""


class VisitKind(StrEnum):
    """What an online-channel consent is for (domain.md §3)."""

    ONLINE = "online"
    """オンライン診療: on the day that was booked."""
    WALK_IN = "walk-in"
    """外来診療（通常とは異なる動線）: today."""


class ChoiceMode(StrEnum):
    """How the items are answered."""

    ALL = "all"
    NONE = "none"
    EACH = "each"


_Member = TypeVar("_Member", bound=StrEnum)


def _members(kind: type[_Member]) -> dict[str, _Member]:
    # Each page asks for a dozen, and asking the class itself costs five times as much.
    return {member.value: member for member in kind}


_ITEMS: Final = _members(ConsentItem)
_DECISIONS: Final = _members(Decision)
_OPERATORS: Final = _members(Operator)
_MODES: Final = _members(ChoiceMode)
_WAYS: Final = _members(Way)
_LANGUAGES: Final = _members(Language)
_PARTS: Final = tuple(Preparation)
_ITEM_FIELDS: Final = {ITEM_PREFIX + item: item for item in ConsentItem}
MODE_DECISIONS: Final = {ChoiceMode.ALL: Decision.GRANT, ChoiceMode.NONE: Decision.REFUSE}


@dataclass(frozen=True)
class Visit:
    """The 受診日 and what it is for; ``fixed`` when the booking's own link carried it."""

    kind: VisitKind
    day: date
    fixed: bool = False


@dataclass(frozen=True)
class Journey:
    """Everything that the patient has answered so far."""

    id: JourneyId
    version: UrlVersionId
    background: Background | None
    """Who asks and what, when it was last looked at; ``None``: another release began it."""
    prepared: frozenset[Preparation]
    operator: Operator | None
    visit: Visit | None
    noticed: str
    """``yes`` once the notice was read on; empty before.

    Which text it was is part of the revision that is confirmed on the check page."""
    mode: ChoiceMode | None
    shown: tuple[ConsentItem, ...]
    """The items that the page of the choice has shown, in their order; what is asked may change."""
    anew: frozenset[ConsentItem]
    """The items that are asked, or asked in other words, only since the choice was made."""
    own: Mapping[ConsentItem, Decision]
    """The answer on each item; a shortcut answers every item that its page showed, and no other."""
    checked: str
    """The revision of the answers that the patient confirmed on the check page."""
    checked_language: Language
    way: Way
    asked: bool
    """Whether a card was asked for: an unanswered ask gets extra help."""
    asked_until: datetime | None
    """When the latest card request ends; ``None``: none was made, or another release made it."""
    hand_over: str
    """The hand-over that reads a card for these very answers; empty when there was none."""
    registered: str
    """The reference number once the consent is registered; empty before."""
    certificate_expires: datetime | None

    def decision_of(self, item: ConsentItem) -> Decision | None:
        """Return the present answer on ``item``; ``None`` when there is none yet."""
        return self.own.get(item)

    def is_asked_anew(self, item: ConsentItem) -> bool:
        """Tell whether ``item`` waits for an answer because of what the facility has changed."""
        return item in self.anew and item not in self.own

    def without(self, items: Collection[ConsentItem]) -> Self:
        """Return the journey as if ``items`` had no answers yet."""
        kept = {item: answer for item, answer in self.own.items() if item not in items}
        return replace(self, own=kept)

    @classmethod
    def from_fields(cls, id_: JourneyId, fields: Mapping[str, str]) -> Self:
        """Read an entry of the short-lived store; an empty value counts as not answered."""
        given = {name: value for name, value in fields.items() if value}
        return cls(
            id=id_,
            version=UrlVersionId(UUID(given["version"])),
            background=read(given.get(FIELD, "")),
            prepared=frozenset({part for part in _PARTS if given.get(part) == "yes"}),
            operator=_OPERATORS.get(given.get("operator", "")),
            visit=_visit(given),
            noticed=given.get("noticed", ""),
            mode=_MODES.get(given.get("mode", "")),
            shown=tuple(map(_ITEMS.__getitem__, given.get("shown", "").split())),
            anew=frozenset(map(_ITEMS.__getitem__, given.get("anew", "").split())),
            own=_own_answers(given),
            checked=given.get("checked", ""),
            checked_language=_LANGUAGES[given.get("checked_language", Language.JAPANESE)],
            way=_WAYS[given.get("way", Way.READER)],
            asked="asked" in given,
            asked_until=_moment(given.get("asked_until")),
            hand_over=given.get("hand_over", ""),
            registered=given.get("registered", ""),
            certificate_expires=_moment(given.get("certificate_expires")),
        )


def visit_fields(visit: Visit) -> dict[str, str]:
    """Return the fields that remember ``visit``."""
    return {
        "visit_kind": visit.kind,
        "visit_date": visit.day.isoformat(),
        "visit_fixed": "yes" if visit.fixed else "",
    }


def mode_fields(mode: ChoiceMode, shown: Iterable[str]) -> dict[str, str]:
    """Return the fields that remember ``mode``, where the page showed the items of ``shown``.

    A shortcut takes the place of single answers. It answers what was shown and nothing else: what
    the facility begins to ask later is a question of its own.
    """
    known = [ConsentItem(item) for item in dict.fromkeys(shown) if item in set(ConsentItem)]
    kept = {"mode": mode, **({"shown": " ".join(known)} if known else {})}
    if mode is ChoiceMode.EACH:
        return kept
    answers = dict.fromkeys(ConsentItem, "") | dict.fromkeys(known, MODE_DECISIONS[mode])
    return {**kept, **{ITEM_PREFIX + item: answer for item, answer in answers.items()}}


def _visit(given: Mapping[str, str]) -> Visit | None:
    if "visit_date" not in given:
        return None
    return Visit(
        kind=VisitKind(given["visit_kind"]),
        day=date.fromisoformat(given["visit_date"]),
        fixed="visit_fixed" in given,
    )


def _own_answers(given: Mapping[str, str]) -> dict[ConsentItem, Decision]:
    return {item: _DECISIONS[given[name]] for name, item in _ITEM_FIELDS.items() if name in given}


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
