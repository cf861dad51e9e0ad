"""What every page needs around its content: language, text size, addresses of static files."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

from flask import Flask, Response, request, session
from jinja2 import Template
from jinja2.environment import TemplateModule
from jinja2.runtime import Context
from werkzeug.exceptions import NotFound

from zaitaku.blueprints import i18n
from zaitaku.blueprints.draining import ELSEWHERE
from zaitaku.blueprints.edge import services
from zaitaku.core.languages import NAMES, Language
from zaitaku.settings import Mode

_COOKIE_FIELD: Final = "size"
_DIGEST_CHARACTERS: Final = 10


class _Template(Template):
    """A template whose macros are made ready once.

    Jinja2 compares all names that it knows with all names of the importing template at every
    import, because these could differ; here they are those of the environment for all templates.
    """

    def _get_default_module(self, ctx: Context | None = None) -> TemplateModule:
        return super()._get_default_module()


class TextSize(StrEnum):
    """How large the patient wants to read."""

    STANDARD = "standard"
    LARGE = "large"
    LARGEST = "largest"


_SIZES: Final = frozenset(TextSize)
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

    @property
    def size_class(self) -> str:
        """The class of the root element; empty at the standard size."""
        return "" if self.size is TextSize.STANDARD else f"size-{self.size}"

    @property
    def languages(self) -> list[SwitchLink]:
        """The language switch: each language named in itself."""
        start = _here_with("lang")
        return [SwitchLink(NAMES[tag], tag, start + tag, tag is self.language) for tag in Language]

    @property
    def sizes(self) -> list[SwitchLink]:
        """The text size switch."""
        start = _here_with("size")
        return [
            SwitchLink(_SIZE_NAMES[size], size, start + size, size is self.size)
            for size in TextSize
        ]


def add(app: Flask) -> None:
    """Give the templates of ``app`` their words, ``asset()`` and ``page``."""
    i18n.add(app)
    app.jinja_env.template_class = _Template
    static = Path(app.static_folder or "static")

    @lru_cache
    def digest(name: str) -> str:
        return hashlib.sha256((static / name).read_bytes()).hexdigest()[:_DIGEST_CHARACTERS]

    @lru_cache
    def asset(name: str) -> str:
        # Not by url_for, which knows no addresses while a request for a foreign host is refused.
        return f"{app.static_url_path}/{quote(name)}?v={digest(name)}"

    app.jinja_env.globals["asset"] = asset
    app.context_processor(_frame)
    app.view_functions["static"] = _versioned(app.view_functions["static"], digest)


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
    settings = services().settings
    is_sandbox = settings.mode is Mode.SANDBOX
    page = Page(i18n.current_language(), text_size(), is_sandbox, settings.bridge_download)
    return {"page": page}


def text_size() -> TextSize:
    """Return the size that the patient reads in."""
    asked = request.args.get(_COOKIE_FIELD, "")
    if asked in _SIZES:
        session[_COOKIE_FIELD] = asked
    kept = session.get(_COOKIE_FIELD)
    return TextSize(kept) if kept in _SIZES else TextSize.STANDARD


def here() -> str:
    """Return the address of the present page, without what the switches have added to it."""
    kept = [pair for pair in request.args.items() if pair[0] not in {"lang", "size"}]
    return quote(request.path) + (f"?{urlencode(kept)}" if kept else "")


def _here_with(name: str) -> str:
    address = here()
    return f"{address}{'&' if '?' in address else '?'}{name}="
