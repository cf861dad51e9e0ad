"""The patient's pages as they will be: the real templates, without a journey and without a card.

Nothing is kept and nothing is registered. A preview's forms lead to the next page, whatever was
chosen; the last page says that a card would be read here.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from flask import g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from zaitaku.accounts.model import Permission
from zaitaku.blueprints.console.room import blueprint
from zaitaku.blueprints.console.settings_drafts import find_draft
from zaitaku.blueprints.console.urls import CHANNEL
from zaitaku.blueprints.edge import services
from zaitaku.blueprints.i18n import current_language
from zaitaku.blueprints.patient import presenters as show
from zaitaku.blueprints.patient import step_views as asked
from zaitaku.blueprints.patient.background import Background
from zaitaku.blueprints.patient.forms import Form
from zaitaku.blueprints.patient.journey import ITEM_PREFIX, ChoiceMode, Journey, VisitKind
from zaitaku.blueprints.patient.steps import PresentSituation
from zaitaku.blueprints.patient.visit_dates import TypedDate
from zaitaku.blueprints.permissions import current_staff, requires
from zaitaku.consent.model import Decision, Operator
from zaitaku.core.clock import japan_date
from zaitaku.core.errors import NotFound
from zaitaku.core.ids import JourneyId
from zaitaku.core.languages import Language
from zaitaku.facilities.model import Channel, Facility
from zaitaku.reception.model import ReceptionContext

ENTRY: Final = "entry"
CHECK: Final = "check"
_CHOICES: Final = {
    "card-at-hand": asked.CARD_PAGE,
    "pin": asked.PIN_PAGE,
    "reader": asked.READER_PAGE,
    "operator": asked.OPERATOR_PAGE,
    "choose": asked.MODE_PAGE,
}


@dataclass(frozen=True)
class Preview:
    """One channel's pages under some settings; ``draft`` names those that are not saved."""

    situation: PresentSituation
    draft: str

    @property
    def channel(self) -> Channel:
        """Whose pages they are."""
        return self.situation.context.channel

    @property
    def is_off(self) -> bool:
        """Whether patients would read that the channel is not in use."""
        return not self.situation.context.facility.settings.is_on(self.channel)

    @property
    def names(self) -> list[str]:
        """The pages in the order of walking."""
        visit = ["visit"] if self.channel is Channel.ONLINE else []
        items = [f"item-{question.item}" for question in self.situation.questions]
        before = [ENTRY, "card-at-hand", "pin", "reader", "operator", *visit, "notice", "choose"]
        return [*before, *items, CHECK]

    def address(self, name: str) -> str:
        """Return where a page of this preview is."""
        return url_for(
            "console.preview",
            channel=self.channel.value,
            shown=name,
            draft=self.draft or None,
            lang=current_language().value if "lang" in request.args else None,
        )

    def beside(self, name: str, step: int) -> str:
        """Return the address of the page before or after ``name``; empty at the ends."""
        place = self.names.index(name) + step
        return self.address(self.names[place]) if 0 <= place < len(self.names) else ""

    @property
    def leave(self) -> str:
        """Where the preview was opened."""
        if self.draft:
            return url_for("console.check_settings", draft=self.draft)
        return url_for("console.environment_settings")


@dataclass(frozen=True)
class Bar:
    """The strip above a previewed page."""

    number: int
    total: int
    is_unsaved: bool
    is_last: bool
    previous: str
    following: str
    leave: str


@blueprint.get(f"/environment-settings/preview/{CHANNEL}/<string:shown>")
@requires(Permission.CHANGE_ENVIRONMENT_SETTINGS)
def preview(channel: str, shown: str) -> str | Response:
    """Show one of the patient's pages."""
    found = _preview(Channel(channel))
    if found is None:
        return redirect(url_for("console.environment_settings", gone="yes"), HTTPStatus.SEE_OTHER)
    if found.is_off:
        return render_template("console/preview_off.html", preview=found)
    if shown not in found.names:
        raise NotFound("page of the preview")
    g.language = _language()
    return _render(found, shown)


@blueprint.post(f"/environment-settings/preview/{CHANNEL}/<string:shown>")
@requires(Permission.CHANGE_ENVIRONMENT_SETTINGS)
def walk_preview(channel: str, shown: str) -> Response:
    """Lead to the next page; what was chosen is looked at by nobody."""
    found = _preview(Channel(channel))
    if found is None or shown not in found.names:
        return redirect(url_for("console.environment_settings", gone="yes"), HTTPStatus.SEE_OTHER)
    following = found.beside(shown, 1) or found.leave
    return redirect(following, HTTPStatus.SEE_OTHER)


