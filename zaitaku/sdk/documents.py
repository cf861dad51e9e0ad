"""The consent document of a site, in the one form that a card can sign (RFC 8785)."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, TypeAlias

from zaitaku import wire

Json: TypeAlias = "str | int | bool | Sequence[Json] | Mapping[str, Json] | None"
"""JSON without fractions: their one spelling (RFC 8785 §3.2.2.3) is nothing that consent needs."""

SAFE_INTEGER: Final = 2**53 - 1
"""Beyond this, readers in other languages see another number (RFC 8259 §6)."""


@dataclass(frozen=True)
class StatedDocument:
    """A consent document and the words that a bridge shows for it."""

    text: str
    """Canonical JSON; keep it with the proof, to the letter."""
    choices: tuple[wire.Choice, ...]
    language: str


def state_document(
    *,
    facility: str,
    channel: str,
    operator: str,
    language: str,
    choices: Iterable[wire.Choice],
    visit_date: date | None = None,
    more: Mapping[str, Json] | None = None,
) -> StatedDocument:
    """Return the consent document for these choices; each wording is bound by its digest.

    ``channel`` is one of ``wire.CHANNELS``, ``operator`` one of ``wire.OPERATORS``. ``more`` are
    members of the site's own: they are signed, and no bridge shows them.

    Raises:
        ValueError: ``more`` names a member that stands here, or holds what ``canonical`` refuses.
    """
    shown = tuple(choices)
    body: dict[str, Json] = {
        "facility": {"name": facility},
        "channel": channel,
        "operator": operator,
        "language": language,
        "visit_date": visit_date.isoformat() if visit_date else None,
        "decisions": [_decision(choice) for choice in shown],
    }
    if more and body.keys() & more.keys():
        raise ValueError("a member stands twice")
    return StatedDocument(canonical({**body, **(more or {})}), shown, language)


def canonical(value: Json) -> str:
    """Return the one JSON text of ``value`` (JSON Canonicalization Scheme, RFC 8785).

    Raises:
        ValueError: it holds a fraction, an integer beyond ``SAFE_INTEGER``, or half a surrogate
            pair.
    """
    text = json.dumps(_ordered(value), ensure_ascii=False, separators=(",", ":"))
    text.encode()  # half a surrogate pair raises UnicodeEncodeError, which is a ValueError
    return text


def _decision(choice: wire.Choice) -> dict[str, Json]:
    return {
        "item": choice.item,
        "wording": {"sha256": hashlib.sha256(choice.wording.encode()).hexdigest()},
        "decision": "grant" if choice.granted else "refuse",
    }


def _ordered(value: object) -> Json:
    if isinstance(value, Mapping):
        return {name: _ordered(value[name]) for name in sorted(value, key=_utf16)}
    if isinstance(value, list | tuple):
        return [_ordered(entry) for entry in value]
    if isinstance(value, str) or value is None:
        return value
    if isinstance(value, int) and abs(value) <= SAFE_INTEGER:
        return value
    raise ValueError("not text, not a whole number that everybody reads alike")


def _utf16(name: str) -> bytes:
    # RFC 8785 §3.2.3 sorts by UTF-16 code units, not by code points.
    return name.encode("utf-16-be")
