"""The question of the 受診日 (online channel only)."""

from dataclasses import replace
from typing import Final

from zaitaku.blueprints.edge import services
from zaitaku.blueprints.i18n import mark, page_text
from zaitaku.blueprints.patient import presenters as show
from zaitaku.blueprints.patient.forms import VisitForm
from zaitaku.blueprints.patient.journey import Visit, VisitKind, visit_fields
from zaitaku.blueprints.patient.room import blueprint
from zaitaku.blueprints.patient.stepping import (
    Answer,
    answering,
    opened,
    page_of,
    refused_page_of,
    require_open,
    take,
)
from zaitaku.blueprints.patient.steps import Situation, StepName
from zaitaku.blueprints.patient.visit_dates import FIELD, TypedDate
from zaitaku.core.clock import japan_date
from zaitaku.core.errors import InvalidField
from zaitaku.core.ids import JourneyId

_TEMPLATE: Final = "patient/visit.html"
VISIT_ERRORS: Final = {
    "choice": mark("どちらの診療かを選んでください。"),
    "required": mark("オンライン診療の受診日を、年・月・日の欄に入力してください。"),
    "no-such-day": mark("受診日の年・月・日を、もう一度お確かめください。例：2026年12月1日"),
    "past": mark("受診日が過ぎています。今日か、今日より後の日を入力してください。"),
    "too-far": mark("受診日が1年より先になっています。1年以内の日を入力してください。"),
}


@blueprint.route("/j/<string:journey>/visit", methods=["GET", "POST"])
def visit(journey: str) -> Answer:
    """Ask for the 受診日 (online channel only), unless the booking's own link has fixed it."""
    form = VisitForm(VisitKind)
    # Looked at before anything is written: a day where none is asked would spoil the document.
    look = answering if form.is_submitted() else opened
    situation = look(JourneyId(journey), StepName.VISIT)
    typed = TypedDate(**form.typed_date())
    error = None
    if form.validate_on_submit():
        try:
            fields = visit_fields(_read_visit(VisitKind(form.answer.data), typed))
            return take(situation.journey.id, StepName.VISIT, fields)
        except InvalidField as failure:
            error = failure
    return _visit_page(situation, form, typed, error)


def _read_visit(kind: VisitKind, typed: TypedDate) -> Visit:
    today = japan_date(services().clock.now())
    return Visit(kind, today if kind is VisitKind.WALK_IN else typed.read(today))


def _visit_page(
    situation: Situation, form: VisitForm, typed: TypedDate, failure: InvalidField | None
) -> Answer:
    require_open(StepName.VISIT, situation)
    kept = situation.journey.visit
    value = form.answer.data or (kept.kind if kept else "")
    if form.is_submitted():
        return _refused(situation, typed, value, failure.rule if failure else "choice")
    day = _offered_day(situation)
    own = {
        "day.year": day.year,
        "day.month": day.month,
        "day.day": day.day,
        "example": show.day_text(situation.today),
    }
    return page_of(
        _TEMPLATE, situation, StepName.VISIT, own, options=show.options(VisitKind), value=value
    )


def _refused(situation: Situation, typed: TypedDate, value: str, rule: str) -> Answer:
    message = page_text(VISIT_ERRORS[rule])
    field = "answer" if rule == "choice" else f"{FIELD}-year"
    return refused_page_of(
        _TEMPLATE,
        situation,
        StepName.VISIT,
        errors=[{"field": field, "message": message}],
        kind_error=message if rule == "choice" else "",
        date_error=message if rule != "choice" else "",
        options=show.options(VisitKind),
        value=value,
        day=typed,
        example=show.day_text(situation.today),
    )


def _offered_day(situation: Situation) -> TypedDate:
    kept = situation.journey.visit
    if kept and kept.kind is VisitKind.ONLINE:
        return TypedDate.of(kept.day)
    return replace(TypedDate.of(situation.today), month="", day="")
