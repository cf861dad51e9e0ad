"""What must hold for every page that anybody fetches."""

import io
import re
from collections import Counter
from copy import deepcopy
from functools import lru_cache, partial
from typing import Final
from xml.etree.ElementTree import Element

import html5lib

VOID_OF_MEANING = frozenset({"rt", "rp"})
EXECUTABLE = ("onclick", "onsubmit", "onload", "onchange", "style")

_TOKEN: Final = re.compile(r'(?:(?<=[="])|(?<=[^<]/))[\w-]{22,}(?:\.[\w-]+)*', re.ASCII)
"""A random value, inside a value: no character of it means anything in HTML."""
_BLANK: Final = re.compile("\ue000([0-9]+)\ue000")
"""What stands for a token in a page that is kept."""


def parse(html: str) -> Element:
    """Return the tree of a page; a parse error of the HTML standard is a failure.

    The reference parser takes as long as the page did, and a suite sees most pages again and again
    with other random values in them: each is parsed once.
    """
    tokens = list(dict.fromkeys(_TOKEN.findall(html)))
    number = {token: f"\ue000{place}\ue000" for place, token in enumerate(tokens)}
    tree = deepcopy(_parsed(_TOKEN.sub(lambda found: number[found[0]], html)))
    _fill_in(tree, tokens)
    return tree


@lru_cache(maxsize=1000)
def _parsed(html: str) -> Element:
    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
    tree: Element = parser.parse(io.StringIO(html))
    return tree


def _fill_in(tree: Element, tokens: list[str]) -> None:
    fill = partial(_BLANK.sub, lambda found: tokens[int(found[1])])
    for element in tree.iter():
        element.text = element.text and fill(element.text)
        element.tail = element.tail and fill(element.tail)
        for name, value in element.attrib.items():
            element.attrib[name] = fill(value)


def words(element: Element) -> str:
    """Return the text of ``element`` without readings, its white space collapsed."""
    return " ".join("".join(_texts(element)).split())


def check_page(html: str) -> Element:
    """Check what holds for every page and return its tree."""
    tree = parse(html)
    headings = list(tree.iter("h1"))
    assert len(headings) == 1, [words(heading) for heading in headings]
    title = words(next(tree.iter("title"))).removeprefix("エラー：").removeprefix("Error: ")
    assert title.startswith(words(headings[0])), (title, words(headings[0]))
    _check_ids(tree)
    _check_no_inline_code(tree)
    _check_controls_have_names(tree)
    _check_references(tree)
    assert tree.attrib["lang"] in {"ja", "ja-x-yasashii", "en"}
    assert "{" not in "".join(tree.itertext()), "a reading that was not made into ruby"
    return tree


def _texts(element: Element) -> list[str]:
    if element.tag in VOID_OF_MEANING:
        return []
    parts = [element.text or ""]
    for child in element:
        parts += _texts(child)
        parts.append(child.tail or "")
    return parts


def _ids(tree: Element) -> list[str]:
    return [element.attrib["id"] for element in tree.iter() if "id" in element.attrib]


def _check_ids(tree: Element) -> None:
    twice = [name for name, count in Counter(_ids(tree)).items() if count > 1]
    assert not twice, twice


def _check_no_inline_code(tree: Element) -> None:
    for element in tree.iter():
        assert element.tag != "style"
        assert not set(EXECUTABLE) & element.attrib.keys(), element.attrib
        if element.tag == "script":
            assert element.attrib["src"].startswith("/static/")
        for name in ("href", "src", "action"):
            assert not element.attrib.get(name, "").startswith(("javascript:", "data:", "//"))


def _check_controls_have_names(tree: Element) -> None:
    labelled = {label.attrib["for"] for label in tree.iter("label")}
    for control in tree.iter("input"):
        if control.attrib.get("type") != "hidden":
            assert control.attrib["id"] in labelled, control.attrib
    for button in tree.iter("button"):
        assert words(button)


def _check_references(tree: Element) -> None:
    ids = set(_ids(tree))
    for element in tree.iter():
        for name in ("aria-describedby", "aria-labelledby", "for"):
            assert set(element.attrib.get(name, "").split()) <= ids, element.attrib
        target = element.attrib.get("href", "")
        if target.startswith("#"):
            assert target[1:] in ids, target
