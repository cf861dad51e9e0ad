"""Journeys in the short-lived store: one read per page shown, one merge per answer."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Final

from zaitaku.blueprints.edge import services, the_g, the_session
from zaitaku.blueprints.patient.background import FIELD, Background
from zaitaku.blueprints.patient.errors import JourneyFinished, JourneyGone, RegistrationUnknown
from zaitaku.blueprints.patient.journey import ITEM_PREFIX, Journey
from zaitaku.blueprints.patient.steps import PresentSituation, Situation
from zaitaku.consent.errors import NotConfirmed
from zaitaku.core.clock import japan_date
from zaitaku.core.errors import EphemeralStoreUnavailable, ZaitakuError
from zaitaku.core.ids import JourneyId, UrlVersionId, new_secret_name
from zaitaku.core.watch import Happening
from zaitaku.identity.handover_model import HandOverGone
from zaitaku.reception.errors import ChannelOff, ReceptionNotBegun, UrlRetired
from zaitaku.reception.model import Handle, ReceptionContext

log = logging.getLogger(__name__)

_BEGAN: Final = "began"
"""Where the browser's cookie keeps the public number of the URL on which it began last: when the
short-lived store has lost the journey, nothing else leads back to its facility."""


def name_browser() -> str:
    """Return the secret name that this browser's cookie carries, from now on at least."""
    session = the_session()
    name: str = session.setdefault("sid", new_secret_name())
    session.permanent = True  # a phone may end its browser during a call
    return name


def browser_name() -> str:
    """Return the secret name of this browser; empty when it has none yet."""
    name: str = the_session().get("sid", "")
    return name


def begin(context: ReceptionContext, fields: Mapping[str, str]) -> JourneyId:
    """Start a journey at the URL version of ``context`` and return its name."""
    name_browser()
    the_session()[_BEGAN] = context.version.handle
    journey = JourneyId(new_secret_name())
    lifetime = services().settings.journey_lifetime
    services().ephemeral.create(
        _key(journey),
        {"version": str(context.version.id), FIELD: Background.of(context).text(), **fields},
        lifetime,
    )
    services().watch.happened(Happening.JOURNEY, "begun")
    return journey


def where_it_began() -> str:
    """Return the path of the URL on which this browser began last; empty: on none it knows of."""
    handle = the_session().get(_BEGAN)
    return services().reception.path(Handle(handle)) if handle else ""


def load(id_: JourneyId) -> Journey:
    """Return the journey as it stands.

    Raises:
        JourneyGone: none lives under this name in this session.
    """
    return _found(id_, services().ephemeral.read(_key(id_)))


def answer(id_: JourneyId, fields: Mapping[str, str]) -> Journey:
    """Write answers and return the journey as it stands then.

    A hand-over that reads a card for what was answered before is over: it is cancelled.

    Raises:
        JourneyGone: none lives under this name in this session.
        JourneyFinished: it is registered; its record is not touched by what was written.
    """
    journey = note(id_, fields)
    if journey.hand_over:
        with suppress(HandOverGone):
            services().hand_overs.cancel(services().hand_overs.find(journey.hand_over))
    return journey


def note(id_: JourneyId, fields: Mapping[str, str]) -> Journey:
    """Write what is no answer, such as how the card is read, and return the journey.

    Raises:
        JourneyGone: none lives under this name in this session.
        JourneyFinished: it is registered; its record is not touched by what was written.
    """
    around = services()
    lifetime = around.settings.journey_lifetime
    journey = _found(id_, around.ephemeral.merge(_key(id_), fields, lifetime))
    if journey.registered and "registered" not in fields:
        raise JourneyFinished
    return journey


def remember(id_: JourneyId, reference: str, **fields: str) -> None:
    """Mark the journey as registered, as well as that can be done.

    The record is durable. The short-lived store only saves later pages a question, so its failure
    must not look like a failure of the registration.
    """
    with best_effort():
        note(id_, {"registered": reference, **fields})


@contextmanager
def best_effort() -> Iterator[None]:
    """Go on when the short-lived store fails after the record was written."""
    try:
        yield
    except ZaitakuError as error:
        log.warning("registered, but not marked: %s", type(error).__name__)


def remembered(journey: Journey) -> Situation:
    """Return the situation as the journey keeps it in mind: it asks nobody, and decides nothing.

    Journeys that another release began are asked about.
    """
    if journey.background is None:
        return situation_of(journey)
    around = services()
    return Situation(
        journey=journey,
        background=journey.background,
        today=japan_date(around.clock.now()),
        wording_of=around.wordings.current,
    )


def situation_of(journey: Journey) -> PresentSituation:
    """Return the situation as it is now, and let the journey keep it in mind; one query.

    Raises:
        UrlRetired, ReceptionNotBegun, ChannelOff: the URL on which it began works no more.
    """
    return _present(journey, services().reception.context_of(journey.version))


def situation_unless_registered(journey: Journey) -> PresentSituation | None:
    """Return the situation as it is now, or ``None`` when the journey is registered; one query.

    Raises:
        UrlRetired, ReceptionNotBegun, ChannelOff: the URL on which it began works no more.
        RegistrationUnknown: it is registered, but cannot be acknowledged now.
    """
    try:
        context = services().consent.place_unless_registered(journey.id, journey.version)
    except NotConfirmed as error:
        raise RegistrationUnknown(error.detail) from error
    return _present(journey, context) if context else None


def _present(journey: Journey, context: ReceptionContext) -> PresentSituation:
    the_g().reception = context
    background = Background.of(context)
    if background != journey.background and not journey.registered:
        journey = _noted(journey, background)
    return PresentSituation(
        journey=journey,
        background=background,
        today=japan_date(services().clock.now()),
        wording_of=services().wordings.current,
        context=context,
    )


def _noted(journey: Journey, background: Background) -> Journey:
    """Let a journey keep another background in mind, and forget the answers to other words.

    An answer holds for the words that were shown: what is asked in wider ones is asked anew.
    """
    before = journey.background.questions if journey.background else background.questions
    forgotten = {each.item for each in before if each not in background.questions}
    fields = {FIELD: background.text(), **{ITEM_PREFIX + item: "" for item in forgotten}}
    if journey.mode:
        anew = [each.item for each in background.questions if each not in before]
        fields["anew"] = " ".join(sorted({*journey.anew, *anew}))
    around = services()
    try:
        found = around.ephemeral.merge(_key(journey.id), fields, around.settings.journey_lifetime)
    except EphemeralStoreUnavailable:
        return journey.without(forgotten)  # the next page that looks anew tries again
    return _found(journey.id, found)


def context_after_all(journey: Journey) -> ReceptionContext:
    """Return where the journey belongs, even when its URL works no more by now."""
    return context_at(journey.version)


def context_at(version: UrlVersionId) -> ReceptionContext:
    """Return where a URL version leads or led."""
    try:
        context = services().reception.context_of(version)
    except (UrlRetired, ReceptionNotBegun, ChannelOff) as closed:
        context = closed.context
    the_g().reception = context
    return context


def _key(journey: JourneyId) -> str:
    browser = browser_name()
    if not browser:
        raise JourneyGone("no session")
    return f"journey:{journey}:{browser}"


def _found(id_: JourneyId, fields: Mapping[str, str] | None) -> Journey:
    if fields is None:
        raise JourneyGone
    journey = Journey.from_fields(id_, fields)
    own = the_g()
    own.journey, own.background = journey, journey.background
    return journey
