"""By which way patients come: counted when their page is sent, and never in its way.

What is counted is a number of a day (``reception.posters.uses``). A browser's own cookie remembers
the last way in, so that a reload, another language or a step back is no second scan; it goes
nowhere else.
"""

from collections.abc import Callable
from functools import partial
from typing import Final

from flask import after_this_request
from werkzeug.wrappers import Response

from zaitaku.blueprints.edge import services, the_request, the_session
from zaitaku.core.clock import japan_date
from zaitaku.core.ids import JourneyId
from zaitaku.reception.errors import ChannelOff, UrlRetired
from zaitaku.reception.model import ReceptionContext
from zaitaku.reception.posters.model import NO_POSTER, PosterNumber

_FIELD: Final = "arrived"


def opened(token: str) -> ReceptionContext:
    """Return where a URL leads, and count that it was opened, even where it works no more.

    Raises:
        UnknownUrl, UrlRetired, ChannelOff: as ``ReceptionService.resolve`` does.
    """
    try:
        context = services().reception.resolve(token)
    except (UrlRetired, ChannelOff) as closed:
        _note(closed.context, token)
        raise
    _note(context, token)
    return context


def begun(context: ReceptionContext, token: str, journey: JourneyId) -> None:
    """Count a journey as open, under the way by which its browser came."""
    number = services().reception.poster_of(context, token) or _remembered(context)
    _when_sent(partial(services().uses.begun, context.version.id, number, journey))


def completed(journey: JourneyId) -> None:
    """Count that a journey has ended with a consent, once."""
    _when_sent(partial(services().uses.completed, journey))


def _note(context: ReceptionContext, token: str) -> None:
    present, kept = the_request(), the_session()
    if present.method != "GET" or present.headers.get("Sec-Purpose", "").startswith("prefetch"):
        return
    # The way back from the first step has no mark: it is the same visit.
    number = services().reception.poster_of(context, token) or _remembered(context)
    today = japan_date(services().clock.now()).isoformat()
    arrival = {"url": context.version.handle, "poster": number, "day": today}
    if kept.get(_FIELD) == arrival:
        return
    kept[_FIELD] = arrival
    _when_sent(partial(services().uses.scanned, context.version.id, number))


def _remembered(context: ReceptionContext) -> PosterNumber:
    known = the_session().get(_FIELD, {})
    is_same = known.get("url") == context.version.handle
    return PosterNumber(known["poster"]) if is_same else NO_POSTER


def _when_sent(count: Callable[[], None]) -> None:
    @after_this_request
    def arrange(response: Response) -> Response:
        response.call_on_close(count)
        return response
