"""Readers' names for people: drivers add serial numbers and counters that nobody can tell apart."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

_NOISE: Final = re.compile(r"\[[^\]]*\]|\([^)]*\)|(?:\s[0-9A-Fa-f]{1,2}){1,2}\s*$")
"""The interface in brackets, the serial number, and pcscd's or Windows' counters at the end."""


def friendly(name: str) -> str:
    """Return what is printed on the reader as far as its name tells: make and model."""
    short = " ".join(_NOISE.sub(" ", name).split())
    return short or name.strip() or "?"


def friendly_names(names: Iterable[str]) -> Mapping[str, str]:
    """Return each name's friendly one; equal ones are numbered, so that no two are the same."""
    names = list(dict.fromkeys(names))
    shared = Counter(map(friendly, names))
    numbers: Counter[str] = Counter()
    told: dict[str, str] = {}
    for name in names:
        short = friendly(name)
        told[name] = short if shared[short] == 1 else _free(short, numbers, told, shared)
    return told


def _free(short: str, numbers: Counter[str], told: Mapping[str, str], taken: Counter[str]) -> str:
    while True:
        numbers[short] += 1
        numbered = f"{short} ({numbers[short]})"
        if numbered not in taken and numbered not in told.values():
            return numbered
