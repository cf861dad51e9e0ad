"""The links under a list: first, last and the pages around the one that is shown."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

AROUND: Final = 2


@dataclass(frozen=True)
class PageLink:
    """One page's number."""

    label: str
    href: str
    current: bool


@dataclass(frozen=True)
class Paging:
    """What ``components/pagination.html`` shows; an empty address: there is no such page."""

    links: tuple[PageLink, ...]
    previous: str
    following: str


def paging(number: int, pages: int, address: Callable[[int], str]) -> Paging:
    """Return the links of page ``number`` of ``pages``; ``address`` tells where a page is."""
    near = range(max(1, number - AROUND), min(pages, number + AROUND) + 1)
    shown = sorted({1, *near, pages})
    return Paging(
        links=tuple(PageLink(str(each), address(each), each == number) for each in shown),
        previous=address(number - 1) if number > 1 else "",
        following=address(number + 1) if number < pages else "",
    )
