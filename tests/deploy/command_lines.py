"""The command lines of ``zaitaku`` that documents tell an operator to type."""

import re
import shlex
from collections.abc import Iterator
from itertools import takewhile

_SHELL = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`(zaitaku [^`]+)`")
_ENDS = frozenset({"&&", "||", "|", ";", ">", ">>", "<"})
_OURS = ("/bin/zaitaku", "/zaitaku-run.sh")
_STAND_INS = {
    "施設コード": "1310123450",
    "医療機関等コード": "1310123450",
    "保管した行": "heads.txt",
    "CODE": "1310123450",
    "FOLDER": "folder",
    "N": "3",
    "RING": "url",
}


def typed_in(text: str) -> Iterator[list[str]]:
    """Yield what is typed after ``zaitaku`` in the shell blocks of a document."""
    for block in _SHELL.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            yield from _calls(re.split(r"(?:^|\s)#", line)[0])


def told_in(text: str) -> Iterator[list[str]]:
    """Yield the calls that stand within sentences, but for those that only name a command."""
    for call in _INLINE.findall(_SHELL.sub("", text)):
        if not call.endswith("…"):
            yield from _calls(call.replace("[", "").replace("]", ""))


def _calls(line: str) -> Iterator[list[str]]:
    words = shlex.split(line)
    for place, word in enumerate(words):
        is_first = place == 0 or words[place - 1] in _ENDS
        if (word == "zaitaku" and is_first) or word.endswith(_OURS):
            rest = list(takewhile(lambda each: each not in _ENDS, words[place + 1 :]))
            yield from _each([_STAND_INS.get(each, each) for each in rest])


def _each(words: list[str]) -> Iterator[list[str]]:
    # ``heads|verify`` stands for two.
    choice = next((place for place, word in enumerate(words) if "|" in word), None)
    if choice is None:
        yield words
        return
    for word in words[choice].split("|"):
        yield [*words[:choice], word, *words[choice + 1 :]]
