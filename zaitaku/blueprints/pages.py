"""What every page needs around its content: language, text size, addresses of static files."""

import hashlib
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

from flask import Flask, Response, render_template, request
from markupsafe import Markup, escape
from werkzeug.exceptions import NotFound

from zaitaku.blueprints import i18n
from zaitaku.blueprints.draining import ELSEWHERE
from zaitaku.blueprints.edge import services, the_app, the_g, the_request, the_session
from zaitaku.blueprints.gaps import nested
from zaitaku.blueprints.templates import OF_THE_REQUEST, Templates
from zaitaku.core.languages import NAMES, Language
from zaitaku.core.site_operator import SiteOperator
from zaitaku.settings import Mode

_COOKIE_FIELD: Final = "size"
_DIGEST_CHARACTERS: Final = 10
_START: Final = "\N{NULL}"
"""Stands for the present page's address; no address has such a character (``characters``)."""


class TextSize(StrEnum):
    """How large the patient wants to read."""

    STANDARD = "standard"
    LARGE = "large"
    LARGEST = "largest"


_SIZES: Final = {size.value: size for size in TextSize}
_SIZE_NAMES: Final = {
    TextSize.STANDARD: i18n.mark("標準"),
    TextSize.LARGE: i18n.mark("大"),
    TextSize.LARGEST: i18n.mark("特大"),
}


@dataclass(frozen=True)
class SwitchLink:
    """One choice of the language or text size switch; it leads to the same page."""

    name: str
    tag: str
    href: str
    current: bool


@dataclass(frozen=True)
class Page:
    """The frame of one page."""

    language: Language
    size: TextSize
    is_sandbox: bool
    bridge_download: str
    """Where the reading app is to be had; empty when nobody said."""
    operator: SiteOperator
    """Who runs the site."""

    @property
    def size_class(self) -> str:
        """The class of the root element; empty at the standard size."""
        return "" if self.size is TextSize.STANDARD else f"size-{self.size}"


def add(app: Flask) -> None:
    """Give the templates of ``app`` their words, ``asset()`` and ``page``."""
    i18n.add(app)
    static = Path(app.static_folder or "static")

    @lru_cache
    def digest(name: str) -> str:
        return hashlib.sha256((static / name).read_bytes()).hexdigest()[:_DIGEST_CHARACTERS]

    @lru_cache
    def asset(name: str) -> str:
        # Not by url_for, which knows no addresses while a request for a foreign host is refused.
        return f"{app.static_url_path}/{quote(name)}?v={digest(name)}"

    @lru_cache
    def ready_switches(language: Language, size: TextSize) -> list[str]:
        return _switches(language, size).split(_START)

    def switches() -> Markup:
        ready = ready_switches(i18n.current_language(), text_size())
        return Markup(str(escape(_start())).join(ready))  # noqa: S704 - escaped  # nosec B704

    app.jinja_env.globals.update(asset=asset, switches=switches)
    app.context_processor(_frame)
    app.view_functions["static"] = _versioned(app.view_functions["static"], digest)


def _switches(language: Language, size: TextSize) -> str:
    """Return both switches; ``_START`` stands for what each link's address begins with."""
    languages = [
        SwitchLink(NAMES[tag], tag, f"{_START}lang={tag}", tag is language) for tag in Language
    ]
    sizes = [
        SwitchLink(_SIZE_NAMES[each], each, f"{_START}size={each}", each is size)
        for each in TextSize
    ]
    return render_template("components/switches.html", languages=languages, sizes=sizes)


def page(template: str, own: Mapping[str, str], /, **shared: Hashable) -> str | bytes:
    """Return a page that is made once for all who get the same, with one patient's ``own`` values.

    A template that looks at an own value, or at anything of the request, fails. Own and shared
    values may be named as parts: ``facility.name``. Where templates may change under the
    application, every page is made anew.

    Raises:
        GapLookedAtError: the template asks more of an own value than whether there is one.
    """
    templates = the_app().jinja_env
    if templates.auto_reload or not isinstance(templates, Templates):
        return render_template(template, **nested({**own, **shared}))
    frame = _present_frame()
    values = {**own, "page.size_class": frame.size_class}
    made = templates.shared_page(
        template,
        frame.language,
        tuple(values),
        tuple(name for name, value in values.items() if not value),
        **shared,
        **{
            "page.language": frame.language,
            "page.is_sandbox": frame.is_sandbox,
            "page.bridge_download": frame.bridge_download,
            "page.operator": frame.operator,
        },
    )
    functions: Mapping[str, Any] = templates.globals
    asked: dict[str, str] = {
        name: functions[name]() for name in OF_THE_REQUEST if name in made.names
    }
    return made.filled({**values, **asked})


def remember_choices() -> None:
    """Keep a language or text size that the address asks for, whatever the answer will be."""
    i18n.current_language()
    text_size()


def _versioned(send: Callable[..., Any], digest: Callable[[str], str]) -> Callable[[str], Response]:
    def view(filename: str) -> Response:
        response: Response = send(filename=filename)
        asked = request.args.get("v")
        if asked is None:
            return response
        if asked == digest(filename):
            # The digest in the address changes with the content (RFC 8246 §2).
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        elif request.headers.get(ELSEWHERE) == "1":
            # While a deployment is updated, another instance has the file that a page meant.
            response.close()
            raise NotFound
        return response

    return view


def _frame() -> dict[str, Any]:
    return {"page": _present_frame()}


def _present_frame() -> Page:
    settings = services().settings
    return Page(
        i18n.current_language(),
        text_size(),
        is_sandbox=settings.mode is Mode.SANDBOX,
        bridge_download=settings.bridge_download,
        operator=settings.operator,
    )


def text_size() -> TextSize:
    """Return the size that the patient reads in."""
    own = the_g()
    try:
        size: TextSize = own.text_size
    except AttributeError:
        size = own.text_size = _choose_size()
    return size


def _choose_size() -> TextSize:
    present, session = the_request(), the_session()
    asked = present.args.get(_COOKIE_FIELD, "") if present.query_string else ""
    if asked in _SIZES:
        session[_COOKIE_FIELD] = asked
    return _SIZES.get(session.get(_COOKIE_FIELD, ""), TextSize.STANDARD)


def here() -> str:
    """Return the address of the present page, without what the switches have added to it."""
    present = the_request()
    path = quote(present.path)
    if not present.query_string:
        return path
    kept = [pair for pair in present.args.items() if pair[0] not in {"lang", "size"}]
    return f"{path}?{urlencode(kept)}" if kept else path


def _start() -> str:
    address = here()
    return f"{address}{'&' if '?' in address else '?'}"
