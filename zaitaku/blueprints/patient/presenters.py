"""The words and rows that the wizard's templates show."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final

from flask import url_for
from markupsafe import Markup

from zaitaku.blueprints.edge import services
from zaitaku.blueprints.i18n import current_language, mark, page_text
from zaitaku.blueprints.patient import dates
from zaitaku.blueprints.patient.journey import ChoiceMode, VisitKind
from zaitaku.blueprints.patient.steps import Situation, StepName
from zaitaku.consent.document import ConsentDocument
from zaitaku.consent.model import Decision, Operator, Question, Receipt, Wording
from zaitaku.core import ruby
from zaitaku.facilities.model import Channel


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
    action: dict[str, Any] | None = None
    wording: Wording | None = None


def options(values: Iterable[StrEnum]) -> list[dict[str, Any]]:
    """Return radio buttons for ``values``."""
    return [
        {
            "value": value.value,
            "label": label_of(value),
            "hint": _hint_of(value),
        }
        for value in values
    ]


def label_of(value: StrEnum) -> Markup:
    """Return the words of one answer."""
    return page_text(LABELS[type(value)][value][0])


def _hint_of(value: StrEnum) -> Markup | str:
    hint = LABELS[type(value)][value][1]
    return page_text(hint) if hint else ""


def decision_options() -> list[dict[str, Any]]:
    """Return the two answers to a consent question, in their published words."""
    return [{"value": decision.value, "label": decision_text(decision)} for decision in Decision]


def decision_text(decision: Decision) -> Markup:
    """Return 同意する / 同意しない in the present language."""
    return ruby.markup(services().wordings.answer(decision, current_language()))


def day_text(day: date) -> Markup:
    """Return ``day`` in the present language."""
    return ruby.markup(dates.day_text(day, current_language()))


def moment_text(moment: datetime) -> Markup:
    """Return ``moment`` in the present language, in Japan's time."""
    return ruby.markup(dates.moment_text(moment, current_language()))


def clock_text(moment: datetime) -> Markup:
    """Return the time of day in Japan, in the present language."""
    return ruby.markup(dates.clock_text(moment, current_language()))


def wordings_of(situation: Situation) -> list[Wording]:
    """Return the texts of all questions in the present language, in the order of asking."""
    language = current_language()
    return [
        services().wordings.current(question.wording_id, language)
        for question in situation.questions
    ]


def check_rows(situation: Situation) -> list[Row]:
    """Return every answer with the link that changes it."""
    rows = [_operator_row(situation)]
    if situation.context.channel is Channel.ONLINE:
        rows.append(_visit_row(situation))
    return rows + [_item_row(situation, question) for question in situation.questions]


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
    return [*rows, Row(page_text("同意の期限"), validity_text(receipt))]


def validity_text(receipt: Receipt) -> Markup:
    """Say until when the consent holds."""
    if receipt.last_day:
        return page_text("%(day)s まで", day=day_text(receipt.last_day))
    return page_text("取り消すまで続きます")


def _operator_row(situation: Situation) -> Row:
    operator = situation.journey.operator or Operator.SELF
    return Row(
        page_text("操作している人"),
        label_of(operator),
        _change(situation, StepName.OPERATOR, page_text("（操作している人）")),
    )


def _visit_row(situation: Situation) -> Row:
    visit = situation.journey.visit
    if visit is None:
        return Row(page_text("受診日"), "")
    action = _change(situation, StepName.VISIT, page_text("（受診日）"))
    return Row(
        page_text("受診日"), visit_value(visit.kind, visit.day), None if visit.fixed else action
    )


def _item_row(situation: Situation, question: Question) -> Row:
    wording = services().wordings.current(question.wording_id, current_language())
    decision = situation.journey.decision_of(question.item)
    hidden = page_text("（%(item)s）", item=ruby.markup(wording.label))
    return Row(
        ruby.markup(wording.label),
        decision_text(decision) if decision else "",
        _change(situation, StepName.ITEMS, hidden, question.item.value),
        wording,
    )


def _change(
    situation: Situation, name: StepName, hidden: str, item: str | None = None
) -> dict[str, Any]:
    address = url_for(f"patient.{name}", journey=situation.journey.id, item=item, change="yes")
    return {"href": address, "label": page_text("変更"), "hidden": hidden}
