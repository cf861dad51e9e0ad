"""The page for whoever has to wait, made once for each language and told often.

It is no page of a route: it stands in for any of them, under its address, and leads back there. So
it knows no route and no view; what differs from one patient to the next is put into bytes that are
ready. See ``docs/overload.md``.
"""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode

from flask import Flask, Response, render_template
from markupsafe import escape
from werkzeug.wrappers import Request

from zaitaku.blueprints import headers
from zaitaku.blueprints.edge import EXTENSION
from zaitaku.blueprints.failures import explain
from zaitaku.blueprints.i18n import mark, page_text, plain_text
from zaitaku.blueprints.pages import TextSize
from zaitaku.blueprints.patient.dates import minutes_text
from zaitaku.core import ruby
from zaitaku.core.constant_headers import always
from zaitaku.core.languages import Language
from zaitaku.core.line import Place

LINE_PATH: Final = "/line"
"""Where a waiting page's script asks how far the line is."""
BUSY_SECONDS: Final = 4

_HERE: Final = "/0here0"
_AHEAD: Final = "0ahead0"
_PAUSE: Final = "0pause0"
_FIELDS: Final = "0fields0"
_MARKS: Final = re.compile(rf"({_HERE}\?|{_HERE}|{_AHEAD}|{_PAUSE}|{_FIELDS})")
_KEPT_PAGES: Final = 512
MOST_KEPT_BYTES: Final = 16 * 1024
MOST_KEPT_FIELDS: Final = 50
"""What a waiting page holds of a form at most; those of patients are far smaller."""
_FORM: Final = "application/x-www-form-urlencoded"
SHOWN_FORM: Final = "csrf_token"
"""What a browser has in its session that was shown a form."""

_SOON: Final = mark("まもなく順番が来ます。")
_MINUTES: Final = mark("約%(duration)sで、順番が来る見こみです。")
_UNKNOWN: Final = mark("どのくらい待つかは、まだ分かりません。")
_AHEAD_OF_YOU: Final = mark("あなたの前に、%(ahead)s人が待っています。")
_NEXT: Final = mark("次が、あなたの順番です。")


class Kind(StrEnum):
    """Why somebody waits, which decides what they read."""

    LINE = "line"
    """They have not begun, and others were first."""
    BUSY = "busy"
    """A page that could not be shown just now."""
    SENT = "sent"
    """A form that could not be taken just now; the page holds it, to be sent again."""
    LOST = "lost"
    """What was sent could not be taken, and the page does not hold it."""
    RETURN = "return"
    """The card has signed; only the registration is left."""


@dataclass(frozen=True)
class Reader:
    """How somebody reads."""

    language: Language = Language.JAPANESE
    size: TextSize = TextSize.STANDARD
    is_staff: bool = False


@dataclass(frozen=True)
class Told:
    """What a page says of somebody's place in line."""

    minutes: int | None = None
    """``None``: nobody knows."""
    is_next: bool = False
    has_number: bool = True


def told_of(place: Place) -> Told:
    """Return what may be said of ``place``; never less time than is expected."""
    minutes = None if place.wait is None else _rounded(place.wait)
    return Told(minutes, place.ahead == 0, place.number is not None)


def _rounded(wait: timedelta) -> int:
    minutes = math.ceil(wait / timedelta(minutes=1))
    step = next((step for most, step in ((10, 1), (30, 5)) if minutes <= most), 10)
    return math.ceil(minutes / step) * step


