"""The questions of the wizard, one page each."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from flask import redirect

from zaitaku.blueprints.edge import services, the_app, the_request
from zaitaku.blueprints.i18n import current_language, mark, page_text
from zaitaku.blueprints.patient import journeys
from zaitaku.blueprints.patient import presenters as show
from zaitaku.blueprints.patient.forms import CheckForm, ChoiceForm, Form
from zaitaku.blueprints.patient.journey import (
    ITEM_PREFIX,
    MODE_DECISIONS,
    ChoiceMode,
    Preparation,
    mode_fields,
)
from zaitaku.blueprints.patient.paths import path_of
from zaitaku.blueprints.patient.room import blueprint
from zaitaku.blueprints.patient.stepping import (
    Answer,
    address_of,
    back_of_item,
    lead_on,
    opened,
    opened_now,
    page_of,
    refused_page_of,
    take,
)
from zaitaku.blueprints.patient.steps import Situation, StepName, first_open, is_open
from zaitaku.consent.model import ConsentItem, Decision, Operator
from zaitaku.consent.state import is_full_refusal
from zaitaku.core.errors import NotFound
from zaitaku.core.ids import JourneyId


@dataclass(frozen=True)
class ChoicePage:
    """A page with one choice: its template, its answers, what is said when none is chosen."""

    name: StepName
    template: str
    choices: type[StrEnum]
    missing: str
    kept: Callable[[Situation], str]
    is_offered: Callable[[str], bool] = lambda _: True

    @property
    def offered(self) -> list[StrEnum]:
        """The answers that this deployment offers."""
        return [choice for choice in self.choices if self.is_offered(choice)]


def _kept_preparation(part: Preparation) -> Callable[[Situation], str]:
    return lambda situation: "yes" if part in situation.journey.prepared else ""


def _kept_way(situation: Situation) -> str:
    is_answered = Preparation.READER in situation.journey.prepared
    return situation.journey.way if is_answered else ""


def _is_way_offered(answer: str) -> bool:
    # With an app, "only a phone" is no reason to stop; without, it gets help of its own.
    has_app = services().openid is not None
    return answer != (show.ReaderAnswer.PHONE if has_app else show.ReaderAnswer.APP)


def _kept_mode(situation: Situation) -> str:
    mode = situation.journey.mode
    if mode is None:
        return ""
    answers = set(situation.decisions.values())
    # A shortcut that no longer tells what was answered would take single answers back unseen.
    return mode if answers <= {MODE_DECISIONS.get(mode)} else ChoiceMode.EACH


CARD_PAGE: Final = ChoicePage(
    StepName.CARD_AT_HAND,
    "patient/prepare-card.html",
    show.CardAnswer,
    mark("マイナンバーカードがあるかどうかを選んでください。"),
    _kept_preparation(Preparation.CARD),
)
PIN_PAGE: Final = ChoicePage(
    StepName.PIN,
    "patient/prepare-pin.html",
    show.PinAnswer,
    mark("暗証番号がわかるかどうかを選んでください。"),
    _kept_preparation(Preparation.PIN),
)
READER_PAGE: Final = ChoicePage(
    StepName.READER,
    "patient/prepare-reader.html",
    show.ReaderAnswer,
    mark("カードを読み取る方法を選んでください。"),
    _kept_way,
    _is_way_offered,
)
OPERATOR_PAGE: Final = ChoicePage(
    StepName.OPERATOR,
    "patient/operator.html",
    Operator,
    mark("操作している人を選んでください。"),
    lambda situation: situation.journey.operator or "",
)
MODE_PAGE: Final = ChoicePage(
    StepName.CHOOSE,
    "patient/choose.html",
    ChoiceMode,
    mark("答え方を選んでください。"),
    _kept_mode,
)
ITEM_PAGE: Final = ChoicePage(
    StepName.ITEMS,
    "patient/item.html",
    Decision,
    mark("「同意する」か「同意しない」のどちらかを選んでください。"),
    lambda _: "",
)
HELP_TOPICS: Final[Mapping[type[StrEnum], Mapping[str, str]]] = {
    show.CardAnswer: {show.CardAnswer.NO: "card"},
    show.PinAnswer: {
        show.PinAnswer.FORGOTTEN: "pin",
        show.PinAnswer.NONE: "card-without-pin",
    },
    show.ReaderAnswer: {show.ReaderAnswer.PHONE: "phone", show.ReaderAnswer.NO: "reader"},
}
"""Each answer that needs help first, by the kind of the answer."""


@blueprint.route("/j/<string:journey>/prepare", methods=["GET", "POST"])
def prepare(journey: str) -> Answer:
    """Ask whether the card is at hand."""
    return _preparation(JourneyId(journey), CARD_PAGE, Preparation.CARD)


@blueprint.route("/j/<string:journey>/prepare/pin", methods=["GET", "POST"])
def prepare_pin(journey: str) -> Answer:
    """Ask whether the PIN is known."""
    return _preparation(JourneyId(journey), PIN_PAGE, Preparation.PIN)


@blueprint.route("/j/<string:journey>/prepare/reader", methods=["GET", "POST"])
def prepare_reader(journey: str) -> Answer:
    """Ask how the card will be read."""
    return _preparation(JourneyId(journey), READER_PAGE, Preparation.READER)


@blueprint.route("/j/<string:journey>/operator", methods=["GET", "POST"])
def operator(journey: str) -> Answer:
    """Ask who handles the screen."""
    form = ChoiceForm(Operator)
    if form.validate_on_submit():
        chosen = {"operator": Operator(form.answer.data)}
        return take(JourneyId(journey), StepName.OPERATOR, chosen)
    return _choice(JourneyId(journey), OPERATOR_PAGE, form)


@blueprint.route("/j/<string:journey>/notice", methods=["GET", "POST"])
def notice(journey: str) -> Answer:
    """Give the notice on 資格確認: it is no question."""
    if Form().validate_on_submit():
        return take(JourneyId(journey), StepName.NOTICE, {"noticed": "yes"})
    situation = opened(JourneyId(journey), StepName.NOTICE)
    wording = services().wordings.notice(current_language())
    return page_of("patient/notice.html", situation, StepName.NOTICE, {}, wording=wording)


@blueprint.route("/j/<string:journey>/choose", methods=["GET", "POST"])
def choose(journey: str) -> Answer:
    """Offer to agree to all, to none, or to decide one by one."""
    form = ChoiceForm(ChoiceMode)
    if form.validate_on_submit():
        mode = ChoiceMode(form.answer.data)
        shown = the_request().form.get("items", "").split()
        return take(JourneyId(journey), StepName.CHOOSE, mode_fields(mode, shown))
    return _choice(JourneyId(journey), MODE_PAGE, form)


@blueprint.route("/j/<string:journey>/items/<string:item>", methods=["GET", "POST"])
def items(journey: str, item: str) -> Answer:
    """Ask for one item's consent."""
    asked = _item(item)
    form = ChoiceForm(Decision)
    if form.validate_on_submit():
        return _take_item(JourneyId(journey), asked, Decision(form.answer.data))
    situation = opened(JourneyId(journey), StepName.ITEMS)
    if _has_ceased(situation, asked):
        return redirect(address_of(first_open(situation), situation), 303)
    place = _place(situation, asked)
    wording = show.wording_of(situation.questions[place])
    shared = {
        "value": form.answer.data or situation.journey.decision_of(asked) or "",
        "options": show.decision_options(),
        "wording": wording,
        "number": place + 1,
        "total": len(situation.questions),
        "is_anew": situation.journey.is_asked_anew(asked),
    }
    return _answered(ITEM_PAGE, situation, form, shared, {"back": back_of_item(situation, place)})


