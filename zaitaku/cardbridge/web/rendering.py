"""From a page's name to its HTML, in the language of whoever looks at it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

from flask import Response, current_app, make_response, render_template, request, url_for
from werkzeug.exceptions import HTTPException

from zaitaku import wire
from zaitaku.cardbridge.reading.desk import Reading
from zaitaku.cardbridge.trust.requests import Hint, hint_of
from zaitaku.cardbridge.web.bridge import Bridge, bridge
from zaitaku.cardbridge.web.guards import SAFE_METHODS
from zaitaku.cardbridge.web.words import NAMES, Language, Speaker, known_language

PICTURES: Final = frozenset({"no-card", "card-removed", "card-unresponsive", "not-my-number-card"})
"""Pages that show how the card lies on the reader."""

NOTICE: Final = "notice.html"
NO_TROUBLE: Final = frozenset({"finished", "last-try", "choose-reader"})
"""Notices that tell of no trouble a helper would ask about."""


@dataclass(frozen=True)
class Action:
    """One thing to do next: a link, or a form with its hidden fields."""

    label: str
    """Name of the text."""
    href: str
    fields: Mapping[str, str] | None = None
    """None for a link."""
    primary: bool = False


@dataclass(frozen=True)
class Page:
    """One page: its words, what fills them, and what can be done next."""

    name: str
    status: int = HTTPStatus.OK
    facts: Mapping[str, object] = field(default_factory=dict)
    actions: tuple[Action, ...] = ()
    reading: Reading | None = None
    error: str = ""
    """Name of the words of what went wrong with what was typed."""
    template: str = NOTICE
    stamp: str = ""
    """Sign of the readers and cards as the page shows them; empty where it shows none."""
    renewed: str = ""
    """Where a page with a stamp is found again; empty: where its reading is."""
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class SwitchLink:
    """One choice of a switch in the head of the page."""

    value: str
    name: str
    """The text itself for a language, its name in the catalogue for a size."""
    href: str
    is_current: bool


def render(page: Page) -> Response:
    """Return the answer that shows ``page``."""
    _note(page)
    hint = _hint()
    speaker = bridge().words.speaker(_language(page, hint))
    size = _text_size(page, hint)
    html = render_template(
        page.template,
        page=page,
        t=speaker,
        text_size=size,
        languages=_language_links(speaker),
        sizes=_size_links(size),
        picture=page.name in PICTURES,
        banners=_banners(bridge(), page, hint),
        version=bridge().version,
        operator=bridge().config.operator,
        emblem=bridge().emblem.emblem,
        **page.more,
    )
    return make_response(html, page.status)


def _note(page: Page) -> None:
    if page.template == NOTICE and page.name not in NO_TROUBLE:
        bridge().observations.note_trouble(page.name, bridge().now())


def _hint() -> Hint:
    try:
        return hint_of(request.values.get("request", ""))
    except HTTPException:  # the form is what could not be read
        return Hint()


def _language(page: Page, hint: Hint) -> Language:
    asked = known_language(request.args.get("lang", ""))
    if page.reading is not None:
        page.reading.language = asked or page.reading.language
        return known_language(page.reading.language) or Language.JAPANESE
    return asked or known_language(hint.language) or _accepted_language()


def _accepted_language() -> Language:
    accepted = request.accept_languages.best_match([Language.JAPANESE, Language.ENGLISH])
    return known_language(accepted or "") or Language.JAPANESE


def _text_size(page: Page, hint: Hint) -> str:
    """Return one of ``wire.TEXT_SIZES``: what was chosen here, else what the site asked for."""
    asked = request.args.get("size", "")
    if page.reading is not None:
        page.reading.pages.choose_text_size(asked)
        return page.reading.pages.text_size or page.reading.request.text_size
    known = [size for size in (asked, hint.text_size) if size in wire.TEXT_SIZES]
    return known[0] if known else wire.TEXT_SIZES[0]


def _language_links(speaker: Speaker) -> list[SwitchLink]:
    return [
        SwitchLink(language, name, _here_with("lang", language), language is speaker.language)
        for language, name in NAMES.items()
    ]


def _size_links(current: str) -> list[SwitchLink]:
    return [
        SwitchLink(size, f"common.size-{size}", _here_with("size", size), size == current)
        for size in wire.TEXT_SIZES
    ]


def here_again() -> str:
    """Return where the present page is found again, in the language and size that it has."""
    return f"{request.path}?{urlencode(request.args.to_dict())}".removesuffix("?")


def _here_with(name: str, value: str) -> str:
    """Return the same page with another language or size; relative, so it leads nowhere else."""
    if request.method in SAFE_METHODS:
        return "?" + urlencode({**request.args.to_dict(), name: value})
    return f"{url_for('status.show')}?{urlencode({name: value})}"


def _banners(here: Bridge, page: Page, hint: Hint) -> list[str]:
    origin = page.reading.request.origin if page.reading else hint.origin
    is_test = here.trust.is_test(origin)
    return [
        *(["common.test-site"] if is_test else []),
        *(["common.virtual"] if here.config.box is not None else []),
    ]


def reading_url(
    reading: Reading,
    *,
    after: int | None = None,
    insist: str | None = None,
    keys: str | None = None,
) -> str:
    """Return the address of a reading's page.

    With ``after`` it shows what the form of that turn brought, otherwise the card as it lies there.
    """
    return url_for("reading.show", reading_id=reading.id, after=after, insist=insist, keys=keys)


def asset(name: str, mimetype: str) -> Response:
    """Return a file of ours that the pages need."""
    with current_app.open_resource(f"pages/assets/{name}") as file:
        return Response(file.read(), mimetype=mimetype)
