"""Pages for whoever helps: the diagnosis; and a word for a bridge that is started a second time."""

import re
from contextlib import suppress
from typing import Final

from flask import Blueprint, Response, request, url_for

from zaitaku.cardbridge.reading.desk import Reading
from zaitaku.cardbridge.reading.single import RUNNING_PATH
from zaitaku.cardbridge.trust.failures import PageMissing, ReadingGone
from zaitaku.cardbridge.web.bridge import bridge
from zaitaku.cardbridge.web.diagnosis import diagnose, moment
from zaitaku.cardbridge.web.guards import check_own_use
from zaitaku.cardbridge.web.rendering import Action, Page, here_again, reading_url, render

diagnosis_pages = Blueprint("diagnosis", __name__)

_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")


@diagnosis_pages.get("/diagnosis")
def show() -> Response:
    """Show what was looked at, what to do about it, and a report to copy."""
    reading = _asked_reading()
    stamp = bridge().cards.stamp()
    diagnosis = diagnose(bridge())
    more = {"diagnosis": diagnosis, "moment": moment, "has_words": bridge().words.has}
    return render(
        Page(
            "diagnosis",
            actions=_ways_on(reading),
            reading=reading,
            template="diagnosis.html",
            more=more,
            stamp=stamp,
            renewed=here_again(),
        )
    )


@diagnosis_pages.get(RUNNING_PATH)
def running() -> Response:
    """Prove to another start of the same person that this is their bridge."""
    check_own_use(request)
    claim = bridge().config.claim
    challenge = request.args.get("challenge", "")
    if not claim.secret or not _CHALLENGE.fullmatch(challenge):
        raise PageMissing
    return Response(claim.proof(challenge), mimetype="text/plain")


def _ways_on(reading: Reading | None) -> tuple[Action, ...]:
    again = Action("diagnosis.again", _here(reading), primary=reading is None)
    if reading is None:
        return (again, Action("diagnosis.status", url_for("status.show")))
    return (Action("diagnosis.back", reading_url(reading), primary=True), again)


def _here(reading: Reading | None) -> str:
    return url_for("diagnosis.show", reading=reading.id if reading else None)


def _asked_reading() -> Reading | None:
    """Return the reading from whose page somebody came; one that is gone is nobody's."""
    with suppress(ReadingGone):
        return bridge().desk.find(request.args.get("reading", ""), bridge().now())
    return None
