"""The words and rows that the wizard's templates show."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Final

from markupsafe import Markup

from zaitaku.blueprints.edge import services
from zaitaku.blueprints.i18n import Words, current_language, mark, page_text, present_words
from zaitaku.blueprints.patient import dates
from zaitaku.blueprints.patient.background import Background
from zaitaku.blueprints.patient.journey import ChoiceMode, VisitKind
from zaitaku.blueprints.patient.paths import path_of
from zaitaku.blueprints.patient.steps import Situation, StepName
from zaitaku.consent.document import ConsentDocument
from zaitaku.consent.model import ConsentItem, Decision, Operator, Question, Receipt, Wording
from zaitaku.consent.wording import Wordings
from zaitaku.core import ruby
from zaitaku.core.languages import Language
from zaitaku.facilities.model import Channel, Facility


class PinAnswer(StrEnum):
    """Does the patient know the four-digit PIN."""

    YES = "yes"
    FORGOTTEN = "forgotten"
    NONE = "none"
    """A card without a PIN (顔認証マイナンバーカード)."""


class CardAnswer(StrEnum):
    """Is the card at hand."""

    YES = "yes"
    NO = "no"


class ReaderAnswer(StrEnum):
    """How the card will be read: a ``Way``, or none that the patient has."""

    APP = "app"
    PHONE = "phone"
    """Only a phone, where no app can read the card."""
    YES = "yes"
    NEARBY = "nearby"
    NO = "no"


CHANNEL_NAMES: Final = {
    Channel.HOME_VISIT: mark("訪問診療など"),
    Channel.ONLINE: mark("オンライン診療、通常とは異なる動線の外来"),
}
LABELS: Final[Mapping[type[StrEnum], Mapping[str, tuple[str, str]]]] = {
    CardAnswer: {
        CardAnswer.YES: (mark("はい、あります"), ""),
        CardAnswer.NO: (mark("いいえ、ありません"), ""),
    },
    PinAnswer: {
        PinAnswer.YES: (mark("はい、わかります"), ""),
        PinAnswer.FORGOTTEN: (
            mark("わかりません、または使えなくなりました"),
            mark("暗証番号を忘れたときや、3回まちがえてロックされたときです。"),
        ),
        PinAnswer.NONE: (
            mark("暗証番号のないカードです"),
            mark("顔認証マイナンバーカードのことです。カードに「顔認証」と書かれています。"),
        ),
    },
    ReaderAnswer: {
        ReaderAnswer.APP: (
            mark("スマートフォンのアプリで読み取ります"),
            mark("「デジタル認証アプリ」などを使います。カードリーダーは要りません。"),
        ),
        ReaderAnswer.PHONE: (mark("スマートフォンしかありません"), ""),
        ReaderAnswer.YES: (
            mark("このパソコンのカードリーダーで読み取ります"),
            mark("読み取りアプリも要ります。カードリーダーは、カードを読み取る機械です。"),
        ),
        ReaderAnswer.NEARBY: (
            mark("近くにある別のパソコンで読み取ります"),
            mark("そのパソコンに、カードリーダーと読み取りアプリがあるときです。"),
        ),
        ReaderAnswer.NO: (mark("ありません、またはよくわかりません"), ""),
    },
    Operator: {
        Operator.SELF: (mark("本人"), mark("診療を受ける方が、ご自分で操作しています。")),
        Operator.LEGAL_REPRESENTATIVE: (
            mark("法定代理人"),
            mark("15歳未満のお子さんの親や、成年後見人などの方です。"),
        ),
        Operator.COMPANION: (
            mark("付き添いの人"),
            mark("本人のそばで、本人の答えを聞いて操作する方です。暗証番号は本人が入れます。"),
        ),
    },
    VisitKind: {
        VisitKind.ONLINE: (
            mark("オンライン診療"),
            mark("スマートフォンやパソコンの画面で、予約した日に受ける診療です。"),
        ),
        VisitKind.WALK_IN: (
            mark("通常とは異なる動線の外来（今日）"),
            mark("発熱外来のように、ふだんとは別の入口や場所で、今日受ける診療です。"),
        ),
    },
    ChoiceMode: {
        ChoiceMode.ALL: (mark("すべて同意する"), ""),
        ChoiceMode.NONE: (mark("すべて同意しない"), ""),
        ChoiceMode.EACH: (mark("一つずつ選ぶ"), ""),
    },
}
"""Label and hint of each answer. By kind first: answers of different kinds have equal values."""


@dataclass(frozen=True)
class Row:
    """One line of a summary list."""

    key: str
    value: str


@dataclass(frozen=True, eq=False)
class Option:
    """One radio button; made once, so two that look the same are two."""

    value: str
    label: Markup
    hint: Markup | str = ""


@dataclass(frozen=True, eq=False)
class Asked:
    """One line of the check page without its answer; made once, as options are."""

    name: str
    key: Markup
    hidden: Markup
    """What the link to change it says besides, where nobody sees the line."""
    wording: Wording | None = None


def facility_values(facility: Facility | Background) -> dict[str, str]:
    """Return what each page says of its facility."""
    return {
        "facility.name": facility.name,
        "facility.phone": facility.phone,
        "facility.dial": facility.dial,
        "facility.hours": facility.hours,
    }


def options(values: Iterable[StrEnum]) -> tuple[Option, ...]:
    """Return radio buttons for ``values``, all of one kind."""
    offered = tuple(values)
    return _options(present_words(), type(offered[0]), offered)


@lru_cache
def _options(words: Words, kind: type[StrEnum], values: tuple[StrEnum, ...]) -> tuple[Option, ...]:
    texts = [(value, *LABELS[kind][value]) for value in values]
    return tuple(
        Option(value.value, words.page_text(label), words.page_text(hint) if hint else "")
        for value, label, hint in texts
    )


def label_of(value: StrEnum) -> Markup:
    """Return the words of one answer."""
    return page_text(LABELS[type(value)][value][0])


def decision_options() -> tuple[Option, ...]:
    """Return the two answers to a consent question, in their published words."""
    return _decision_options(services().wordings, current_language())


@lru_cache
def _decision_options(wordings: Wordings, language: Language) -> tuple[Option, ...]:
    texts = {decision: wordings.answer(decision, language) for decision in Decision}
    return tuple(Option(decision.value, ruby.markup(text)) for decision, text in texts.items())


def decision_text(decision: Decision) -> Markup:
    """Return 同意する / 同意しない in the present language."""
    return ruby.markup(services().wordings.answer(decision, current_language()))


def day_text(day: date) -> Markup:
    """Return ``day`` in the present language."""
    return ruby.markup(dates.day_text(day, current_language()))


def moment_text(moment: datetime) -> Markup:
    """Return ``moment`` in the present language, in Japan's time."""
    return ruby.markup(dates.moment_text(moment, current_language()))