@blueprint.route("/j/<string:journey>/check", methods=["GET", "POST"])
def check(journey: str) -> Answer:
    """Show every answer before the card is read."""
    id_ = JourneyId(journey)
    form = CheckForm()
    if not form.validate_on_submit():
        return _check_page(opened_now(id_, StepName.CHECK), is_stale=False)
    language = current_language()
    confirmed = {"checked": form.revision.data, "checked_language": language.value}
    situation = journeys.situation_of(journeys.answer(id_, confirmed))
    if is_open(StepName.CARD, situation):
        return redirect(path_of("card", journey=id_), 303)
    if not is_open(StepName.CHECK, situation):
        return redirect(address_of(first_open(situation), situation), 303)
    return _check_page(situation, is_stale=True), 409


def _preparation(id_: JourneyId, page: ChoicePage, part: Preparation) -> Answer:
    form = ChoiceForm(page.offered)
    if not form.validate_on_submit():
        return _choice(id_, page, form)
    topic = HELP_TOPICS[page.choices].get(form.answer.data)
    if topic:
        return redirect(path_of("help_page", journey=id_, topic=topic), 303)
    way = {"way": form.answer.data} if part is Preparation.READER else {}
    return take(id_, page.name, {part.value: "yes", **way})


def _take_item(id_: JourneyId, item: ConsentItem, decision: Decision) -> Answer:
    journey = journeys.answer(id_, {ITEM_PREFIX + item: decision})
    situation = journeys.remembered(journey)
    if _has_ceased(situation, item):
        return redirect(address_of(first_open(situation), situation), 303)
    place = _place(situation, item)
    one_by_one = journey.mode is ChoiceMode.EACH and "change" not in the_request().args
    if one_by_one and place + 1 < len(situation.asked):
        following = situation.asked[place + 1].value
        return the_app().redirect(path_of("items", journey=id_, item=following), 303)
    return lead_on(StepName.ITEMS, situation)


