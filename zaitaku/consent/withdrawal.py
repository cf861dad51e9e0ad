"""取消し by the facility, at the patient's wish: its vocabulary and its rules (domain.md §12)."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Self

from zaitaku.consent.model import ConsentItem
from zaitaku.core.errors import InvalidField
from zaitaku.core.ids import ConsentId
from zaitaku.core.texts import has_control_characters

REASON_CHARACTERS: Final = 200


class Requester(StrEnum):
    """Who asked for it; of people, as the staff declare."""

    SELF = "self"
    """本人."""
    LEGAL_REPRESENTATIVE = "legal-representative"
    """法定代理人."""
    FAMILY = "family"
    """家族."""
    OTHER = "other"
    NOBODY = "nobody"
    """The system ended it: the card is another person's now (``zaitaku.consent.leaving``)."""


PEOPLE: Final = tuple(each for each in Requester if each is not Requester.NOBODY)
"""Who may ask for a withdrawal."""


@dataclass(frozen=True)
class WithdrawalRequest:
    """What is to be withdrawn, and why."""

    consent_id: ConsentId
    items: frozenset[ConsentItem]
    requester: Requester
    reason: str
    expected: str
    """``PresentConsent.version`` that the person saw."""
    submission: str
    """Random; the same request sent twice is one withdrawal."""

    @classmethod
    def checked(
        cls,
        consent_id: ConsentId,
        *,
        items: Iterable[ConsentItem],
        requester: Requester,
        reason: str,
        expected: str,
        submission: str,
    ) -> Self:
        """Return the request.

        Raises:
            InvalidField: nothing is chosen (``items``), nobody asked (``requester``), or the
                reason breaks its rule.
        """
        chosen = frozenset(items)
        if not chosen:
            raise InvalidField("items", "missing")
        if requester not in PEOPLE:
            raise InvalidField("requester", "missing")
        return cls(consent_id, chosen, requester, check_reason(reason), expected, submission)


@dataclass(frozen=True)
class Withdrawal:
    """One recorded withdrawal."""

    reference: str
    """Of the consent record that stood."""
    items: tuple[ConsentItem, ...]
    """What ended by it."""
    requester: Requester
    reason: str
    actor: str
    withdrawn_at: datetime


def check_reason(typed: str) -> str:
    """Return the reason in one line.

    Raises:
        InvalidField: ``reason`` is ``missing``, ``too-long``, or has other ``characters``.
    """
    reason = " ".join(typed.split())
    if not reason:
        raise InvalidField("reason", "missing")
    if len(reason) > REASON_CHARACTERS:
        raise InvalidField("reason", "too-long")
    if has_control_characters(reason):
        raise InvalidField("reason", "characters")
    return reason


def withdrawable(granted: Collection[ConsentItem]) -> tuple[ConsentItem, ...]:
    """Return what may be chosen: 薬剤 is no choice of its own beside 診療, which contains it."""
    hidden = {ConsentItem.MEDICATION} if ConsentItem.CLINICAL in granted else set()
    return tuple(item for item in ConsentItem if item in granted and item not in hidden)


def ended_by(
    chosen: Collection[ConsentItem], granted: Collection[ConsentItem]
) -> tuple[ConsentItem, ...]:
    """Return everything that ends with ``chosen``: 診療 and 薬剤 end together.

    The patient was asked about both at once, and 診療 left standing would show 薬剤 as well.
    """
    pair = {ConsentItem.CLINICAL, ConsentItem.MEDICATION}
    wanted = set(chosen) | (pair if pair & set(chosen) and pair <= set(granted) else set())
    return tuple(item for item in ConsentItem if item in granted and item in wanted)
