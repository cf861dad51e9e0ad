"""Real stores that can be killed, frozen and started again where they were."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests import servers


@dataclass
class StoreServer:
    """A server in a folder that outlives its process."""

    url: str
    port: int
    folder: Path
    start: Callable[[], subprocess.Popen[bytes]]
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        """End it and what it has started without warning, and take note of its end (kill -9)."""
        self.process.kill()
        self.process.wait()

    def restart(self) -> None:
        """Start it again on the same data and wait until it answers."""
        self.process = self.start()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Keep it and its children silent while their connections stay open."""
        group = os.getpgid(self.process.pid)
        os.killpg(group, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(group, signal.SIGCONT)