class WaitingPages:
    """The waiting pages of one application."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._page = lru_cache(_KEPT_PAGES)(self._render)
        self._ready = lru_cache(self._render_ready)
        self._text = lru_cache(_KEPT_PAGES)(self._tell)
        self.headers = lru_cache(self._headers)

    def _headers(self, media_type: str) -> list[tuple[str, str]]:
        is_tls = self._app.extensions[EXTENSION].settings.is_tls
        content = ("Content-Type", Response(mimetype=media_type).content_type)
        return [*headers.kept_nowhere([content]), headers.policy({}), *always(is_tls=is_tls)]

    def page(
        self,
        kind: Kind,
        reader: Reader,
        request: Request,
        *,
        pause: int,
        place: Place | None,
        fields: str = "",
    ) -> str:
        """Return the page for ``request``, which stays where it is and comes back there.

        ``fields`` is what it holds of a form, as HTML.
        """
        parts = self._page(kind, reader, told_of(place) if place else Told())
        ahead = str(place.ahead if place else 0)
        return _filled(parts, request, {_AHEAD: ahead, _PAUSE: str(pause), _FIELDS: fields})

    def refusal(self, reader: Reader, request: Request) -> str:
        """Return the page that says that nothing was done, as what was sent could not be read."""
        return _filled(self._ready(reader, "bad-request"), request, {})

    def failure(self, reader: Reader, request: Request) -> str:
        """Return the page that says that the mistake is ours."""
        return _filled(self._ready(reader, "unexpected"), request, {})

    def news(self, language: Language, place: Place | None) -> bytes:
        """Return what the page's script is told (JSON)."""
        if place is None:
            return json.dumps({"go": True}).encode()
        text = self._text(language, told_of(place)).replace(_AHEAD, str(place.ahead))
        return json.dumps({"go": False, "text": text, "pause": place.pause}).encode()

    def _render(self, kind: Kind, reader: Reader, told: Told) -> Sequence[str]:
        with self._context(reader):
            name = "waiting-console" if reader.is_staff else "waiting"
            page = render_template(
                f"errors/{name}.html",
                kind=kind.value,
                told=_words(told, page_text, ruby.markup(_duration(told, reader)))
                if kind is Kind.LINE
                else "",
                here=_HERE,
                pause=_PAUSE,
                ask=f"{LINE_PATH}?lang={reader.language}" if kind is Kind.LINE else "",
                fields=_FIELDS if kind is Kind.SENT else "",
            )
        return _MARKS.split(page)

    def _render_ready(self, reader: Reader, code: str) -> Sequence[str]:
        with self._context(reader):
            explanation = explain(code)
            page = render_template(
                "errors/failure.html", explanation=explanation, is_staff=reader.is_staff
            )
        return _MARKS.split(page)

    def _tell(self, language: Language, told: Told) -> str:
        with self._context(Reader(language)):
            return _words(told, plain_text, ruby.plain(_duration(told, Reader(language))))

    def _context(self, reader: Reader) -> AbstractContextManager[object]:
        # The frame of a page asks the request for its address, language and text size.
        chosen = {"lang": reader.language.value, "size": reader.size.value}
        origin = self._app.extensions[EXTENSION].settings.origin
        return self._app.test_request_context(_HERE, base_url=origin, query_string=chosen)


def _duration(told: Told, reader: Reader) -> str:
    return minutes_text(told.minutes or 0, reader.language)


def _words(told: Told, speak: Callable[..., str], duration: str) -> str:
    if told.minutes is None:
        wait = speak(_UNKNOWN)
    elif told.minutes > 1:
        wait = speak(_MINUTES, duration=duration)
    else:
        wait = speak(_SOON)
    if not told.has_number:
        return wait
    ahead = speak(_NEXT) if told.is_next else speak(_AHEAD_OF_YOU, ahead=_AHEAD)
    return wait + ("" if wait.endswith("。") else " ") + ahead


def kept_fields(environ: Mapping[str, Any], session: Mapping[str, Any]) -> str:
    """Return the fields of a form that a page may hold, as HTML; empty: it holds nothing.

    Only a browser that was shown a form has something to send again. Whoever else posts, and
    whoever posts more than any form of a patient does, costs no more than anybody sent away.
    """
    body = environ["wsgi.input"]
    is_form = environ.get("CONTENT_TYPE", "").lower().startswith(_FORM)
    is_small = int(environ.get("CONTENT_LENGTH") or 0) <= MOST_KEPT_BYTES
    if not (is_form and is_small and session.get(SHOWN_FORM)):
        return ""
    return _hidden(body.read())


def _hidden(form: bytes) -> str:
    try:
        pairs = parse_qsl(
            form.decode("utf-8", "replace"),
            keep_blank_values=True,
            max_num_fields=MOST_KEPT_FIELDS,
        )
    except ValueError:
        return ""
    return "\n".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in pairs
    )


def _filled(parts: Sequence[str], request: Request, values: Mapping[str, str]) -> str:
    here = _address(request)
    known = {**values, _HERE: here, _HERE + "?": here + ("&amp;" if "?" in here else "?")}
    # Every second part is a mark. What is put in its place is never looked at again: it is others'.
    return "".join(known[part] if at % 2 else part for at, part in enumerate(parts))


def _address(request: Request) -> str:
    kept = [pair for pair in request.args.items(multi=True) if pair[0] not in {"lang", "size"}]
    query = f"?{urlencode(kept)}" if kept else ""
    return str(escape(quote(request.path) + query))
