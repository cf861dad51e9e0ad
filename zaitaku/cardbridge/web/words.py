"""The words of the bridge's pages, in three languages, from files beside the templates."""

import tomllib
from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from importlib.resources import files
from string import Template
from typing import Any, Final, Self

from markupsafe import Markup, escape

from zaitaku import readings
from zaitaku.cardbridge.web import ruby


class Language(StrEnum):
    """BCP 47 tags (RFC 5646); the private subtag marks やさしい日本語."""

    JAPANESE = "ja"
    EASY_JAPANESE = "ja-x-yasashii"
    ENGLISH = "en"


NAMES: Final = {
    Language.JAPANESE: "日本語",
    Language.EASY_JAPANESE: "やさしい日本語",
    Language.ENGLISH: "English",
}
"""Each language, named in itself."""

Section = Mapping[str, Any]
"""A page's words: ``title``, and mostly ``body`` and ``steps``, which are lists of sentences."""


def known_language(tag: str) -> Language | None:
    """Return the language that ``tag`` names, None for any other tag."""
    return next((language for language in Language if language == tag), None)


class Words:
    """All texts; asking for a text that is not there fails loudly."""

    def __init__(self, catalogues: Mapping[Language, Mapping[str, Section]]) -> None:
        self.catalogues = catalogues

    @classmethod
    def load(cls) -> Self:
        """Read the catalogues that lie in ``pages/words``."""
        folder = files("zaitaku.cardbridge") / "pages" / "words"
        return cls(
            {
                language: tomllib.loads((folder / f"{language}.toml").read_text("utf-8"))
                for language in Language
            }
        )

    def has(self, section: str) -> bool:
        """Tell whether there is a page of this name."""
        return section in self.catalogues[Language.JAPANESE]

    def speaker(self, language: Language) -> "Speaker":
        """Return the words in one language."""
        return Speaker(language, self.catalogues[language])


class Speaker:
    """The words in one language; ``name`` is always ``section.key``."""

    def __init__(self, language: Language, sections: Mapping[str, Section]) -> None:
        self.language = language
        self._sections = sections

    def text(self, name: str, **facts: object) -> Markup:
        """Return one text as HTML, readings as ruby, ``$facts`` filled in and escaped."""
        return self._filled(self._found(name), facts)

    def plain(self, name: str, **facts: object) -> str:
        """Return one text without readings, for titles and attributes."""
        values = {fact: ruby.plain(self._said(value)) for fact, value in facts.items()}
        return Template(ruby.plain(self._found(name))).substitute(values)

    def day(self, day: date) -> Markup:
        """Return a day as HTML, as this language says it."""
        return ruby.markup(Template(self._found("summary.day")).substitute(self._parts(day)))

    def lines(self, name: str, **facts: object) -> list[Markup]:
        """Return a list of texts as HTML; a list that is not there is empty."""
        section, key = name.split(".")
        return [self._filled(line, facts) for line in self._sections[section].get(key, ())]

    def _found(self, name: str) -> str:
        section, key = name.split(".")
        return str(self._sections[section][key])

    def _filled(self, text: str, facts: Mapping[str, object]) -> Markup:
        values = {fact: str(self._html(value)) for fact, value in facts.items()}
        html = Template(str(ruby.markup(text))).substitute(values)
        return Markup(html)  # noqa: S704 - all escaped  # nosec B704

    def _html(self, fact: object) -> Markup:
        return ruby.markup(self._said(fact)) if isinstance(fact, datetime) else escape(fact)

    def _said(self, fact: object) -> str:
        """Return a fact in words; a moment as this computer's user reads it off a clock."""
        if not isinstance(fact, datetime):
            return str(fact)
        return Template(self._found("common.moment")).substitute(self._parts(fact))

    def _parts(self, moment: date | datetime) -> dict[str, object]:
        """Return what a day or a moment is made of; easy Japanese has their units and readings."""
        hour, minute = (moment.hour, moment.minute) if isinstance(moment, datetime) else (0, 0)
        parts: dict[str, object] = {
            "year": moment.year,
            "month": moment.month,
            "day": moment.day,
            "hour": hour,
            "minute": f"{minute:02d}",
        }
        if self.language is Language.EASY_JAPANESE:
            parts |= {
                "month": readings.month(moment.month),
                "day": readings.day(moment.day),
                "hour": readings.hour(hour),
                "minute": readings.minutes(minute, digits=2),
            }
        return parts
