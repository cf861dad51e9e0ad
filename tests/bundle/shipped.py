"""A shipped bridge under test: started in an empty environment, looked at from outside."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import urllib3

from tests.servers import free_port

PATIENCE_SECONDS = 30


@dataclass(frozen=True)
class Shipped:
    """A running bridge."""

    address: str
    process: "subprocess.Popen[str]"

    def get(self, path: str) -> urllib3.BaseHTTPResponse:
        """Fetch a page."""
        return urllib3.request("GET", self.address + path, timeout=20, retries=False)

    def page(self, path: str) -> str:
        """Return the name of the page at ``path``."""
        found = re.search(r'<main data-page="([^"]+)"', self.get(path).data.decode())
        assert found is not None
        return found[1]

    def stop(self) -> tuple[int, str, str]:
        """End it as a log-out does; return its code, output and error output."""
        self.process.terminate()
        out, err = self.process.communicate(timeout=PATIENCE_SECONDS)
        return self.process.returncode, out, err


def environment(home: Path) -> dict[str, str]:
    """Return what a desktop at least has: a home, and the system's programs."""
    home.mkdir(exist_ok=True)
    return {"HOME": str(home), "PATH": "/usr/bin:/bin"}


@contextmanager
def shipped(command: Sequence[str], home: Path) -> Iterator[Shipped]:
    """Run ``command`` as a bridge on a port of its own, far away from this house."""
    port = str(free_port())
    process = subprocess.Popen(
        [*command, "--no-open", "--port", port],
        cwd=home.parent,
        env=environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        _await_line(process, port)
        yield Shipped(f"http://127.0.0.1:{port}", process)
    finally:
        _end(process)


def _end(process: "subprocess.Popen[str]") -> None:
    """End every process of the build: the single file is a loader and the bridge itself."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=PATIENCE_SECONDS)


def _await_line(process: "subprocess.Popen[str]", port: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if f":{port}/" in line:
            return
    raise AssertionError(process.communicate(timeout=PATIENCE_SECONDS)[1])


def said(command: Sequence[str], home: Path) -> "subprocess.CompletedProcess[str]":
    """Run ``command`` to its end and return what it said."""
    return subprocess.run(
        command,
        cwd=home.parent,
        env=environment(home),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def check_walk(bridge: Shipped) -> None:
    """Walk the status page, its files, the diagnosis and a reading that is refused."""
    assert "動いています" in bridge.get("/").data.decode()
    for name in ("bridge.css", "bridge.js", "diagnosis.js"):
        assert bridge.get(f"/assets/{name}").status == 200
    assert bridge.page("/diagnosis?lang=ja-x-yasashii") == "diagnosis"
    assert bridge.page("/read?request=nonsense") == "malformed"
    code, out, err = bridge.stop()
    assert code == 0, err
    assert "終わりました" in out
    assert "Traceback" not in err
