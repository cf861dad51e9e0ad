"""The published texts: every version that was ever shown, in every language, for ever.

Who is meant by 「この施設」: the name of the facility is not part of the digested text, and the
same text serves clinics, pharmacies and visiting-nurse stations alike. So it says 「この施設」 and
tells in its first paragraph that this is the one named on the page; every page that shows a wording
must therefore show the facility's name. A list such as 「医療機関・薬局など」 in the question would
read as consent to several places.
"""

import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Final, Self

from zaitaku.consent.errors import UnknownWording
from zaitaku.consent.model import Decision, Wording, WordingRef
from zaitaku.core.languages import Language
from zaitaku.core.ruby import plain

NOTICE_ID: Final = "eligibility-notice"
"""The notice on 資格確認, which needs no consent (domain.md §12)."""
_ANSWERS: Final = "answers"


class Wordings:
    """The catalogue of published texts, read once at start."""

    def __init__(
        self, texts: Iterable[Wording], answers: Mapping[tuple[Language, Decision], str]
    ) -> None:
        self._texts = {(text.ref.id, text.ref.version, text.ref.language): text for text in texts}
        self._newest = {(name, language): text for (name, _, language), text in self._sorted()}
        self._answers = dict(answers)

    @classmethod
    def load(cls, folder: Traversable | None = None) -> Self:
        """Read one file per language.

        Raises:
            ValueError: a text is incomplete, or the versions of a text are not 1, 2, 3 and so on.
        """
        folder = folder or files("zaitaku.consent") / "wordings"
        catalogues = {language: _read(folder, language) for language in Language}
        return cls(
            [text for language, file in catalogues.items() for text in _texts(file, language)],
            {
                (language, decision): _text(file[_ANSWERS], decision)
                for language, file in catalogues.items()
                for decision in Decision
            },
        )

    def current(self, wording_id: str, language: Language) -> Wording:
        """Return the text that is shown now.

        Raises:
            UnknownWording: there is no such text.
        """
        try:
            return self._newest[wording_id, language]
        except KeyError as error:
            raise UnknownWording(f"{wording_id} {language}") from error

    def at(self, wording_id: str, version: int, language: Language) -> Wording:
        """Return the text that was shown at ``version``.

        Raises:
            UnknownWording: there is no such text.
        """
        try:
            return self._texts[wording_id, version, language]
        except KeyError as error:
            raise UnknownWording(f"{wording_id} {version} {language}") from error

    def published(self, ref: WordingRef) -> Wording:
        """Return the text that ``ref`` names, if it is that text to the letter.

        Raises:
            UnknownWording: there is no such text, or it has another digest.
        """
        text = self.at(ref.id, ref.version, ref.language)
        if text.ref.sha256 != ref.sha256:
            raise UnknownWording(f"{ref.id} {ref.version} {ref.language}: digest")
        return text

    def notice(self, language: Language) -> Wording:
        """Return the present notice on 資格確認."""
        return self.current(NOTICE_ID, language)

    def answer(self, decision: Decision, language: Language) -> str:
        """Return 同意する / 同意しない in ``language`` (with readings)."""
        return self._answers[language, decision]

    def all(self) -> list[Wording]:
        """Return every text ever published, by name, version and language."""
        return [text for _, text in self._sorted()]

    def _sorted(self) -> list[tuple[tuple[str, int, Language], Wording]]:
        return sorted(self._texts.items())


def exact_text(question: str, explanation: Iterable[str]) -> str:
    """Return the plain text that is digested: heading, then paragraphs, joined by line feeds."""
    return "\n".join(plain(part) for part in (question, *explanation))


def _read(folder: Traversable, language: Language) -> dict[str, Any]:
    return tomllib.loads((folder / f"{language}.toml").read_text("utf-8"))


def _texts(file: Mapping[str, Any], language: Language) -> Iterable[Wording]:
    for wording_id, versions in file.items():
        if wording_id == _ANSWERS:
            continue
        if [entry.get("version") for entry in versions] != list(range(1, len(versions) + 1)):
            raise ValueError(f"{language} {wording_id}: versions must be 1, 2, 3 and so on")
        for entry in versions:
            yield _wording(wording_id, entry, language)


def _wording(wording_id: str, entry: Mapping[str, Any], language: Language) -> Wording:
    question = _text(entry, "question")
    explanation = tuple(entry.get("explanation", ()))
    if not explanation:
        raise ValueError(f"{language} {wording_id}: no explanation")
    text = exact_text(question, explanation)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Wording(
        ref=WordingRef(wording_id, entry["version"], language, digest),
        label=_text(entry, "label"),
        question=question,
        explanation=explanation,
        text=text,
    )


def _text(entry: Mapping[str, Any], name: str) -> str:
    value = entry.get(name)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name} is missing")
    return value
