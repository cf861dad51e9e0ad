"""How a case is drawn: something right, damaged in a few places, or plain noise."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

CASES: Final = int(os.environ.get("ZAITAKU_FUZZ_CASES", "300"))
"""How many cases a target draws."""
SEEDS: Final = Path(__file__).parent / "seeds"
MOST_WOUNDS: Final = 5
LONGEST_NOISE: Final = 300

fuzzed = settings(
    max_examples=CASES,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)

Wound = Callable[[bytearray, int, bytes], None]


def _overwrite(data: bytearray, place: int, noise: bytes) -> None:
    data[place : place + len(noise)] = noise


def _insert(data: bytearray, place: int, noise: bytes) -> None:
    data[place:place] = noise


def _cut(data: bytearray, place: int, noise: bytes) -> None:
    del data[place : place + len(noise)]


def _end(data: bytearray, place: int, _: bytes) -> None:
    del data[place:]


def _flip(data: bytearray, place: int, noise: bytes) -> None:
    if place < len(data):
        data[place] ^= 1 << (noise[0] % 8)


def _repeat(data: bytearray, place: int, noise: bytes) -> None:
    data[place:place] = data[place : place + 4 * len(noise)]


WOUNDS: Final[tuple[Wound, ...]] = (_overwrite, _insert, _cut, _end, _flip, _repeat)


@st.composite
def damaged(draw: st.DrawFn, originals: Sequence[bytes]) -> bytes:
    """Draw one of ``originals`` with up to ``MOST_WOUNDS`` wounds; without any it is whole."""
    data = bytearray(draw(st.sampled_from(originals)))
    for _ in range(draw(st.integers(0, MOST_WOUNDS))):
        wound = draw(st.sampled_from(WOUNDS))
        wound(data, draw(st.integers(0, len(data))), draw(st.binary(min_size=1, max_size=8)))
    return bytes(data)


def wild(originals: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Draw something damaged, or noise that never was anything."""
    return damaged(originals) | st.binary(max_size=LONGEST_NOISE)


JSON: Final = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=()), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
"""Any value that JSON can carry, halves of surrogate pairs and not-a-number included."""


@st.composite
def altered(draw: st.DrawFn, original: dict[str, Any]) -> dict[str, Any]:
    """Draw ``original`` with some members gone, replaced by any JSON, or added."""
    body = dict(original)
    for name in draw(st.lists(st.sampled_from(sorted(original)), max_size=3)):
        if draw(st.booleans()):
            body.pop(name, None)
        else:
            body[name] = draw(JSON)
    return body | draw(st.dictionaries(st.text(max_size=8), JSON, max_size=1))


def kept(target: str) -> Iterator[bytes]:
    """Return the cases that ``target`` once failed on."""
    folder = SEEDS / target
    for path in sorted(folder.glob("*")) if folder.is_dir() else ():
        yield path.read_bytes()
