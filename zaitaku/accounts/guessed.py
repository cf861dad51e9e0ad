"""Passwords that are guessed first (OWASP ASVS 5.0 §6.2.4), found by what they are made of.

Of the lists of most used passwords hardly one has twelve characters. What people make of them to
get there is a known word with a year, a run of keys, or the same again: so what counts here is how
much of a password is left when those are taken out.
"""

import re
import unicodedata
from functools import cache
from typing import Final

LEAST_OF_ONES_OWN: Final = 5
"""So many characters at least must be neither a known word nor a run of keys."""
_LISTED: Final = """
administrator password passwort passw qwerty azerty admin root user login logon welcome letmein
iloveyou dragon monkey football baseball superman batman princess sunshine master shadow michael
jordan trustno starwars computer internet secret changeme default guest test temp hello freedom
whatever charlie access flower summer winter spring autumn google samsung windows pokemon
doraemon sakura japan nippon tokyo osaka zaitaku uketsuke clinic hospital pharmacy byouin iryou
yakkyoku kanri kanja mynumber aishiteru arigatou konnichiwa himitsu
"""
_WORDS: Final = tuple(_LISTED.split())
"""Longer ones before those that they hold."""
_KEYS: Final = (
    *("1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "abcdefghijklmnopqrstuvwxyz"),
    *("1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p", "qazwsxedcrfvtgbyhnujmikolp", "0123456789"),
)
_LONGEST_RUN: Final = 12
_SHORTEST_RUN: Final = 3
_ALIKE: Final = str.maketrans("@4310$5!7", "aaeiossit")
"""What is written for a letter; the known words are looked for in both spellings."""
_YEAR: Final = re.compile(r"(?:19|20)\d\d")
_SAME: Final = re.compile(r"(.{1,6}?)\1{2,}")


def is_guessed_first(password: str) -> bool:
    """Tell whether too little of a password is its owner's own."""
    plain = unicodedata.normalize("NFKC", password).lower()
    return min(_own(plain), _own(plain.translate(_ALIKE))) < LEAST_OF_ONES_OWN


def _own(text: str) -> int:
    text = _SAME.sub(r"\1", text)
    for piece in (*_WORDS, *_runs()):
        text = text.replace(piece, " ")
    left = re.sub(r"[\W_]", "", _YEAR.sub(" ", text))
    return len(set(left))


@cache
def _runs() -> tuple[str, ...]:
    rows = [row[::step] for row in _KEYS for step in (1, -1)]
    found = {
        row[start : start + length]
        for row in rows
        for length in range(_SHORTEST_RUN, _LONGEST_RUN + 1)
        for start in range(len(row) - length + 1)
    }
    return tuple(sorted(found, key=len, reverse=True))
