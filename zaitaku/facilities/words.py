"""環境設定情報 in the manual's words: the name of each setting and of each value (domain.md §4)."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from zaitaku.facilities.model import (
    Channel,
    CharacterSet,
    EnvironmentSettings,
    PrescriptionTiming,
    PrescriptionUse,
)

Value = bool | StrEnum | str

TERMS: Final = MappingProxyType(
    {
        "character_set": "利用文字コード",
        "surgery": "手術情報（傷病名・感染症情報）",
        "clinical": "診療情報（その他アレルギー等・薬剤アレルギー等・検査情報）",
        "medication": "薬剤情報（処方情報）",
        "checkup": "特定健診情報",
        "specific_disease": "特定疾病療養受療証",
        "chart_sharing": "電子カルテ情報共有サービス",
        "emergency": "救急時医療情報",
        "prescription_use": "電子処方箋利用区分",
        "prescription_timing": "発行形態選択タイミング",
        "electronic_prescription": "電子処方箋",
        "refill_prescription": "リフィル処方箋",
        "medical_assistance": "医療扶助情報",
        "subsidy": "医療費助成情報",
        "home_visit": "訪問診療等機能",
        "online": "オンライン診療等・外来診療等（通常とは異なる動線）機能",
        "display_name": "Webに表示する名前",
    }
)
"""The manual's name of each setting, in its order."""

SWITCHES: Final = MappingProxyType({Channel.HOME_VISIT: "home_visit", Channel.ONLINE: "online"})
"""The setting that switches each channel on."""

_VALUES: Final[Mapping[StrEnum, str]] = MappingProxyType(
    {
        CharacterSet.UTF_8: "UTF-8",
        CharacterSet.SHIFT_JIS: "Shift-JIS",
        PrescriptionUse.NONE: "利用しない",
        PrescriptionUse.ELECTRONIC_ONLY: "電子処方箋のみ",
        PrescriptionUse.BOTH: "電子処方箋と紙の処方箋",
        PrescriptionUse.PAPER_ONLY: "紙の処方箋のみ",
        PrescriptionTiming.AT_ELIGIBILITY_CHECK: "資格確認時に確認する",
        PrescriptionTiming.OTHERWISE: "資格確認時以外で確認する",
    }
)
_STATES: Final = MappingProxyType({True: "利用する", False: "利用しない"})


@dataclass(frozen=True)
class ChangedSetting:
    """One setting that differs between two versions, in words."""

    name: str
    before: str
    after: str

    @property
    def term(self) -> str:
        """The manual's name of the setting."""
        return TERMS[self.name]

    @property
    def change(self) -> str:
        """Both values on one line."""
        return f"{self.before} → {self.after}"


def value_words(value: Value) -> str:
    """Return a setting's value as people read it."""
    if isinstance(value, bool):
        return _STATES[value]
    if isinstance(value, StrEnum):
        return _VALUES[value]
    return value or "（なし）"


def differences(before: EnvironmentSettings, after: EnvironmentSettings) -> list[str]:
    """Return the names of the settings in which two versions differ, in their order."""
    return [f.name for f in fields(before) if getattr(before, f.name) != getattr(after, f.name)]


def changed_settings(
    before: EnvironmentSettings, after: EnvironmentSettings
) -> tuple[ChangedSetting, ...]:
    """Return what differs between two versions, in words and in the manual's order."""
    former, new = before.to_mapping(), after.to_mapping()
    changed = set(differences(before, after))
    return tuple(
        ChangedSetting(name, value_words(former[name]), value_words(new[name]))
        for name in TERMS
        if name in changed
    )
