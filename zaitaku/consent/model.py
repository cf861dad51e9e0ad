"""The vocabulary of consent (domain.md §4, §12)."""

from dataclasses import dataclass
from enum import StrEnum


class ConsentItem(StrEnum):
    """What a patient decides about, one by one."""

    SURGERY = "surgery"
    CLINICAL = "clinical"
    """診療・薬剤 as one item."""
    MEDICATION = "medication"
    CHECKUP = "checkup"
    SPECIFIC_DISEASE = "specific-disease"
    HIGH_COST_LIMIT = "high-cost-limit"


class Decision(StrEnum):
    """同意する / 同意しない."""

    GRANT = "grant"
    REFUSE = "refuse"


class Operator(StrEnum):
    """Who handles the screen, as declared (domain.md §12)."""

    SELF = "self"
    LEGAL_REPRESENTATIVE = "legal-representative"
    COMPANION = "companion"


@dataclass(frozen=True)
class Wording:
    """One exact text, in one language, at one version; a changed sentence is a new version."""

    id: str
    version: int
    language: str
    text: str
    sha256: str


@dataclass(frozen=True)
class Question:
    """One page of the wizard: an item under the wording that the facility's settings choose."""

    item: ConsentItem
    wording_id: str
