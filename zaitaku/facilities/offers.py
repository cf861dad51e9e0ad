"""Which settings a facility has at all, and what may stand beside what (domain.md §4)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from types import MappingProxyType
from typing import Final, Self

from zaitaku.core.errors import InvalidField
from zaitaku.facilities.model import (
    Enrolment,
    EnvironmentSettings,
    Facility,
    FacilityKind,
    PrescriptionTiming,
    PrescriptionUse,
)

_PHARMACIES_ALONE: Final = ("electronic_prescription", "refill_prescription")
_PRESCRIBERS_ALONE: Final = ("prescription_use", "prescription_timing")
RESTING: Final = ("subsidy", "chart_sharing")
"""Settings that rest on what was settled with the operator."""
_INITIAL: Final = MappingProxyType(EnvironmentSettings().to_mapping())


@dataclass(frozen=True)
class Offer:
    """What a facility may set on a day; ``withheld`` names the rule for what it may not."""

    withheld: Mapping[str, str]

    @classmethod
    def to(cls, kind: FacilityKind, enrolment: Enrolment, today: date) -> Self:
        """Return what a facility of ``kind`` may set.

        電子処方箋利用区分 is for 医科, 歯科 and 訪看 alone, 電子処方箋 for 薬局 alone;
        医療費助成情報 needs the PMH pilot; 電子カルテ情報共有サービス its application and start.
        """
        is_pharmacy = kind is FacilityKind.PHARMACY
        foreign = _PRESCRIBERS_ALONE if is_pharmacy else _PHARMACIES_ALONE
        rules = dict.fromkeys(foreign, "not-for-pharmacy" if is_pharmacy else "pharmacy-only")
        if not enrolment.subsidy_pilot:
            rules["subsidy"] = "pilot-only"
        if not enrolment.may_share_charts(today):
            rules["chart_sharing"] = "after-application"
        return cls(MappingProxyType(rules))

    @classmethod
    def of(cls, facility: Facility, today: date) -> Self:
        """Return what ``facility`` may set on ``today``."""
        return cls.to(facility.code.kind, facility.enrolment, today)

    def shows(self, name: str, present: EnvironmentSettings) -> bool:
        """Tell whether a setting is shown: it is offered, or it could at least be taken back."""
        return name not in self.withheld or getattr(present, name) != _INITIAL[name]

    def check(self, wanted: EnvironmentSettings, present: EnvironmentSettings) -> None:
        """Check what somebody wants to set in place of ``present``.

        What is not offered may stay as it is or return to its initial value.

        Raises:
            InvalidField: rule ``pharmacy-only``, ``not-for-pharmacy``, ``pilot-only``,
                ``after-application`` or ``needs-prescription-use``.
        """
        for name, rule in self.withheld.items():
            if getattr(wanted, name) not in {getattr(present, name), _INITIAL[name]}:
                raise InvalidField(name, rule)
        asks_in_time = wanted.prescription_timing is PrescriptionTiming.AT_ELIGIBILITY_CHECK
        if asks_in_time and wanted.prescription_use is PrescriptionUse.NONE:
            raise InvalidField("prescription_timing", "needs-prescription-use")


def settings_under(joined: Enrolment, facility: Facility, today: date) -> EnvironmentSettings:
    """Return ``facility``'s settings as they are once ``joined`` holds for it.

    What it was offered and is no longer, returns to its initial value: when the PMH pilot ends
    医療費助成情報, when the application ends 電子カルテ情報共有サービス.
    """
    before, after = Offer.of(facility, today), Offer.to(facility.code.kind, joined, today)
    lost = after.withheld.keys() - before.withheld.keys()
    return replace(facility.settings, **{name: _INITIAL[name] for name in lost})
