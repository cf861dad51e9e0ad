"""The site's processes: web servers and a worker, looked after as systemd would."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil
import urllib3
from urllib3.exceptions import HTTPError

from bench.faults.site import Site

START_SECONDS: Final = 180.0
RESTART_SECONDS: Final = 0.5
READY_PATH: Final = "/readyz"


class Program:
    """A process that is started again whenever it ends, until this is closed."""

    def __init__(
        self,
        command: Sequence[str],
        environ: Mapping[str, str],
        log: Path,
        *,
        prefix: Sequence[str] = (),
    ) -> None:
        self._command = [*prefix, *command]
        self._environ = {**os.environ, **environ}
        self._log = log
        self._is_over = threading.Event()
        self.starts = 0
        self.process = self._start()
        self._keeper = threading.Thread(target=self._keep, daemon=True)
        self._keeper.start()

    def _start(self) -> subprocess.Popen[bytes]:
        self.starts += 1
        with self._log.open("ab") as log:
            return subprocess.Popen(
                self._command, env=self._environ, stdout=log, stderr=log, start_new_session=True
            )

    def _keep(self) -> None:
        while not self._is_over.wait(0.1):
            if self.process.poll() is not None and not self._is_over.wait(RESTART_SECONDS):
                self.process = self._start()

    def children(self) -> list[psutil.Process]:
        """Return the processes that it has started and that live now."""
        with suppress(psutil.NoSuchProcess):
            return psutil.Process(self.process.pid).children(recursive=True)
        return []

    def kill(self) -> None:
        """Kill it and all that it has started, at once (kill -9)."""
        for process in self.children():
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.kill()

    def close(self) -> None:
        """End it for good, at once: nothing of it is needed any more."""
        self._is_over.set()
        self._keeper.join()
        self.kill()
        self.process.wait()


@dataclass
class Deployment:
    """A site that runs."""

    site: Site
    web: list[Program]
    """``zaitaku serve``, one after the other; the first is where patients go."""
    worker: Program | None
    addresses: list[str] = field(default_factory=list)
    """Where each web server is, in the same order."""

    def web_workers(self) -> list[psutil.Process]:
        """Return the processes that answer requests now."""
        return [child for program in self.web for child in program.children()]

    def kill_one_web_worker(self) -> None:
        """Kill one of the processes that answer requests, if any lives."""
        for process in self.web_workers()[:1]:
            with suppress(psutil.NoSuchProcess):
                process.kill()

    def wait_until_ready(self, seconds: float = START_SECONDS) -> None:
        """Wait until every web server says that it can serve.

        Raises:
            TimeoutError: one does not.
        """
        deadline = time.monotonic() + seconds
        for address in self.addresses:
            while not _is_ready(address):
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{address} is not ready")
                time.sleep(0.1)


@contextmanager
def deployed(
    site: Site,
    *,
    workers: int = 2,
    port: int | None = None,
    has_worker: bool = False,
    prefix: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
) -> Iterator[Deployment]:
    """Run the site with so many web worker processes, and ``zaitaku worker`` if wanted.

    ``port`` is another than patients go to, when something stands in front. ``prefix`` stands
    before each command (another network, say); ``environ`` is added to the site's settings.
    """
    settings = {**site.environ, **(environ or {})}
    command = [sys.executable, "-m", "zaitaku"]
    host, port = "127.0.0.1" if site.host == "localhost" else site.host, port or site.port
    serve = [*command, "serve", "--host", host, "--port", str(port)]
    serve += ["--workers", str(workers), "--no-own-worker"]
    with ExitStack() as stack:
        web = Program(serve, settings, site.folder / "serve.log", prefix=prefix)
        stack.callback(web.close)
        worker = None
        if has_worker:
            worker = Program(
                [*command, "worker"], settings, site.folder / "worker.log", prefix=prefix
            )
            stack.callback(worker.close)
        running = Deployment(site, [web], worker, [f"http://{site.host}:{port}"])
        running.wait_until_ready()
        yield running


def _is_ready(address: str) -> bool:
    try:
        answer = urllib3.request("GET", address + READY_PATH, timeout=2, retries=False)
    except HTTPError:
        return False
    return answer.status == 200
