"""A machine of a test: one program and all that it leaves behind, which live and die together.

``python -m tests.machine COMMAND…`` runs a command and buries its orphans: Patroni's PostgreSQL is
nobody's child, and a dead postmaster that nobody buries keeps its lock.
"""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import psutil

STOP_SECONDS: Final = 20
_SET_CHILD_SUBREAPER: Final = 36
_SET_PARENT_DEATH_SIGNAL: Final = 1


class Machine:
    """A program that can be started, stopped, frozen and killed with everything it started."""

    def __init__(self, command: Sequence[str], folder: Path, environ: dict[str, str]) -> None:
        self.folder = folder
        self._command = command
        self._environ = environ
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it unless it runs."""
        if self._process is not None and self._process.poll() is None:
            return
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.machine", *self._command],
                env={**os.environ, **self._environ},
                stdout=log,
                stderr=log,
            )

    def kill(self) -> None:
        """End everything at once, as when the power fails."""
        members = self.members()
        for act in (psutil.Process.suspend, psutil.Process.kill):
            _each(members, act)
        psutil.wait_procs(members, STOP_SECONDS)
        self._bury()

    def stop(self) -> None:
        """End it in good order; what is left after a while is killed."""
        if self._process is None:
            return
        members = self.members()
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_SECONDS)
        _each(members, psutil.Process.kill)
        self._bury()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Keep all of it from doing anything while its connections stay open."""
        members = self.members()
        _each(members, psutil.Process.suspend)
        try:
            yield
        finally:
            _each(members, psutil.Process.resume)

    def members(self) -> list[psutil.Process]:
        """Return its processes of now, children after their parents; not the undertaker."""
        with suppress(psutil.NoSuchProcess):
            if self._process is not None:
                return psutil.Process(self._process.pid).children(recursive=True)
        return []

    def log(self) -> str:
        """Return the end of what it wrote."""
        return (self.folder / "log").read_text("utf-8", "replace")[-3000:]

    def _bury(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def _each(processes: Sequence[psutil.Process], act: Any) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            act(process)


def main() -> None:
    """Run the command until it and all its orphans have ended."""
    libc = ctypes.CDLL(None)
    libc.prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    libc.prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGTERM, 0, 0, 0)
    child = subprocess.Popen(sys.argv[1:])
    signal.signal(signal.SIGTERM, lambda *_: child.send_signal(signal.SIGTERM))
    with suppress(ChildProcessError):
        while True:
            os.wait()


if __name__ == "__main__":
    main()
