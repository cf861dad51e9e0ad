"""Facilities and the settings that decide what a patient is asked (domain.md §2–§4)."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Self

from zaitaku.core.errors import InvalidField
from zaitaku.core.ids import FacilityId
from zaitaku.core.spreadsheets import Codec

CODE_DIGITS = 10
PREFECTURES = 47


class FacilityKind(StrEnum):
    """点数表番号: what kind of facility a code belongs to."""

    MEDICAL = "medical"
    DENTAL = "dental"
    PHARMACY = "pharmacy"
    VISITING_NURSE = "visiting-nurse"


_KIND_BY_TABLE_NUMBER = {
    "1": FacilityKind.MEDICAL,
    "3": FacilityKind.DENTAL,
    "4": FacilityKind.PHARMACY,
    "6": FacilityKind.VISITING_NURSE,
}


@dataclass(frozen=True, order=True)
class InstitutionCode:
    """医療機関等コード: 都道府県番号 (2) + 点数表番号 (1) + 機関コード (7), ten digits."""

    digits: str

    def __post_init__(self) -> None:
        if (
            len(self.digits) != CODE_DIGITS
            or not self.digits.isascii()
            or not self.digits.isdigit()
        ):
            raise InvalidField("institution_code", "ten-digits")
        if not 1 <= int(self.digits[:2]) <= PREFECTURES:
            raise InvalidField("institution_code", "prefecture")
        if self.digits[2] not in _KIND_BY_TABLE_NUMBER:
            raise InvalidField("institution_code", "kind")

    @property
    def kind(self) -> FacilityKind:
        """The kind of facility that 点数表番号 names."""
        return _KIND_BY_TABLE_NUMBER[self.digits[2]]

    def __str__(self) -> str:
        return self.digits


class Channel(StrEnum):
    """The two ways in, each with its own URL (domain.md §3)."""

    HOME_VISIT = "home-visit"
    """訪問診療等: consent is registered when facility and patient make their contract."""
    ONLINE = "online"
    """オンライン診療等・外来診療等（通常とは異なる動線）."""


class CharacterSet(StrEnum):
    """利用文字コード of files exchanged with linked systems."""

    UTF_8 = "utf-8"
    SHIFT_JIS = "shift-jis"

    @property
    def codec(self) -> Codec:
        """How files in this character set are written."""
        return Codec.UTF_8 if self is CharacterSet.UTF_8 else Codec.SHIFT_JIS


class PrescriptionUse(StrEnum):
    """電子処方箋利用区分."""

    NONE = "none"
    ELECTRONIC_ONLY = "electronic-only"
    BOTH = "both"
    PAPER_ONLY = "paper-only"


class PrescriptionTiming(StrEnum):
    """発行形態選択タイミング."""

    AT_ELIGIBILITY_CHECK = "at-eligibility-check"
    OTHERWISE = "otherwise"


@dataclass(frozen=True)
class EnvironmentSettings:
    """環境設定情報 with its initial values (domain.md §4).

    Raises:
        InvalidField: two settings contradict each other.
    """

    character_set: CharacterSet = CharacterSet.UTF_8
    surgery: bool = False
    clinical: bool = False
    medication: bool = True
    checkup: bool = True
    specific_disease: bool = True
    chart_sharing: bool = False
    """電子カルテ情報共有サービス: widens the wording of surgery, clinical and medication."""
    emergency: bool = False
    prescription_use: PrescriptionUse = PrescriptionUse.NONE
    prescription_timing: PrescriptionTiming = PrescriptionTiming.OTHERWISE
    electronic_prescription: bool = False
    refill_prescription: bool = False
    medical_assistance: bool = False
    subsidy: bool = False
    home_visit: bool = False
    online: bool = False
    display_name: str = ""
    """Name shown on the Web; empty: the registered name."""

    def __post_init__(self) -> None:
        if self.clinical and self.medication:
            raise InvalidField("medication", "only-without-clinical")
        if self.refill_prescription and not self.electronic_prescription:
            raise InvalidField("refill_prescription", "needs-electronic-prescription")

    def is_on(self, channel: Channel) -> bool:
        """Tell whether the facility has set the channel's function to 利用する."""
        return {Channel.HOME_VISIT: self.home_visit, Channel.ONLINE: self.online}[channel]

    def to_mapping(self) -> dict[str, Any]:
        """Return a JSON-ready mapping of every setting."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Self:
        """Read what ``to_mapping`` wrote; settings that it lacks keep their initial value."""
        initial = cls().to_mapping()
        typed = {
            name: type(initial[name])(value) for name, value in values.items() if name in initial
        }
        return cls(**typed)


@dataclass(frozen=True)
class Enrolment:
    """What was settled between the facility and the operator; only the operator changes it."""

    starts_on: date | None = None
    """利用開始日, a day in Japan; ``None``: it has begun (domain.md §2)."""
    subsidy_pilot: bool = False
    """Whether it takes part in the PMH pilot, which 医療費助成情報 needs (domain.md §4)."""
    chart_sharing_from: date | None = None
    """The day from which 電子カルテ情報共有サービス may be set; ``None``: not applied for."""

    def has_begun(self, today: date) -> bool:
        """Tell whether 利用開始日 has come."""
        return self.starts_on is None or self.starts_on <= today

    def may_share_charts(self, today: date) -> bool:
        """Tell whether 電子カルテ情報共有サービス was applied for and its start has come."""
        return self.chart_sharing_from is not None and self.chart_sharing_from <= today


@dataclass(frozen=True)
class Facility:
    """One 医療機関等 as the product knows it."""

    id: FacilityId
    code: InstitutionCode
    registered_name: str
    phone: str
    hours: str
    """Opening hours in the facility's own words; may be empty."""
    settings: EnvironmentSettings
    settings_version: int
    created_at: datetime
    enrolment: Enrolment = Enrolment()
    revision: int = 1
    """Counts the changes of everything here but the settings."""

    @property
    def name(self) -> str:
        """The name that patients see."""
        return self.settings.display_name or self.registered_name

    @property
    def dial(self) -> str:
        """The telephone number as a ``tel:`` address takes it (RFC 3966)."""
        return self.phone.replace(" ", "")

    def has_begun(self, today: date) -> bool:
        """Tell whether 利用開始日 has come: before it there is no reception (domain.md §2)."""
        return self.enrolment.has_begun(today)


@dataclass(frozen=True)
class SettingsChange:
    """One version of the environment settings: what held from when, and who set it."""

    version: int
    settings: EnvironmentSettings
    at: datetime
    actor: str


@dataclass(frozen=True)
class Known:
    """By what people know a facility that is registered."""

    name: str
    phone: str


@dataclass(frozen=True)
class Directory:
    """Every code that names a facility, or has named one."""

    present: Mapping[str, Known]
    former: frozenset[str]
