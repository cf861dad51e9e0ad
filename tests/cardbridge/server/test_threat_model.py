"""Every threat has an answer, and every answer a test that is there."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[2]
MODEL = TESTS.parent / "docs" / "bridge-threat-model.md"
ROW = re.compile(r"^\| ([WSLP]\d+) \|(.*)\|$", re.MULTILINE)
NAMED = re.compile(r"`(test_\w+\.py)::(test_\w+)`")


@dataclass(frozen=True)
class Threat:
    """One row of the tables."""

    name: str
    what: str
    answer: str
    tests: tuple[tuple[str, str], ...]


def threats() -> Iterator[Threat]:
    for name, cells in ROW.findall(MODEL.read_text("utf-8")):
        what, answer, tests, _ = (cell.strip() for cell in cells.split(" | "))
        yield Threat(name, what, answer, tuple(NAMED.findall(tests)))


THREATS = list(threats())


def sources(name: str) -> list[str]:
    return [path.read_text("utf-8") for path in TESTS.rglob(name)]


def test_the_threats_are_counted_through() -> None:
    names = [threat.name for threat in THREATS]
    for letter in "WSLP":
        own = [name for name in names if name.startswith(letter)]
        assert own == [f"{letter}{number}" for number in range(1, len(own) + 1)]
    assert len(names) > 40


@pytest.mark.parametrize("threat", THREATS, ids=lambda threat: threat.name)
def test_its_answer_has_a_test(threat: Threat) -> None:
    assert threat.what
    assert threat.answer
    assert threat.tests
    missing = [
        f"{file}::{test}"
        for file, test in threat.tests
        if not any(f"def {test}(" in source for source in sources(file))
    ]
    assert missing == []
