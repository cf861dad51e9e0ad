"""Writes what somebody had typed back into the form of its own page, without any script.

The page is the present one, with its labels, hints and choices; only the values of one form are
those of before, its hidden versions among them, so that what another has changed meanwhile is
noticed when it is sent.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from html import escape
from html.parser import HTMLParser
from itertools import accumulate
from typing import Final

Attributes = dict[str, str | None]

_TICKS: Final = frozenset({"checkbox", "radio"})
_NO_TEXT: Final = frozenset({"submit", "button", "image", "reset", "password", "file"})
"""Kinds of input that hold nothing that is given back."""
_NOT_TYPED: Final = _NO_TEXT | {"hidden", "checkbox"}


@dataclass(frozen=True)
class Refilled:
    """A page with a form that was sent to the wanted address."""

    page: str
    has_typing: bool
    """Whether the form asks for more than a tick: else there is nothing to give back."""


def refill(
    page: str,
    address: str,
    pairs: Iterable[tuple[str, str]],
    *,
    note: str,
    may_fill: Callable[[str], bool],
) -> Refilled | None:
    """Return ``page`` with ``pairs`` in its first form that posts to ``address``.

    ``note`` is HTML for the form's beginning. Fields that ``may_fill`` refuses stay as they are.
    ``None``: the page has no such form.
    """
    filler = _Filler(page, address, pairs, may_fill)
    filler.feed(page)
    filler.close()
    if filler.begin is None:
        return None
    filler.edits.append((filler.begin, filler.begin, note))
    return Refilled(_edited(page, filler.edits), filler.has_typing)


def _edited(page: str, edits: Iterable[tuple[int, int, str]]) -> str:
    parts, done = [], 0
    for start, end, text in sorted(edits):
        parts += [page[done:start], text]
        done = end
    return "".join([*parts, page[done:]])


class _Filler(HTMLParser):
    """Finds the form and what is to be written where; changes nothing by itself."""

    def __init__(
        self,
        page: str,
        address: str,
        pairs: Iterable[tuple[str, str]],
        may_fill: Callable[[str], bool],
    ) -> None:
        super().__init__(convert_charrefs=False)
        self.edits: list[tuple[int, int, str]] = []
        self.begin: int | None = None
        """Where the form's content begins."""
        self.has_typing = False
        self._lines = _starts(page)
        self._address, self._may_fill = address, may_fill
        self._values: dict[str, list[str]] = defaultdict(list)
        for name, value in pairs:
            self._values[name].append(value)
        self._handlers: dict[str, Callable[[Attributes], None]] = {
            "form": self._enter,
            "input": self._input,
            "option": self._option,
            "select": self._begin_select,
            "textarea": self._begin_text,
        }
        self._is_inside = False
        self._select = ""
        self._text_from: int | None = None
        self._text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        handle = self._handlers.get(tag)
        if handle is not None and (self._is_inside or tag == "form"):
            handle(dict(attrs))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._is_inside = False
        elif tag == "select":
            self._select = ""
        elif tag == "textarea" and self._text_from is not None:
            self.edits.append((self._text_from, self._here(), "\n" + escape(self._text)))
            self._text_from = None

    def _enter(self, attrs: Attributes) -> None:
        posts = (attrs.get("method") or "").lower() == "post"
        if self.begin is None and posts and (attrs.get("action") or self._address) == self._address:
            self._is_inside = True
            self.begin = self._after()

    def _input(self, attrs: Attributes) -> None:
        kind, name = (attrs.get("type") or "text").lower(), attrs.get("name") or ""
        self.has_typing = self.has_typing or (bool(name) and kind not in _NOT_TYPED)
        if kind in _NO_TEXT or not self._is_free(name):
            return
        if kind in _TICKS:
            self._replace("input", _marked(attrs, "checked", self._holds(name, attrs)))
        elif self._values.get(name):
            self._replace("input", attrs | {"value": self._next(name)})

    def _option(self, attrs: Attributes) -> None:
        if self._select:
            self._replace("option", _marked(attrs, "selected", self._holds(self._select, attrs)))

    def _begin_select(self, attrs: Attributes) -> None:
        self.has_typing = True
        name = attrs.get("name") or ""
        self._select = name if self._is_free(name) and name in self._values else ""

    def _begin_text(self, attrs: Attributes) -> None:
        self.has_typing = True
        name = attrs.get("name") or ""
        if self._is_free(name) and self._values.get(name):
            self._text_from, self._text = self._after(), self._next(name)

    def _is_free(self, name: str) -> bool:
        return bool(name) and self._may_fill(name)

    def _holds(self, name: str, attrs: Attributes) -> bool:
        return (attrs.get("value") or "") in self._values.get(name, [])

    def _next(self, name: str) -> str:
        values = self._values[name]
        return values.pop(0) if len(values) > 1 else values[0]

    def _replace(self, tag: str, attrs: Attributes) -> None:
        self.edits.append((self._here(), self._after(), _tag(tag, attrs)))

    def _here(self) -> int:
        line, column = self.getpos()
        return self._lines[line - 1] + column

    def _after(self) -> int:
        return self._here() + len(self.get_starttag_text() or "")


def _starts(page: str) -> list[int]:
    """Return where each line begins, counted as the parser counts: by line feeds alone."""
    return [0, *accumulate(len(line) + 1 for line in page.split("\n"))]


def _marked(attrs: Attributes, mark: str, is_set: bool) -> Attributes:
    plain = {name: value for name, value in attrs.items() if name != mark}
    return plain | {mark: None} if is_set else plain


def _tag(tag: str, attrs: Attributes) -> str:
    written = (
        name if value is None else f'{name}="{escape(value)}"' for name, value in attrs.items()
    )
    return f"<{' '.join((tag, *written))}>"
