"""The demo as a process of its own, on free ports and in a folder of its own."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3

from tests.servers import free_port

START_SECONDS = 60


@dataclass(frozen=True)
class RunningDemo:
    """A demo that answers; ``facts`` is the content of its ``demo.json``."""

    facts: dict[str, Any]
    data: Path
    process: subprocess.Popen[bytes]

    @property
    def origin(self) -> str:
        """Where the site is."""
        address: str = self.facts["console"]["url"]
        return address.removesuffix("/console/")

    @property
    def bridge(self) -> str:
        """Where the card bridge is."""
        address: str = self.facts["bridge"]
        return address

    def patient_url(self, channel: str) -> str:
        """Return the patient's URL of a channel as it was when the demo began."""
        address: str = self.facts["patient_urls"][channel]
        return address

    @property
    def environ(self) -> dict[str, str]:
        """The settings of the demo, as another process of the same site needs them."""
        lines = (self.data / "demo.env").read_text("utf-8").splitlines()
        words = (shlex.split(line)[1].partition("=") for line in lines)
        return {name: value for name, _, value in words}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command line on the demo's own database and keys."""
        return subprocess.run(
            [sys.executable, "-m", "zaitaku", *arguments],
            env={**os.environ, **self.environ},
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )


@contextmanager
def running_demo(data: Path, *options: str, is_empty: bool = True) -> Iterator[RunningDemo]:
    """Run ``zaitaku demo`` and end it as a person would: with Ctrl-C."""
    begin = ("--empty",) if is_empty else ()
    environ = {
        **os.environ,
        "ZAITAKU_DATA": str(data),
        "ZAITAKU_PORT": str(free_port()),
        "ZAITAKU_BRIDGE_PORT": str(free_port()),
        "ZAITAKU_PROVIDER_PORT": str(free_port()),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "zaitaku", "demo", *begin, *options],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        _wait_for_words(process, "Ctrl-C")
        facts = json.loads((data / "demo.json").read_text("utf-8"))
        yield RunningDemo(facts, data, process)
    finally:
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=30)
    assert process.returncode == 0, output.decode()


def _wait_for_words(process: subprocess.Popen[bytes], words: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    assert process.stdout is not None
    said = ""
    while words not in said.rpartition("demo.json")[2]:
        line = process.stdout.readline()
        said += line.decode()
        assert line, f"the demo ended:\n{said}"
        assert time.monotonic() < deadline, f"the demo does not come up:\n{said}"


def answers(address: str) -> int:
    """Return the status with which ``address`` answers."""
    return urllib3.request("GET", address, timeout=5, retries=False).status
