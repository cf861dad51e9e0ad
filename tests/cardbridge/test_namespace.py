"""The harness itself: what is inside stays inside and ends, and no inside is told plainly."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests import pcscd
from tests.cardbridge.namespace import InnerFailure, InnerRun
from tests.pcscd import NamespaceError, namespace_command, run_in_namespace

ROOT = Path(__file__).parents[2]


def _sleepers(name: str) -> list[int]:
    """Return the processes that sleep for ``name`` seconds."""
    found = psutil.process_iter(["cmdline"])
    return [
        process.pid for process in found if (process.info["cmdline"] or [])[-2:] == ["sleep", name]
    ]


def _gone(name: str) -> bool:
    deadline = time.monotonic() + 10
    while _sleepers(name) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not _sleepers(name)


def test_a_command_runs_with_loopback_alone_and_an_empty_run() -> None:
    code = (
        "import os, socket; print([name for _, name in socket.if_nameindex()], os.listdir('/run'));"
        "s = socket.create_server(('127.0.0.1', 0)); socket.create_connection(s.getsockname());"
        "raise SystemExit(7)"
    )
    done = run_in_namespace([sys.executable, "-c", code], seconds=30)
    assert (done.stdout.strip(), done.returncode) == ("['lo'] []", 7), done.stderr


def test_what_a_command_leaves_running_ends_with_it() -> None:
    name = f"9001.{os.getpid()}"
    run_in_namespace(["sh", "-c", f"setsid sleep {name} & sleep 0.1"], seconds=30)
    assert _gone(name)


def test_everything_ends_when_the_outside_is_killed() -> None:
    name = f"9002.{os.getpid()}"
    outer = subprocess.Popen(namespace_command(["sleep", name]))
    deadline = time.monotonic() + 10
    while not _sleepers(name) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert _sleepers(name)
    outer.kill()
    outer.wait()
    assert _gone(name)


def test_a_command_that_takes_too_long_is_ended() -> None:
    name = f"9003.{os.getpid()}"
    with pytest.raises(NamespaceError, match="timed out"):
        run_in_namespace(["sleep", name], seconds=1)
    assert _gone(name)


def test_a_machine_without_namespaces_fails_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = ["sh", "-c", "echo unshare: Operation not permitted >&2; exit 1"]
    monkeypatch.setattr(pcscd, "namespace_command", lambda _: refused)
    inner = InnerRun(ROOT, tmp_path / "report")
    inner.add("tests/test_nothing.py::test_nothing")
    with pytest.raises(NamespaceError, match=r"needs mount, network(.|\n)*Operation not permitted"):
        inner.check("tests/test_nothing.py::test_nothing")


@pytest.mark.parametrize(
    ("body", "message"),
    [("assert 1 + 1 == 3", "1 \\+ 1"), ("pytest.skip('no')", "no"), ("pass", None)],
)
def test_what_happened_inside_is_reported_outside(
    tmp_path: Path, body: str, message: str | None
) -> None:
    (tmp_path / "conftest.py").write_text(
        "from tests.cardbridge.namespace import pytest_runtest_logreport\n"
    )
    (tmp_path / "test_it.py").write_text(f"import pytest\ndef test_it():\n    {body}\n")
    (tmp_path / "pytest.ini").write_text(f"[pytest]\npythonpath = {ROOT}\n")
    inner = InnerRun(tmp_path, tmp_path / "report")
    name = f"{tmp_path / 'test_it.py'}::test_it"
    inner.add(name)
    if message is None:
        inner.check("test_it.py::test_it")
    else:
        with pytest.raises(InnerFailure, match=message):
            inner.check("test_it.py::test_it")
    with pytest.raises(InnerFailure, match="did not run inside"):
        inner.check("test_it.py::test_other")
