"""Every message of the patient's pages, as templates and code have it."""

from collections.abc import Iterator
from pathlib import Path

from babel.messages.extract import extract_from_file

ROOT = Path(__file__).parents[2]
KEYWORDS = dict.fromkeys(("_", "text", "N_", "mark", "page_text", "plain_text"))
TEMPLATES = ("base.html", "base_patient.html", "components", "patient", "errors")
CODE = ("away.py", "pages.py", "failures.py", "errors.py", "waiting.py", "patient")


def all_messages() -> set[str]:
    """Return every message id that the catalogues must have."""
    found: set[str] = set()
    for name in TEMPLATES:
        for path in _files(ROOT / "templates" / name, ("*.html", "*.txt")):
            found |= _messages("jinja2.ext:babel_extract", path)
    for name in CODE:
        for path in _files(ROOT / "zaitaku" / "blueprints" / name, ("*.py",)):
            found |= _messages("python", path)
    return found


def _files(place: Path, patterns: tuple[str, ...]) -> Iterator[Path]:
    if place.is_file():
        yield place
    for pattern in patterns:
        yield from sorted(place.rglob(pattern))


def _messages(method: str, path: Path) -> set[str]:
    options = {"trimmed": "true", "newstyle_gettext": "true"}
    extracted = extract_from_file(method, str(path), keywords=KEYWORDS, options=options)
    return {message for _, message, *_ in extracted if isinstance(message, str) and message}
