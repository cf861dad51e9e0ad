"""環境設定情報 on the command line: what an operator may type, and what is said about it."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from zaitaku.core.errors import InvalidField
from zaitaku.facilities.model import EnvironmentSettings
from zaitaku.facilities.words import TERMS, Value, value_words

_SWITCH: Final = MappingProxyType({"on": True, "off": False})


def option_name(field: str) -> str:
    """Return how a setting is written on the command line."""
    return field.replace("_", "-")


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
        "needs-prescription-use": (
            "を「資格確認時に確認する」にできるのは、電子処方箋利用区分が「利用しない」でないとき"
            "だけです。prescription-use も書いてください。"
        ),
        "pharmacy-only": "は、薬局だけの設定です。",
        "not-for-pharmacy": "は、医科・歯科・訪問看護の設定です。薬局では変えられません。",
        "pilot-only": (
            "は、PMHの先行実施に参加している医療機関等だけの設定です。"
            "参加したときは、zaitaku facility change で --subsidy-pilot を付けてください。"
        ),
        "after-application": (
            "は、利用申請をして、開始日になってから設定できます。"
            "開始日は、zaitaku facility change の --chart-sharing-from で登録します。"
        ),
    }
)