def minutes_text(count: int) -> Markup:
    """Return how long ``count`` minutes are, in the present language."""
    return ruby.markup(dates.minutes_text(count, current_language()))


def clock_text(moment: datetime) -> Markup:
    """Return the time of day in Japan, in the present language."""
    return ruby.markup(dates.clock_text(moment, current_language()))


def wording_of(question: Question) -> Wording:
    """Return the text of a question in the present language."""
    return services().wordings.current(question.wording_id, current_language())


def wordings_of(situation: Situation) -> tuple[Wording, ...]:
    """Return the texts of all questions in the present language, in the order of asking."""
    language, current = current_language(), services().wordings.current
    return tuple(current(question.wording_id, language) for question in situation.questions)


def check_rows(situation: Situation) -> tuple[Asked, ...]:
    """Return the lines of the check page."""
    words, wordings = present_words(), wordings_of(situation)
    has_visit = situation.channel is Channel.ONLINE
    items = tuple(map(_item_row, (words for _ in wordings), situation.asked, wordings))
    return (*_rows_before_items(words, has_visit=has_visit), *items)


def check_answers(situation: Situation) -> dict[str, str]:
    """Return the answer of each line of the check page, by its name."""
    journey = situation.journey
    visit, decided = journey.visit, situation.decisions
    return {
        StepName.OPERATOR.value: label_of(journey.operator or Operator.SELF),
        StepName.VISIT.value: visit_value(visit.kind, visit.day) if visit else "",
        **{item.value: decision_text(decision) for item, decision in decided.items()},
    }


def check_changes(situation: Situation) -> dict[str, str]:
    """Return where each line of the check page is changed; a day that the link fixed, nowhere."""
    id_, visit = situation.journey.id, situation.journey.visit
    items = {item.value: path_of("items", journey=id_, item=item) for item in situation.asked}
    can_move = visit is not None and not visit.fixed
    pages = {
        StepName.OPERATOR.value: path_of("operator", journey=id_),
        StepName.VISIT.value: path_of("visit", journey=id_) if can_move else "",
        **items,
    }
    return {name: page and f"{page}?change=yes" for name, page in pages.items()}


def document_rows(document: ConsentDocument) -> list[Row]:
    """Return each choice of a document, in the words of its language."""
    wordings = services().wordings
    return [
        Row(
            ruby.markup(wordings.published(answer.wording).label),
            ruby.markup(wordings.answer(answer.decision, document.language)),
        )
        for answer in document.decisions
    ]


def visit_value(kind: VisitKind, day: date) -> Markup:
    """Return the 受診日 and what it is for."""
    return page_text("%(day)s　%(kind)s", day=day_text(day), kind=label_of(kind))


def receipt_rows(receipt: Receipt) -> list[Row]:
    """Return the head of the receipt."""
    rows = [
        Row(page_text("受付番号"), receipt.reference),
        Row(page_text("登録した日時"), moment_text(receipt.recorded_at)),
        Row(page_text("医療機関や薬局など"), receipt.facility_name),
        Row(page_text("電話番号"), receipt.facility_phone),
        Row(page_text("受ける診療"), page_text(CHANNEL_NAMES[receipt.channel])),
        Row(page_text("操作した人"), label_of(receipt.operator)),
    ]
    if receipt.visit_date:
        rows.append(Row(page_text("受診日"), day_text(receipt.visit_date)))
    if not receipt.is_empty:
        rows.append(Row(page_text("同意の期限"), validity_text(receipt)))
    return rows


def validity_text(receipt: Receipt) -> Markup:
    """Say until when the consent holds."""
    if receipt.last_day:
        return page_text("%(day)sまで", day=day_text(receipt.last_day))
    return page_text("取り消すまで続きます")


@lru_cache
def _rows_before_items(words: Words, *, has_visit: bool) -> tuple[Asked, ...]:
    operator = Asked(
        StepName.OPERATOR.value,
        words.page_text(mark("操作している人")),
        words.page_text(mark("（操作している人）")),
    )
    visit = Asked(
        StepName.VISIT.value,
        words.page_text(mark("受診日")),
        words.page_text(mark("（受診日）")),
    )
    return (operator, visit) if has_visit else (operator,)


@lru_cache
def _item_row(words: Words, item: ConsentItem, wording: Wording) -> Asked:
    label = ruby.markup(wording.label)
    hidden = words.page_text(mark("（%(item)s）"), item=label)
    return Asked(item.value, label, hidden, wording)
