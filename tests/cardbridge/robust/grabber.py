"""Another program that wants the same card, in a process of its own.

``python -m tests.cardbridge.robust.grabber READER`` takes a word a line and answers each with
``done`` or the name of what stood in the way: ``exclusive`` and ``shared`` take the card,
``release`` lets it go, ``use`` takes it, selects the applet, and lets it go without a reset.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from zaitaku.cardbridge.card.transport import TransportTrouble
from zaitaku.cardbridge.pcsc.api import (
    LEAVE_CARD,
    PROTOCOL_T0,
    PROTOCOL_T1,
    SHARE_EXCLUSIVE,
    load_pcsc,
)

DONE: Final = "done"
SHARE_SHARED: Final = 2
APPLET: Final = bytes.fromhex("00a4040c0ad392f000260100000001")


class Grabber:
    """The program as its starter sees it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def told(self, word: str) -> str:
        """Have it do something; return what it says."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def kill(self) -> None:
        """End it without giving it a chance to let the card go."""
        self._process.kill()
        self._process.wait()


@contextmanager
def grabber(reader: str) -> Iterator[Grabber]:
    """Run the program."""
    command = [sys.executable, "-m", "tests.cardbridge.robust.grabber", reader]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        yield Grabber(process)
        process.kill()


class _Hands:
    def __init__(self, reader: str) -> None:
        self._pcsc = load_pcsc()
        self._context = self._pcsc.establish()
        self._reader = reader
        self._handle = 0
        self._protocol = 0

    def exclusive(self) -> None:
        self._take(SHARE_EXCLUSIVE)

    def shared(self) -> None:
        self._take(SHARE_SHARED)

    def release(self) -> None:
        self._pcsc.disconnect(self._handle, LEAVE_CARD)

    def use(self) -> None:
        self.shared()
        self._pcsc.transmit(self._handle, self._protocol, APPLET)
        self.release()

    def _take(self, share: int) -> None:
        taken = self._pcsc._connected(self._context, self._reader, share, PROTOCOL_T0 | PROTOCOL_T1)
        self._handle, self._protocol = taken


def _answer(do: Callable[[], None]) -> str:
    try:
        do()
    except TransportTrouble as trouble:
        return trouble.code
    return DONE


def main() -> None:
    """Do what each line says."""
    hands = _Hands(sys.argv[1])
    words = {each.__name__: each for each in (hands.exclusive, hands.shared, hands.release)}
    words["use"] = hands.use
    for line in sys.stdin:
        sys.stdout.write(f"{_answer(words[line.strip()])}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
