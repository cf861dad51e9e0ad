"""The fourteen kinds of test people of the connection-verification environment (domain.md §9)."""

from enum import StrEnum
from types import MappingProxyType
from typing import Final


class SandboxKind(StrEnum):
    """What an eligibility check tells of a card that was bound for a test."""

    INSURED = "insured"
    UNDISCLOSED = "undisclosed"
    WITHHELD = "withheld"
    NOT_INSURED = "not-insured"
    WITHOUT_INFORMATION = "without-information"
    FIRST_TIMES_OUT = "first-times-out"
    ASSISTED_MEDICAL = "assisted-medical"
    ASSISTED_DISPENSING = "assisted-dispensing"
    INSURED_AND_ASSISTED = "insured-and-assisted"
    INSURED_AND_ASSISTED_NO_TICKET = "insured-assisted-no-ticket"
    NOT_ASSISTED = "not-assisted"
    ASSISTED_NOT_ENTRUSTED = "assisted-not-entrusted"
    ASSISTED_UNDISCLOSED = "assisted-undisclosed"
    ASSISTED_WITHHELD = "assisted-withheld"

    @property
    def is_withheld(self) -> bool:
        """Whether nothing of the person may be shown (自己情報提供不可)."""
        return self in {SandboxKind.WITHHELD, SandboxKind.ASSISTED_WITHHELD}

    @property
    def is_undisclosed(self) -> bool:
        """Whether postcode and address are not given (不開示該当)."""
        return self in {SandboxKind.UNDISCLOSED, SandboxKind.ASSISTED_UNDISCLOSED}

    @property
    def is_assisted(self) -> bool:
        """Whether the person is, or was, on 医療扶助."""
        return self in _ASSISTED

    @property
    def has_insurance(self) -> bool:
        """Whether 医療保険 is registered for the person, valid or over."""
        return not self.is_assisted or self in _BOTH


_BOTH = frozenset({SandboxKind.INSURED_AND_ASSISTED, SandboxKind.INSURED_AND_ASSISTED_NO_TICKET})
_ASSISTED = _BOTH | {
    SandboxKind.ASSISTED_MEDICAL,
    SandboxKind.ASSISTED_DISPENSING,
    SandboxKind.NOT_ASSISTED,
    SandboxKind.ASSISTED_NOT_ENTRUSTED,
    SandboxKind.ASSISTED_UNDISCLOSED,
    SandboxKind.ASSISTED_WITHHELD,
}

KIND_NAMES: Final = MappingProxyType(
    {
        SandboxKind.INSURED: "医療保険有効",
        SandboxKind.UNDISCLOSED: "医療保険有効（不開示該当）",
        SandboxKind.WITHHELD: "医療保険有効（自己情報提供不可）",
        SandboxKind.NOT_INSURED: "医療保険無効",
        SandboxKind.WITHOUT_INFORMATION: "医療保険有効（薬剤・診療・健診情報なし）",
        SandboxKind.FIRST_TIMES_OUT: "医療保険有効（初回登録タイムアウト）",
        SandboxKind.ASSISTED_MEDICAL: "医療扶助有効（医科・歯科：医療券）",
        SandboxKind.ASSISTED_DISPENSING: "医療扶助有効（薬局：調剤券）",
        SandboxKind.INSURED_AND_ASSISTED: "医療扶助・医療保険有効（併用）",
        SandboxKind.INSURED_AND_ASSISTED_NO_TICKET: "医療扶助・医療保険有効（併用・医療券なし）",
        SandboxKind.NOT_ASSISTED: "医療扶助無効",
        SandboxKind.ASSISTED_NOT_ENTRUSTED: "医療扶助有効（医療券なし：未委託）",
        SandboxKind.ASSISTED_UNDISCLOSED: "医療扶助有効（不開示該当）",
        SandboxKind.ASSISTED_WITHHELD: "医療扶助有効（自己情報提供不可）",
    }
)
"""The manual's name of each kind."""