def _item(name: str) -> ConsentItem:
    try:
        return ConsentItem(name)
    except ValueError as error:
        raise NotFound("item") from error


def _has_ceased(situation: Situation, item: ConsentItem) -> bool:
    """Tell whether the facility has ceased to ask it since the patient was shown what is asked."""
    return item in situation.journey.shown and item not in situation.asked


def _place(situation: Situation, item: ConsentItem) -> int:
    if item in situation.asked:
        return situation.asked.index(item)
    raise NotFound("item not asked")


def _choice(id_: JourneyId, page: ChoicePage, form: ChoiceForm) -> Answer:
    # What is asked may have changed: the page that says what, and gives the choice, looks anew.
    situation = (opened_now if page is MODE_PAGE else opened)(id_, page.name)
    shared = {
        "value": form.answer.data or page.kept(situation),
        "options": show.options(page.offered),
        **(what_is_chosen(situation) if page is MODE_PAGE else {}),
    }
    return _answered(page, situation, form, shared, {})


def what_is_chosen(situation: Situation) -> dict[str, Hashable]:
    """Return what the page of the choice names: the items, and their texts."""
    return {"asked": situation.asked, "wordings": show.wordings_of(situation)}


def _answered(
    page: ChoicePage,
    situation: Situation,
    form: Form,
    shared: Mapping[str, Hashable],
    own: Mapping[str, str],
) -> Answer:
    if not form.is_submitted():
        return page_of(page.template, situation, page.name, own, **shared)
    message = page_text(page.missing)
    errors = [{"field": "answer", "message": message}]
    values = {**shared, **own, "errors": errors, "error": message}
    return refused_page_of(page.template, situation, page.name, **values)


def _check_page(situation: Situation, *, is_stale: bool) -> str | bytes:
    language = current_language()
    own = {
        "revision": situation.revision(language),
        **{f"answers.{name}": text for name, text in show.check_answers(situation).items()},
        **{f"changes.{name}": page for name, page in show.check_changes(situation).items()},
    }
    return page_of(
        "patient/check.html",
        situation,
        StepName.CHECK,
        own,
        rows=show.check_rows(situation),
        notice=services().wordings.notice(language),
        has_visit=situation.journey.visit is not None,
        is_full_refusal=is_full_refusal(situation.decisions.values()),
        is_stale=is_stale,
    )
