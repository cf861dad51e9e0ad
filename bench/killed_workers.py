"""How a server lives through the death of its workers, one after another, while it is asked.

``python -m bench.killed_workers [--kills 8] [--pause 1.2]`` serves the bare floor under either
server with two workers, kills one of them again and again, and prints how many answers were lost
and whether the server still served at the end.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from typing import Final

import psutil

from bench.http import HttpClient
from bench.journey import FLOOR, WORKERS
from bench.serving import Served, Server, served
from tests.servers import free_port

SETTLED_SECONDS: Final = 5.0


class Asking:
    """Somebody who asks for pages until told to stop."""

    def __init__(self, origin: str) -> None:
        self._address = f"{origin}/page"
        self._end = Event()
        self.answered = self.lost = 0
        self._thread = Thread(target=self._ask)
        self._thread.start()

    def stop(self) -> None:
        """Ask no more."""
        self._end.set()
        self._thread.join()

    def _ask(self) -> None:
        client = HttpClient()
        while not self._end.is_set():
            try:
                client.request("GET", self._address)
                self.answered += 1
            except OSError:
                self.lost += 1
                client.close()
            time.sleep(0.01)


def kill_in_turn(server: Served, kills: int, pause: float) -> None:
    """Kill a worker, wait, kill the next."""
    for number in range(kills):
        with suppress(psutil.NoSuchProcess, IndexError):
            server.workers()[number % 2].kill()
        time.sleep(pause)


def is_served(origin: str) -> bool:
    """Tell whether pages are answered."""
    with suppress(OSError):
        return HttpClient().request("GET", f"{origin}/page").status == 200
    return False


def measure(kind: Server, kills: int, pause: float, tell: Callable[[str], None]) -> None:
    """Serve, kill, and tell what became of it."""
    with tempfile.TemporaryDirectory() as folder:
        environ = {"ZAITAKU_FLOOR_DATABASE": f"sqlite:///{Path(folder) / 'floor.db'}"}
        with served(kind, FLOOR, free_port(), environ, WORKERS) as server:
            asking = Asking(server.origin)
            kill_in_turn(server, kills, pause)
            time.sleep(SETTLED_SECONDS)
            asking.stop()
            tell(
                f"{kind:10} kills={kills} pause={pause} answered={asking.answered}"
                f" lost={asking.lost} serves_at_the_end={is_served(server.origin)}"
            )


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description="servers whose workers are killed")
    parser.add_argument("--kills", type=int, default=8)
    parser.add_argument("--pause", type=float, default=1.2)
    options = parser.parse_args()
    for kind in Server:
        measure(kind, options.kills, options.pause, print)


if __name__ == "__main__":
    main()
