"""環境設定情報更新 as data: what the form shows, what each setting does, how it is read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from zaitaku.core.errors import InvalidField
from zaitaku.facilities.errors import UnprintableCharacters
from zaitaku.facilities.mistakes import named_characters
from zaitaku.facilities.model import EnvironmentSettings, PrescriptionTiming, PrescriptionUse
from zaitaku.facilities.names import NAME_CHARACTERS, check_display_name
from zaitaku.facilities.offers import Offer
from zaitaku.facilities.words import TERMS, Value, value_words

_INITIAL: Final = MappingProxyType(EnvironmentSettings().to_mapping())
_ON_OFF: Final = MappingProxyType({"on": True, "off": False})
_KEPT: Final = "連携するシステムのために、値を保存しておく設定です。"
_NOT_ASKED: Final = f"{_KEPT}この受付では、処方箋について、まだ患者さんにたずねません。"
"""Domain.md §4 has these settings; nothing here acts on them yet, and the form says so."""


@dataclass(frozen=True)
class Field:
    """One setting on the form."""

    name: str
    effect: str
    """What it does, and what it depends on."""

    @property
    def term(self) -> str:
        """The manual's name of the setting."""
        return TERMS[self.name]

    @property
    def is_text(self) -> bool:
        """Whether it is typed; all others are chosen."""
        return not isinstance(_INITIAL[self.name], bool | StrEnum)

    @property
    def hint(self) -> str:
        """The effect, and the initial value."""
        initial = value_words(_INITIAL[self.name]).strip("（）")
        return f"{self.effect}（初期値：{initial}）"

    @property
    def options(self) -> list[dict[str, str]]:
        """The radio buttons."""
        initial = _INITIAL[self.name]
        if isinstance(initial, StrEnum):
            return [{"value": each.value, "label": value_words(each)} for each in type(initial)]
        return [{"value": typed, "label": value_words(value)} for typed, value in _ON_OFF.items()]


@dataclass(frozen=True)
class Section:
    """Settings that belong together."""

    title: str
    fields: tuple[Field, ...]


SECTIONS: Final = (
    Section(
        "受付の機能",
        (
            Field(
                "home_visit",
                "訪問診療などの患者さんから同意を受け付けます。利用するときは、利用規約への同意が"
                "要ります。利用しないあいだ、患者さん用のURLでは、お休みの画面が出ます。",
            ),
            Field(
                "online",
                "オンライン診療などの患者さんから同意を受け付けます。利用するときは、利用規約への"
                "同意が要ります。利用しないあいだ、患者さん用のURLでは、お休みの画面が出ます。",
            ),
            Field(
                "display_name",
                f"患者さんの画面とポスターに出る名前です。{NAME_CHARACTERS}文字まで。"
                "空にすると、登録されている施設名が出ます。",
            ),
        ),
    ),
    Section(
        "患者さんにたずねること",
        (
            Field(
                "surgery",
                "過去の手術情報の閲覧に同意するかどうかを、患者さんにたずねます。傷病名・感染症情報は、"
                "電子カルテ情報共有サービスを利用するときだけ含みます。",
            ),
            Field(
                "clinical",
                "診療情報と薬剤情報の閲覧に同意するかどうかを、一つの質問でたずねます。利用するときは、"
                "薬剤情報を「利用しない」にしてください。（　）の中は、電子カルテ情報共有サービスを"
                "利用するときだけ含みます。",
            ),
            Field(
                "medication",
                "薬剤情報の閲覧に同意するかどうかをたずねます。診療情報を「利用しない」にしているときだけ"
                "利用できます。処方情報は、電子カルテ情報共有サービスを利用するときだけ含みます。",
            ),
            Field("checkup", "特定健診情報の閲覧に同意するかどうかをたずねます。"),
            Field(
                "specific_disease",
                "特定疾病療養受療証を資格確認の画面に表示してよいかどうかをたずねます。",
            ),
            Field(
                "chart_sharing",
                "手術・診療・薬剤の質問に、傷病名・感染症、アレルギー・検査、処方の情報が加わります。"
                "利用申請をして、開始日になってから設定できます。",
            ),
        ),
    ),
    Section(
        "処方箋",
        (
            Field(
                "prescription_use",
                f"{_NOT_ASKED}「利用しない」以外にすると、次の項目で「資格確認時に確認する」を"
                "選べるようになります。",
            ),
            Field(
                "prescription_timing",
                f"処方箋の発行形態を、いつ確かめるかです。{_NOT_ASKED}電子処方箋利用区分が"
                "「利用しない」のときは、「資格確認時以外で確認する」だけです。",
            ),
            Field("electronic_prescription", f"電子処方箋を受け付けるかどうかです。{_NOT_ASKED}"),
            Field(
                "refill_prescription",
                f"リフィル処方箋を受け付けるかどうかです。{_NOT_ASKED}電子処方箋を利用するときだけ"
                "利用できます。",
            ),
        ),
    ),
    Section(
        "そのほか",
        (
            Field(
                "emergency",
                f"救急のときに医療情報を閲覧するかどうかです。{_KEPT}この受付には、それをたずねる画面も、"
                "閲覧する画面も、まだありません。",
            ),
            Field("medical_assistance", "医療扶助の資格情報を表示します。"),
            Field(
                "subsidy",
                "医療費助成の資格情報を表示します。PMHの先行実施に参加している医療機関等だけの設定です。",
            ),
            Field(
                "character_set",
                "ほかのシステムとやりとりするファイル（CSVなど）の文字コードです。",
            ),
        ),
    ),
)

