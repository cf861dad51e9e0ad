"""The web in a network of its own (a namespace), with a cable to each of its neighbours.

Cutting a cable takes its link down: nothing says good-bye, as when somebody pulls a plug.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

NEIGHBOURS: Final = ("patients", "database", "redis")


@dataclass(frozen=True)
class Cable:
    """One pair of addresses: here, and inside the namespace."""

    here: str
    inside: str
    link: str
    """This end's name."""

    @contextmanager
    def cut(self) -> Iterator[None]:
        """Let nothing through until the block ends."""
        _ip("link", "set", self.link, "down")
        try:
            yield
        finally:
            _ip("link", "set", self.link, "up")


@dataclass(frozen=True)
class Network:
    """A namespace and its cables."""

    name: str
    cables: dict[str, Cable]

    @property
    def prefix(self) -> list[str]:
        """What stands before a command that runs inside."""
        return ["ip", "netns", "exec", self.name]


@contextmanager
def network() -> Iterator[Network]:
    """Make a namespace with a cable to each neighbour; needs root."""
    number = os.getpid() % 200
    name = f"zaitaku-{number}"
    with ExitStack() as stack:
        _ip("netns", "add", name)
        stack.callback(_ip, "netns", "del", name)
        _ip("-n", name, "link", "set", "lo", "up")
        cables = {
            neighbour: _cable(name, f"zf{number}{neighbour[0]}", f"10.{200 + turn}.{number}")
            for turn, neighbour in enumerate(NEIGHBOURS)
        }
        for cable in cables.values():  # the kernel takes its time with those of a namespace
            stack.callback(_ip, "link", "del", cable.link)
        yield Network(name, cables)


def _cable(name: str, link: str, net: str) -> Cable:
    cable = Cable(f"{net}.1", f"{net}.2", link)
    far = f"{link}w"
    _ip("link", "add", link, "type", "veth", "peer", "name", far)
    _ip("link", "set", far, "netns", name)
    _ip("addr", "add", f"{cable.here}/30", "dev", link)
    _ip("link", "set", link, "up")
    _ip("-n", name, "addr", "add", f"{cable.inside}/30", "dev", far)
    _ip("-n", name, "link", "set", far, "up")
    return cable


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)
