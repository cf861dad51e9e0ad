"""Gaps in a page that is made once: where each patient's own values are put in.

A gap knows nothing of what will fill it, so nothing that is made with gaps can hold or depend on
it. Gaps stand in a text between NUL characters, which nothing that people type can hold
(``characters``); a text is cut at them once, before anything is put in.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final, NoReturn, Self

from markupsafe import Markup, escape

_EDGE: Final = "\N{NULL}"
_MARKS: Final = re.compile("[&<>'\"]")
"""What means something in HTML: a text without any is the same when it is escaped."""


class GapLookedAtError(Exception):
    """A template wants to know of a value what only the value itself could tell."""


class Gap:
    """The place of one value: it can be written into HTML, and that is all.

    It counts as true: a value that is empty leaves no gap, and pages with and without it differ.
    """

    __slots__ = ("_mark",)

    def __init__(self, name: str) -> None:
        self._mark = f"{_EDGE}{name}{_EDGE}"

    def __html__(self) -> str:
        """Return what stands in the page where the value will be."""
        return self._mark

    def __getattr__(self, name: str) -> NoReturn:
        raise GapLookedAtError(name)

    def __getitem__(self, _: object) -> NoReturn:
        raise GapLookedAtError

    def __str__(self) -> str:
        raise GapLookedAtError

    def __repr__(self) -> str:
        raise GapLookedAtError

    def __format__(self, _: str) -> str:
        raise GapLookedAtError

    def __eq__(self, _: object) -> bool:
        raise GapLookedAtError

    def __hash__(self) -> int:
        raise GapLookedAtError


@dataclass(frozen=True)
class GappedPage:
    """A page without its own values, cut at its gaps."""

    texts: tuple[bytes, ...]
    """One more than there are gaps; UTF-8, in which a page is smallest."""
    names: tuple[str, ...]
    """Which value comes after each text but the last."""

    @classmethod
    def cut(cls, text: str) -> Self:
        """Cut ``text`` where gaps were written into it."""
        parts = text.split(_EDGE)
        return cls(tuple(part.encode() for part in parts[::2]), tuple(parts[1::2]))

    def filled(self, values: Mapping[str, str]) -> bytes:
        """Return the page with a value in each gap, escaped unless it is safe already.

        Raises:
            KeyError: a value is missing.
        """
        own = [
            (each if isinstance(each, Markup) or not _MARKS.search(each) else escape(each)).encode()
            for each in map(values.__getitem__, self.names)
        ]
        return b"".join(chain.from_iterable(zip(self.texts, [*own, b""], strict=True)))


def nested(values: Mapping[str, object]) -> dict[str, object]:
    """Return ``values`` as templates read them: ``facility.name`` is the ``name`` of a mapping."""
    result: dict[str, Any] = {}
    for name, value in values.items():
        group, _, field = name.partition(".")
        if field:
            result.setdefault(group, {})[field] = value
        else:
            result[name] = value
    return result
