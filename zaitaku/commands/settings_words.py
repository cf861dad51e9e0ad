"""環境設定情報 on the command line: names, values in words, and what an operator may type."""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from zaitaku.core.errors import InvalidField
from zaitaku.facilities.model import (
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
_SWITCH: Final = MappingProxyType({"on": True, "off": False})
_STATES: Final = {True: "利用する", False: "利用しない"}


def option_name(field: str) -> str:
    """Return how a setting is written on the command line."""
    return field.replace("_", "-")


def value_words(value: Value) -> str:
    """Return a setting's value as the operator reads it."""
    if isinstance(value, bool):
        return _STATES[value]
    if isinstance(value, StrEnum):
        return _VALUES[value]
    return value or "（なし）"


def described(settings: EnvironmentSettings) -> list[str]:
    """Return every setting on a line of its own, with the name to change it by."""
    values = settings.to_mapping()
    return [f"{term}: {value_words(values[f])} [{option_name(f)}]" for f, term in TERMS.items()]


def with_changes(present: EnvironmentSettings, typed: Iterable[str]) -> EnvironmentSettings:
    """Return ``present`` with what was typed as ``name=value``.

    Raises:
        InvalidField: an unknown name, a value that the setting does not have, or settings that
            contradict each other.
    """
    values: dict[str, Any] = present.to_mapping()
    return EnvironmentSettings(**{**values, **dict(_change(words, values) for words in typed)})


def _change(words: str, present: Mapping[str, Value]) -> tuple[str, Value]:
    name, separator, value = words.partition("=")
    field = name.strip().replace("-", "_")
    if not separator or field not in present:
        raise InvalidField(name, "unknown-setting")
    return field, _read(field, value.strip(), present[field])


def _read(field: str, value: str, present: Value) -> Value:
    if isinstance(present, bool):
        if value not in _SWITCH:
            raise InvalidField(field, "on-or-off")
        return _SWITCH[value]
    if not isinstance(present, StrEnum):
        return value
    try:
        return type(present)(value)
    except ValueError as error:
        raise InvalidField(field, f"one-of:{'、'.join(type(present))}") from error


def differences(before: EnvironmentSettings, after: EnvironmentSettings) -> list[str]:
    """Return the names of the fields in which two settings differ, in their order."""
    return [f.name for f in fields(before) if getattr(before, f.name) != getattr(after, f.name)]


def setting_mistake(error: InvalidField) -> str:
    """Return what the operator reads about a setting that cannot be; empty: not of a setting."""
    if error.rule == "unknown-setting":
        known = "、".join(option_name(field) for field in TERMS)
        return f"「{error.field}」という設定はありません。名前=値 と書いてください。名前: {known}"
    term = TERMS.get(error.field, error.field)
    if error.rule.startswith("one-of:"):
        return f"{term}の値は、{error.rule.removeprefix('one-of:')} のどれかにしてください。"
    words = _MISTAKES.get(error.rule)
    return f"{term}{words}" if words else ""


_MISTAKES: Final = MappingProxyType(
    {
        "on-or-off": "の値は、on か off にしてください。",
        "only-without-clinical": (
            "は、診療情報を利用しないときだけ利用できます。"
            "clinical=on にするときは、medication=off も書いてください。"
        ),
        "needs-electronic-prescription": (
            "は、電子処方箋を利用するときだけ利用できます。"
            "electronic-prescription=on も書いてください。"
        ),
        "pharmacy-only": "は、薬局だけの設定です。",
        "not-for-pharmacy": "は、医科・歯科・訪問看護の設定です。薬局では変えられません。",
    }
)