def _preview(channel: Channel) -> Preview | None:
    facility = current_staff().facility
    named = request.args.get("draft", "")
    if not named:
        return Preview(_situation(facility, channel), "")
    try:
        draft = find_draft(UUID(named))
    except ValueError:
        draft = None
    if draft is None:
        return None
    changed = replace(facility, settings=draft.settings)
    return Preview(_situation(changed, channel), str(draft.id))


def _situation(facility: Facility, channel: Channel) -> PresentSituation:
    """Return a journey that nobody makes: everything is answered, as an example."""
    version = services().reception.show(facility.id, channel).current
    context = ReceptionContext(facility, channel, version, is_current=True)
    background = Background.of(context)
    today = japan_date(services().clock.now())
    answers = {
        "version": str(version.id),
        "operator": Operator.SELF.value,
        "mode": ChoiceMode.EACH.value,
        "visit_kind": VisitKind.ONLINE.value,
        "visit_date": today.isoformat(),
        **{ITEM_PREFIX + item: Decision.GRANT.value for item in background.asked},
    }
    return PresentSituation(
        journey=Journey.from_fields(JourneyId("preview"), answers),
        background=background,
        today=today,
        wording_of=services().wordings.current,
        context=context,
    )


def _language() -> Language:
    wanted = request.args.get("lang", "")
    return Language(wanted) if wanted in set(Language) else Language.JAPANESE


def _render(found: Preview, name: str) -> str:
    bar = Bar(
        number=found.names.index(name) + 1,
        total=len(found.names),
        is_unsaved=bool(found.draft),
        is_last=name == CHECK,
        previous=found.beside(name, -1),
        following=found.beside(name, 1),
        leave=found.leave,
    )
    template, values = _page(found, name)
    return render_template(
        template,
        preview=bar,
        situation=found.situation,
        context=found.situation.context,
        facility=found.situation.context.facility,
        has_app=services().openid is not None,
        form=Form(is_fresh=True),
        errors=[],
        error="",
        back=bar.previous,
        **values,
    )


def _page(found: Preview, name: str) -> tuple[str, dict[str, Any]]:
    if name in _CHOICES:
        return _choice(found, name)
    if name.startswith("item-"):
        return _item(found, name)
    return _PAGES[name](found)


def _choice(found: Preview, name: str) -> tuple[str, dict[str, Any]]:
    page = _CHOICES[name]
    options = show.options(page.offered)
    chosen = asked.what_is_chosen(found.situation) if page is asked.MODE_PAGE else {}
    return page.template, {"options": options, "value": "", **chosen}


def _item(found: Preview, name: str) -> tuple[str, dict[str, Any]]:
    questions = found.situation.questions
    place = [f"item-{question.item}" for question in questions].index(name)
    return "patient/item.html", {
        "options": show.decision_options(),
        "value": "",
        "wording": show.wordings_of(found.situation)[place],
        "number": place + 1,
        "total": len(questions),
    }


def _entry(found: Preview) -> tuple[str, dict[str, Any]]:
    return "patient/entry.html", {
        "channel_name": show.CHANNEL_NAMES[found.channel],
        "is_online": found.channel is Channel.ONLINE,
        "visit_day": "",
        "is_date_refused": False,
    }


def _visit(found: Preview) -> tuple[str, dict[str, Any]]:
    today = found.situation.today
    return "patient/visit.html", {
        "options": show.options(VisitKind),
        "value": "",
        "kind_error": "",
        "date_error": "",
        "day": TypedDate.of(today),
        "example": show.day_text(today),
    }


def _notice(_found: Preview) -> tuple[str, dict[str, Any]]:
    return "patient/notice.html", {"wording": services().wordings.notice(current_language())}


def _check(found: Preview) -> tuple[str, dict[str, Any]]:
    steps = [name for name in found.names if name.startswith(("operator", "visit", "item-"))]
    rows = show.check_rows(found.situation)
    return "patient/check.html", {
        "rows": rows,
        "answers": show.check_answers(found.situation),
        "changes": {row.name: found.address(step) for row, step in zip(rows, steps, strict=True)},
        "notice": services().wordings.notice(current_language()),
        "revision": found.situation.revision(current_language()),
        "is_full_refusal": False,
        "is_stale": False,
    }


_PAGES: Final[dict[str, Callable[[Preview], tuple[str, dict[str, Any]]]]] = {
    ENTRY: _entry,
    "visit": _visit,
    "notice": _notice,
    CHECK: _check,
}
