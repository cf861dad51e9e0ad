"""The words of the pages in each language (catalogues: ``zaitaku/locales/<language>/*.po``).

The Japanese text in templates and code is itself the message id. A catalogue is read once, at
start. In a template ``_()`` gives page text (with readings where the language has them), ``text()``
gives plain text for titles and attributes, ``N_()`` only marks a message.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final

from babel.messages.pofile import read_po
from flask import Flask, has_request_context
from flask.sansio.app import App
from markupsafe import Markup, escape

from zaitaku.blueprints.edge import the_app, the_g, the_request, the_session
from zaitaku.core import ruby
from zaitaku.core.languages import Language

LOCALES: Final = Path(__file__).parent.parent / "locales"
_EXTENSION: Final = "zaitaku.catalogues"
_COOKIE_FIELD: Final = "lang"

_REMEMBERED: Final = 4096
"""Messages of a language that are kept ready for a page: more than all catalogues have."""
_LANGUAGES: Final = {language.value: language for language in Language}

Catalogue = Mapping[str, str]


class Words:
    """The words of one language, each made ready once."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self.marked: Final = lru_cache(_REMEMBERED)(self._marked)
        """A message as safe HTML; what it leaves open is still to be filled in."""
        self.whole: Final = lru_cache(_REMEMBERED)(self._whole)
        """A message that leaves nothing open, as safe HTML."""

    def plain(self, message: str) -> str:
        """Return a message without readings; what it leaves open is still to be filled in."""
        return ruby.plain(self._catalogue.get(message, message))

    def page_text(self, message: str, **values: object) -> Markup:
        """Return a message as safe HTML; ``values`` are escaped."""
        return self.marked(message) % values if values else self.whole(message)

    def plain_html(self, message: str, **values: object) -> Markup:
        """Return a message without readings as safe HTML; ``values`` are escaped."""
        return escape(self.plain(message)) % values

    def _marked(self, message: str) -> Markup:
        return ruby.markup(self._catalogue.get(message, message))

    def _whole(self, message: str) -> Markup:
        return self.marked(message) % {}


def read_catalogue(folder: Path) -> dict[str, str]:
    """Return every translated message of the ``*.po`` files in ``folder``."""
    return dict(pair for path in sorted(folder.glob("*.po")) for pair in _messages(path))


def add(app: Flask) -> None:
    """Read the catalogues and give ``app``'s templates their functions."""
    app.extensions[_EXTENSION] = {
        language: Words(read_catalogue(LOCALES / language)) for language in Language
    }
    app.jinja_env.filters.update(readings=ruby.markup, plain=ruby.plain, bracketed=ruby.bracketed)
    app.jinja_env.globals.update({"_": page_text, "text": plain_text, "N_": mark})


def words_of(app: App, language: Language) -> Words:
    """Return the words of one language."""
    words: Words = app.extensions[_EXTENSION][language]
    return words


def mark(message: str) -> str:
    """Return ``message`` itself: marks it for the catalogues where it is only stored."""
    return message


def page_text(message: str, **values: object) -> Markup:
    """Return ``message`` in the present language as safe HTML; ``values`` are escaped."""
    return present_words().page_text(message, **values)


def plain_text(message: str, **values: object) -> str:
    """Return ``message`` in the present language without readings."""
    return present_words().plain(message) % values


def present_words() -> Words:
    """Return the words of the present page's language."""
    # Asked for some thirty times a page, so what the page speaks is looked up once.
    own = the_g()
    try:
        words: Words = own.words
    except AttributeError:
        words = own.words = words_of(the_app(), current_language())
    return words


def current_language() -> Language:
    """Return the language of the present page: asked for now, chosen before, or Japanese.

    The console is Japanese only.
    """
    try:
        language: Language = the_g().language
    except (AttributeError, RuntimeError):
        if not has_request_context():
            return Language.JAPANESE
        language = the_g().language = _choose()
    return language


def _choose() -> Language:
    present = the_request()
    if present.blueprint == "console":
        return Language.JAPANESE
    asked = _LANGUAGES.get(present.args.get(_COOKIE_FIELD, "")) if present.query_string else None
    session = the_session()
    if asked:
        session[_COOKIE_FIELD] = asked.value
    return asked or _LANGUAGES.get(session.get(_COOKIE_FIELD, ""), Language.JAPANESE)


def _messages(path: Path) -> Iterator[tuple[str, str]]:
    with path.open("rb") as file:
        for message in read_po(file):
            source, translation = message.id, message.string
            if isinstance(source, str) and isinstance(translation, str) and source and translation:
                yield source, translation
