"""The words of the pages in each language (catalogues: ``zaitaku/locales/<language>/*.po``).

The Japanese text in templates and code is itself the message id. A catalogue is read once, at
start. In a template ``_()`` gives page text (with readings where the language has them), ``text()``
gives plain text for titles and attributes, ``N_()`` only marks a message.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from babel.messages.pofile import read_po
from flask import Flask, current_app, g, has_request_context, request, session
from markupsafe import Markup

from zaitaku.core import ruby
from zaitaku.core.languages import Language

LOCALES: Final = Path(__file__).parent.parent / "locales"
_EXTENSION: Final = "zaitaku.catalogues"
_COOKIE_FIELD: Final = "lang"

Catalogue = Mapping[str, str]


def read_catalogue(folder: Path) -> dict[str, str]:
    """Return every translated message of the ``*.po`` files in ``folder``."""
    return dict(pair for path in sorted(folder.glob("*.po")) for pair in _messages(path))


def add(app: Flask) -> None:
    """Read the catalogues and give ``app``'s templates their functions."""
    app.extensions[_EXTENSION] = {
        language: read_catalogue(LOCALES / language) for language in Language
    }
    app.jinja_env.filters.update(readings=ruby.markup, plain=ruby.plain)
    app.jinja_env.globals.update({"_": page_text, "text": plain_text, "N_": mark})


def mark(message: str) -> str:
    """Return ``message`` itself: marks it for the catalogues where it is only stored."""
    return message


def page_text(message: str, **values: object) -> Markup:
    """Return ``message`` in the present language as safe HTML; ``values`` are escaped."""
    return ruby.markup(_words().get(message, message)) % values


def plain_text(message: str, **values: object) -> str:
    """Return ``message`` in the present language without readings."""
    return ruby.plain(_words().get(message, message)) % values


def _words() -> Catalogue:
    # Asked for some thirty times a page, so what the page speaks is looked up once.
    if "words" not in g:
        g.words = current_app.extensions[_EXTENSION][current_language()]
    words: Catalogue = g.words
    return words


def current_language() -> Language:
    """Return the language of the present page: asked for now, chosen before, or Japanese.

    The console is Japanese only.
    """
    if not has_request_context():
        return Language.JAPANESE
    if "language" not in g:
        g.language = _choose()
    language: Language = g.language
    return language


def _choose() -> Language:
    if request.blueprint == "console":
        return Language.JAPANESE
    asked = _language(request.args.get(_COOKIE_FIELD))
    if asked:
        session[_COOKIE_FIELD] = asked.value
    return asked or _language(session.get(_COOKIE_FIELD)) or Language.JAPANESE


def _language(tag: str | None) -> Language | None:
    return Language(tag) if tag in set(Language) else None


def _messages(path: Path) -> Iterator[tuple[str, str]]:
    with path.open("rb") as file:
        for message in read_po(file):
            source, translation = message.id, message.string
            if isinstance(source, str) and isinstance(translation, str) and source and translation:
                yield source, translation
