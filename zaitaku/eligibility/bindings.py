"""Cards that a facility bound to a kind of test person, and the data registered for them."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from uuid import UUID

from zaitaku.core.errors import InvalidField
from zaitaku.core.ids import FacilityId
from zaitaku.eligibility.kinds import SandboxKind
from zaitaku.eligibility.model import Insured

LONGEST_SERIAL_BITS: Final = 160
"""A certificate's serial number has at most twenty octets (RFC 5280 §4.1.2.2)."""
LONGEST_SERIAL_DIGITS: Final = 49
LONGEST_PMH_ID: Final = 20


class Category(StrEnum):
    """A category of test data that is registered and deleted as a whole."""

    SURGERY = "surgery"
    CLINICAL = "clinical"
    MEDICATION = "medication"
    CHECKUP = "checkup"
    CHART = "chart"
    """What charts share: 傷病名, 感染症, アレルギー, 検査, 処方."""
    EMERGENCY = "emergency"
    """救急時医療情報: of one card, which has to be named."""


CATEGORY_NAMES: Final = MappingProxyType(
    {
        Category.SURGERY: "手術情報",
        Category.CLINICAL: "診療情報",
        Category.MEDICATION: "薬剤情報",
        Category.CHECKUP: "特定健診情報",
        Category.CHART: "電子カルテ情報（傷病名・感染症・アレルギー・検査・処方）",
        Category.EMERGENCY: "救急時医療情報",
    }
)

REGISTERED_AT_FIRST: Final = frozenset(Category) - {Category.EMERGENCY}
"""So that a card that was just bound has something to show."""


@dataclass(frozen=True)
class Binding:
    """One card of one facility's test. Its serial number is not kept, only keyed hashes of it."""

    id: UUID
    facility_id: FacilityId
    kind: SandboxKind
    is_insurance_card: bool
    """健康保険証利用登録: without it the check knows nobody by this card."""
    pmh_id: str
    """Empty: none."""
    has_timed_out: bool
    """初回登録タイムアウト: whether the first time is over."""
    bound_at: datetime
    person: Insured
    """Always an invented one."""

    @property
    def has_information(self) -> bool:
        """Whether medical information of the person can be shown at all."""
        has_none = self.kind.is_withheld or self.kind is SandboxKind.WITHOUT_INFORMATION
        return self.is_insurance_card and not has_none


@dataclass(frozen=True)
class DataState:
    """One category of test data in one facility."""

    category: Category
    is_registered: bool
    count: int
    """How many entries its bound people show of it; 0 while it is not registered."""


def card_serial(typed: str) -> int:
    """Return a certificate's serial number typed in decimal, full-width digits allowed.

    Raises:
        InvalidField: ``missing``, ``not-decimal``, or ``out-of-range`` (RFC 5280 §4.1.2.2).
    """
    digits = "".join(unicodedata.normalize("NFKC", typed).split())
    if not digits:
        raise InvalidField("serial", "missing")
    if not (digits.isascii() and digits.isdigit()):
        raise InvalidField("serial", "not-decimal")
    if len(digits) > LONGEST_SERIAL_DIGITS:
        raise InvalidField("serial", "out-of-range")
    serial = int(digits)
    if not 0 < serial < 1 << LONGEST_SERIAL_BITS:
        raise InvalidField("serial", "out-of-range")
    return serial


def pmh_id(typed: str) -> str:
    """Return a PMH-ID in half-width characters; empty if none was typed.

    Raises:
        InvalidField: ``characters`` or ``too-long``. Its form is not published; letters, digits
            and hyphens are taken.
    """
    value = "".join(unicodedata.normalize("NFKC", typed).split()).upper()
    if len(value) > LONGEST_PMH_ID:
        raise InvalidField("pmh_id", "too-long")
    if value and not (value.isascii() and value.replace("-", "").isalnum()):
        raise InvalidField("pmh_id", "characters")
    return value
