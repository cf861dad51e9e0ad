"""What an answer does to the items that were not asked in the same breath (domain.md §12)."""

from collections.abc import Mapping

from zaitaku.consent.model import ConsentItem, Decision

Decisions = Mapping[ConsentItem, Decision]


def implied_decisions(stated: Decisions) -> dict[ConsentItem, Decision]:
    """Return the stated decisions with what they contain: 診療 includes 薬剤."""
    if ConsentItem.CLINICAL not in stated:
        return dict(stated)
    return {**stated, ConsentItem.MEDICATION: stated[ConsentItem.CLINICAL]}


def withdrawn_by(stated: Decisions, standing: Mapping[str, Decision]) -> Decisions:
    """Return the earlier grants that a refusal takes back although it does not name them.

    Who now refuses 薬剤 no longer agrees to 診療, which would show 薬剤 as well. Every other item
    that is not asked keeps its state.
    """
    refused = stated.get(ConsentItem.MEDICATION) is Decision.REFUSE
    granted = standing.get(ConsentItem.CLINICAL) is Decision.GRANT
    return {ConsentItem.CLINICAL: Decision.REFUSE} if refused and granted else {}
