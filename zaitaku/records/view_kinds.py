"""What of a patient's medical information may be viewed, and under which consent (domain.md §4–§8).

The kinds are those of 医療情報閲覧履歴 (§6). Each consists of parts; a part is open where the item
that it belongs to was agreed to, and the bracketed ones only where the wider wording was.
"""

from collections.abc import Collection
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from zaitaku.consent.model import ConsentItem


class ViewKind(StrEnum):
    """One page of medical information, and one kind of the history."""

    TREATMENT = "treatment"
    """手術・診療・薬剤."""
    MEDICATION = "medication"
    CHECKUP = "checkup"
    CHART = "chart"
    """臨床: what other facilities share from their charts."""


class Part(StrEnum):
    """What a page is made of."""

    SURGERY = "surgery"
    CLINICAL = "clinical"
    MEDICATION = "medication"
    PRESCRIPTIONS = "prescriptions"
    """処方情報."""
    CHECKUP = "checkup"
    CONDITIONS = "conditions"
    """傷病名・感染症情報."""
    TESTS = "tests"
    """その他アレルギー等・薬剤アレルギー等・検査情報."""


KIND_NAMES: Final = MappingProxyType(
    {
        ViewKind.TREATMENT: "手術・診療・薬剤情報",
        ViewKind.MEDICATION: "薬剤情報",
        ViewKind.CHECKUP: "健診情報",
        ViewKind.CHART: "臨床情報",
    }
)

PART_NAMES: Final = MappingProxyType(
    {
        Part.SURGERY: "手術情報",
        Part.CLINICAL: "診療情報",
        Part.MEDICATION: "薬剤情報",
        Part.PRESCRIPTIONS: "処方情報",
        Part.CHECKUP: "特定健診情報",
        Part.CONDITIONS: "傷病名・感染症情報",
        Part.TESTS: "アレルギー・検査情報",
    }
)

PARTS: Final = MappingProxyType(
    {
        ViewKind.TREATMENT: (Part.SURGERY, Part.CLINICAL, Part.MEDICATION, Part.PRESCRIPTIONS),
        ViewKind.MEDICATION: (Part.MEDICATION, Part.PRESCRIPTIONS),
        ViewKind.CHECKUP: (Part.CHECKUP,),
        ViewKind.CHART: (Part.CONDITIONS, Part.TESTS),
    }
)

_ITEMS: Final = MappingProxyType(
    {
        Part.SURGERY: ConsentItem.SURGERY,
        Part.CLINICAL: ConsentItem.CLINICAL,
        Part.MEDICATION: ConsentItem.MEDICATION,
        Part.PRESCRIPTIONS: ConsentItem.MEDICATION,
        Part.CHECKUP: ConsentItem.CHECKUP,
        Part.CONDITIONS: ConsentItem.SURGERY,
        Part.TESTS: ConsentItem.CLINICAL,
    }
)

VIEWED: Final = frozenset(_ITEMS.values())
"""The items under any of which something may be viewed."""

BRACKETED: Final = frozenset({Part.PRESCRIPTIONS, Part.CONDITIONS, Part.TESTS})
"""Parts of 電子カルテ情報共有サービス: named in brackets by the wider wording alone."""


def open_parts(
    kind: ViewKind, *, granted: Collection[ConsentItem], widened: Collection[ConsentItem]
) -> tuple[Part, ...]:
    """Return what of ``kind`` may be shown.

    ``granted`` are the items agreed to that stand now; ``widened`` those of them whose wording
    named the bracketed part, as long as the facility uses 電子カルテ情報共有サービス.
    """
    return tuple(part for part in PARTS[kind] if _is_open(part, granted, widened))


def items_of(kind: ViewKind) -> frozenset[ConsentItem]:
    """Return the items under which anything of ``kind`` may be open."""
    return frozenset(_ITEMS[part] for part in PARTS[kind])


def _is_open(
    part: Part, granted: Collection[ConsentItem], widened: Collection[ConsentItem]
) -> bool:
    item = _ITEMS[part]
    return item in granted and (part not in BRACKETED or item in widened)
