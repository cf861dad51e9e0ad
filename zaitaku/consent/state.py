"""What an answer does to the items that were not asked in the same breath (domain.md §12)."""

from collections.abc import Iterable, Mapping

from zaitaku.consent.model import ConsentItem, ConsentState, Decision

Decisions = Mapping[ConsentItem, Decision]


def implied_decisions(stated: Decisions) -> dict[ConsentItem, Decision]:
    """Return the stated decisions with what they contain: 診療 includes 薬剤."""
    if ConsentItem.CLINICAL not in stated:
        return dict(stated)
    return {**stated, ConsentItem.MEDICATION: stated[ConsentItem.CLINICAL]}


def is_full_refusal(decisions: Iterable[Decision]) -> bool:
    """Tell whether nothing is agreed to: such a statement is a withdrawal."""
    return all(decision is Decision.REFUSE for decision in decisions)


def withdrawn_by(stated: Decisions, standing: Mapping[str, ConsentState]) -> Decisions:
    """Return the earlier grants that a refusal takes back although it does not name them.

    Who refuses everything that is asked withdraws the consent at this facility and channel (and,
    online, for this 受診日): every grant that was not asked ends with it, because whoever says
    「すべて同意しない」 means that nothing is shown. Who agrees to something, but now refuses 薬剤,
    no longer agrees to 診療, which would show 薬剤 as well. Every other item that is not asked
    keeps its state.
    """
    if is_full_refusal(stated.values()):
        granted_items = [item for item in ConsentItem if standing.get(item) is ConsentState.GRANT]
        return {item: Decision.REFUSE for item in granted_items if item not in stated}
    refused = stated.get(ConsentItem.MEDICATION) is Decision.REFUSE
    granted = standing.get(ConsentItem.CLINICAL) is ConsentState.GRANT
    return {ConsentItem.CLINICAL: Decision.REFUSE} if refused and granted else {}
