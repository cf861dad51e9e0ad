"""Instances of ``zaitaku serve`` that a test starts, restarts and ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from zaitaku.commands.ready import ask

START_SECONDS = 90
STOP_SECONDS = 60


@dataclass
class Instance:
    """One ``zaitaku serve`` on a port of its own."""

    port: int
    environ: Mapping[str, str]
    log: Path
    drain_seconds: int = 1
    process: subprocess.Popen[bytes] = field(init=False)

    def start(self) -> None:
        """Start it; ``wait`` tells when it is ready."""
        command = [sys.executable, "-m", "zaitaku", "serve", "--port", str(self.port)]
        command += ["--no-own-worker", "--drain-seconds", str(self.drain_seconds)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, env={**os.environ, **self.environ}, stdout=log, stderr=log
            )

    def wait(self) -> None:
        """Wait until it says that it can work."""
        deadline = time.monotonic() + START_SECONDS
        while (answer := self.ask()) != "":
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{answer}\n{self.log.read_text('utf-8')}")
            time.sleep(0.1)

    def ask(self) -> str:
        """Return why it is not ready; empty when it is."""
        return ask("127.0.0.1", self.port, self.environ)

    def tell_to_end(self) -> None:
        """Ask it to end, as systemd and containers do."""
        self.process.send_signal(signal.SIGTERM)

    def end(self) -> int:
        """End it and return its exit status."""
        self.tell_to_end()
        return self.process.wait(STOP_SECONDS)

    def kill(self) -> None:
        """Make sure that it is gone."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(STOP_SECONDS)
