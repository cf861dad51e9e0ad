"""How the staff's pages, files and records name what belongs to a consent (domain.md §4)."""

from collections.abc import Iterable
from types import MappingProxyType
from typing import Final

from zaitaku.consent.model import ConsentItem, ConsentState, Decision, Operator
from zaitaku.consent.withdrawal import Requester

ITEM_NAMES: Final = MappingProxyType(
    {
        ConsentItem.SURGERY: "手術",
        ConsentItem.CLINICAL: "診療・薬剤",
        ConsentItem.MEDICATION: "薬剤",
        ConsentItem.CHECKUP: "特定健診",
        ConsentItem.SPECIFIC_DISEASE: "特定疾病療養受療証",
        ConsentItem.HIGH_COST_LIMIT: "限度額適用認定証",
    }
)

STATE_NAMES: Final = MappingProxyType(
    {
        ConsentState.GRANT: "同意あり",
        ConsentState.REFUSE: "同意なし",
        ConsentState.WITHDRAWN: "取消し",
    }
)

DECISION_NAMES: Final = MappingProxyType(
    {Decision.GRANT: "同意する", Decision.REFUSE: "同意しない"}
)

OPERATOR_NAMES: Final = MappingProxyType(
    {
        Operator.SELF: "本人",
        Operator.LEGAL_REPRESENTATIVE: "法定代理人",
        Operator.COMPANION: "付き添いの人",
    }
)

REQUESTER_NAMES: Final = MappingProxyType(
    {
        Requester.SELF: "本人",
        Requester.LEGAL_REPRESENTATIVE: "法定代理人",
        Requester.FAMILY: "家族",
        Requester.OTHER: "そのほかの人",
        Requester.NOBODY: "申し出ではありません",
    }
)


def item_list(items: Iterable[ConsentItem]) -> str:
    """Return the names of items in one line."""
    return "、".join(ITEM_NAMES[item] for item in items)
