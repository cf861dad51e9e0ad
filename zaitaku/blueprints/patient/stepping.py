"""How the wizard moves: which page may be shown, what comes next, what came before."""

from collections.abc import Hashable, Mapping

from flask import abort, redirect, render_template
from werkzeug.wrappers import Response

from zaitaku.blueprints.edge import services, the_app, the_request
from zaitaku.blueprints.pages import page
from zaitaku.blueprints.patient import journeys
from zaitaku.blueprints.patient.errors import JourneyFinished
from zaitaku.blueprints.patient.journey import Journey
from zaitaku.blueprints.patient.paths import path_of
from zaitaku.blueprints.patient.presenters import facility_values
from zaitaku.blueprints.patient.steps import (
    BY_NAME,
    PresentSituation,
    Situation,
    StepName,
    after,
    before,
    first_open,
    is_open,
    undecided,
)
from zaitaku.core.ids import JourneyId

Answer = str | bytes | Response | tuple[str | bytes, int]
"""What a view gives back."""


def opened(id_: JourneyId, name: StepName) -> Situation:
    """Return the remembered situation for the page of ``name``, or lead to where it stands."""
    situation = journeys.remembered(_under_way(id_))
    require_open(name, situation)
    return situation


def opened_now(id_: JourneyId, name: StepName) -> PresentSituation:
    """Return the present situation for the page of ``name``, or lead to where it stands."""
    situation = journeys.situation_of(_under_way(id_))
    require_open(name, situation)
    return situation


def _under_way(id_: JourneyId) -> Journey:
    journey = journeys.load(id_)
    if journey.registered:
        abort(redirect(path_of("done", journey=id_), 303))
    return journey


def require_open(name: StepName, situation: Situation) -> None:
    """Lead to where the journey stands unless the page of ``name`` may be shown."""
    if not is_open(name, situation):
        abort(redirect(address_of(first_open(situation), situation), 303))


def answering(id_: JourneyId, name: StepName) -> Situation:
    """Return the situation before an answer to ``name`` is kept, if ``name`` is asked at all.

    Raises:
        JourneyFinished: the journey is registered.
    """
    journey = journeys.load(id_)
    if journey.registered:
        raise JourneyFinished
    situation = journeys.remembered(journey)
    if not BY_NAME[name].applies(situation):
        require_open(name, situation)
    return situation


def address_of(name: StepName, situation: Situation) -> str:
    """Return the address of a step's page; of the items, the first undecided one's."""
    id_ = situation.journey.id
    if name is not StepName.ITEMS:
        return path_of(name, journey=id_)
    item = (undecided(situation) or situation.asked)[0]
    path = path_of("items", journey=id_, item=item)
    # Everything else was answered: whoever is asked once more goes on to the check page.
    return f"{path}?change=yes" if situation.journey.is_asked_anew(item) else path


def take(id_: JourneyId, name: StepName, fields: Mapping[str, str]) -> Response:
    """Keep an answer to the step ``name`` and lead to the next page."""
    return lead_on(name, journeys.remembered(journeys.answer(id_, fields)))


def lead_on(name: StepName, situation: Situation) -> Response:
    """Lead to the page after the step ``name``; after a change, to the check page.

    Where that page may not be shown yet, it leads to where the journey stands.
    """
    following = StepName.CHECK if "change" in the_request().args else after(name, situation)
    return the_app().redirect(address_of(following, situation), 303)


def page_of(
    template: str,
    situation: Situation,
    name: StepName,
    own: Mapping[str, str],
    **shared: Hashable,
) -> str | bytes:
    """Return a step's page; ``own`` values are its patient's, the others anybody's.

    What a patient has sent belongs into ``refused_page_of``.
    """
    values = {**facility_values(situation.background), **own}
    if "back" not in own:
        values["back"] = _back(name, situation)
    return page(template, values, has_app=services().openid is not None, **shared)


def refused_page_of(
    template: str, situation: Situation, name: StepName, **values: object
) -> tuple[str, int]:
    """Return a step's page with what is wrong in what the patient has sent."""
    if "back" not in values:
        values["back"] = _back(name, situation)
    return render_template(template, facility=situation.background, **values), 422


def _back(name: StepName, situation: Situation) -> str:
    if "change" in the_request().args:
        return path_of("check", journey=situation.journey.id)
    earlier = before(name, situation)
    if earlier is None:
        return _entry(situation) + _fixed_day(situation)
    if earlier is StepName.ITEMS:
        last = situation.questions[-1].item.value
        return path_of("items", journey=situation.journey.id, item=last)
    return address_of(earlier, situation)


def _fixed_day(situation: Situation) -> str:
    visit = situation.journey.visit
    return f"?date={visit.day.isoformat()}" if visit and visit.fixed else ""


def _entry(situation: Situation) -> str:
    return services().reception.path(situation.background.handle)


def back_of_item(situation: Situation, place: int) -> str:
    """Return the page before the question at ``place``."""
    id_ = situation.journey.id
    # The check page would only lead back to a question that it waits for.
    is_waited_for = situation.journey.is_asked_anew(situation.asked[place])
    if "change" in the_request().args and not is_waited_for:
        return path_of("check", journey=id_)
    if not place:
        return path_of("choose", journey=id_)
    earlier = situation.questions[place - 1].item.value
    return path_of("items", journey=id_, item=earlier)