_MISTAKES: Final = MappingProxyType(
    {
        "only-without-clinical": "薬剤情報は、診療情報を利用しないときだけ利用できます。"
        "どちらかを「利用しない」にしてください。",
        "needs-electronic-prescription": "リフィル処方箋を利用するときは、電子処方箋も"
        "「利用する」にしてください。",
        "needs-prescription-use": "発行形態を資格確認時に確認するときは、電子処方箋利用区分を"
        "「利用しない」以外にしてください。",
        "pharmacy-only": "この設定は、薬局だけのものです。「利用しない」にしてください。",
        "not-for-pharmacy": "この設定は、医科・歯科・訪問看護だけのものです。"
        "初期値に戻してください。",
        "pilot-only": "医療費助成情報は、PMHの先行実施に参加している医療機関等だけが利用できます。"
        "「利用しない」にしてください。",
        "after-application": "電子カルテ情報共有サービスは、利用申請をして開始日になってから設定"
        "できます。「利用しない」にしてください。",
        "too-long": f"Webに表示する名前は{NAME_CHARACTERS}文字以内で入力してください。",
    }
)
_Values = Mapping[str, Any]
_CONTRADICTIONS: Final[tuple[tuple[str, str, Callable[[_Values], bool]], ...]] = (
    (
        "medication",
        "only-without-clinical",
        lambda values: values["clinical"] and values["medication"],
    ),
    (
        "refill_prescription",
        "needs-electronic-prescription",
        lambda values: values["refill_prescription"] and not values["electronic_prescription"],
    ),
    (
        "prescription_timing",
        "needs-prescription-use",
        lambda values: (
            values["prescription_timing"] is PrescriptionTiming.AT_ELIGIBILITY_CHECK
            and values["prescription_use"] is PrescriptionUse.NONE
        ),
    ),
)


def shown_sections(offer: Offer, present: EnvironmentSettings) -> list[Section]:
    """Return what this facility's form shows; what it does not have is not there."""
    kept = (
        Section(
            section.title,
            tuple(each for each in section.fields if offer.shows(each.name, present)),
        )
        for section in SECTIONS
    )
    return [section for section in kept if section.fields]


def typed_values(settings: EnvironmentSettings) -> dict[str, str]:
    """Return settings as the form's fields hold them."""
    return {name: _typed(value) for name, value in settings.to_mapping().items()}


def _typed(value: Value) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)


@dataclass(frozen=True)
class Reading:
    """What somebody sent, in the form's own words, and what is to be mended."""

    typed: Mapping[str, str]
    values: _Values
    errors: Mapping[str, str]

    def settings(self) -> EnvironmentSettings:
        """Return the settings; only where there are no errors."""
        return EnvironmentSettings(**self.values)


def read_form(
    form: Mapping[str, str], sections: list[Section], seen: EnvironmentSettings
) -> Reading:
    """Read every shown setting of ``form``; what is not shown stays as it was ``seen``."""
    names = [each.name for section in sections for each in section.fields]
    typed = {**typed_values(seen), **{name: form[name] for name in names if name in form}}
    values: dict[str, Any] = dict(seen.to_mapping())
    errors: dict[str, str] = {}
    for name in names:
        try:
            values[name] = _read(name, typed[name])
        except InvalidField as error:
            errors[name] = mistake_words(error)
    broken = {name: rule for name, rule, is_broken in _CONTRADICTIONS if is_broken(values)}
    return Reading(typed, values, {**{n: _MISTAKES[rule] for n, rule in broken.items()}, **errors})


def _read(name: str, typed: str) -> Value:
    initial = _INITIAL[name]
    if isinstance(initial, bool):
        if typed not in _ON_OFF:
            raise InvalidField(name, "choose")
        return _ON_OFF[typed]
    if not isinstance(initial, StrEnum):
        return check_display_name(typed)
    if typed not in set(type(initial)):
        raise InvalidField(name, "choose")
    return type(initial)(typed)


def mistake_words(error: InvalidField) -> str:
    """Return what the administrator reads about a setting that cannot be."""
    term = TERMS.get(error.field, error.field)
    if isinstance(error, UnprintableCharacters):
        named = named_characters(error)
        return (
            f"{term}に、ポスターに印刷できない文字があります（{named}）。別の文字にしてください。"
        )
    return _MISTAKES.get(error.rule, f"{term}を、どれか一つ選んでください。")
