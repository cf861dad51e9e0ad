"""Lets tests marked ``pcscd`` run in namespaces of their own, as ordinary test functions.

Outside, each marked test of a module is replaced by an item that starts pytest once inside, for
all of them together, and then reports what became of its own. Nothing is skipped: where the
machine gives no namespaces the tests fail and say why.
"""

import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import pytest

from tests.pcscd import NamespaceError, is_inside, run_in_namespace

MARKER: Final = "pcscd"
REPORT: Final = "ZAITAKU_NAMESPACE_REPORT"
"""Environment variable with the file that the inner run writes one JSON line a phase to."""
SECONDS: Final = 240.0


class InnerFailure(Exception):
    """A test failed inside; the text is its report there."""


class InnerRun:
    """The one run inside of all marked tests of a module, made when the first is asked for."""

    def __init__(self, root: Path, report: Path) -> None:
        self._root = root
        self._report = report
        self._names: list[str] = []
        self._reports: dict[str, list[dict[str, Any]]] | None = None
        self._output = ""

    def add(self, name: str) -> None:
        """Take a test along."""
        self._names.append(name)

    def check(self, name: str) -> None:
        """Return when the test passed inside.

        Raises:
            InnerFailure: it failed there, or never ran.
            NamespaceError: there is no inside.
        """
        if self._reports is None:
            self._reports = self._run()
        phases = self._reports.get(name, [])
        failures = [phase["text"] for phase in phases if phase["outcome"] != "passed"]
        if failures or not phases:
            raise InnerFailure("\n".join(failures) or f"did not run inside:\n{self._output}")

    def _run(self) -> dict[str, list[dict[str, Any]]]:
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *self._names]
        environment = {REPORT: str(self._report), "PYTEST_ADDOPTS": "", "PYTEST_XDIST_WORKER": ""}
        self._report.unlink(missing_ok=True)
        done = run_in_namespace(command, seconds=SECONDS, environment=environment)
        self._output = f"exit status {done.returncode}\n{done.stdout}\n{done.stderr}"
        if not self._report.exists():
            raise NamespaceError(
                "pcscd needs mount, network and process namespaces of its own (root, or user "
                f"namespaces allowed) and nothing ran in them: {self._output}"
            )
        lines = self._report.read_text("utf-8").splitlines()
        self._report.unlink()
        return _by_test(lines)


def _by_test(lines: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
    reports: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        entry = json.loads(line)
        reports.setdefault(entry["test"], []).append(entry)
    return reports


class NamespacedItem(pytest.Item):
    """Stands for one marked test, outside."""

    inner: InnerRun
    test: str

    def runtest(self) -> None:
        """Ask the inner run."""
        self.inner.check(self.test)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], *_: object) -> str:
        """Show the report from inside as it is."""
        return str(excinfo.value)


def _stand_in(item: pytest.Item, inner: InnerRun) -> NamespacedItem:
    assert item.parent is not None
    stand_in: NamespacedItem = NamespacedItem.from_parent(item.parent, name=item.name)
    stand_in.inner, stand_in.test = inner, item.nodeid
    for marker in item.iter_markers():
        stand_in.add_marker(marker.name)
    inner.add(item.nodeid)
    return stand_in


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Replace what remains of the marked tests after every deselection."""
    if is_inside():
        return
    folder = Path(config.rootpath, ".pytest_cache", "namespaces")
    folder.mkdir(parents=True, exist_ok=True)
    inners: dict[Path, InnerRun] = {}
    for number, item in enumerate(items):
        if isinstance(item, NamespacedItem) or item.get_closest_marker(MARKER) is None:
            continue
        report = folder / f"{item.path.stem}-{os.getpid()}.jsonl"
        inner = inners.setdefault(item.path, InnerRun(config.rootpath, report))
        items[number] = _stand_in(item, inner)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Write what became of a test, inside."""
    target = os.environ.get(REPORT)
    if not is_inside() or target is None:
        return
    entry = {"test": report.nodeid, "outcome": report.outcome, "text": report.longreprtext}
    with Path(target).open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(entry) + "\n")
