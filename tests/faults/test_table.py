"""A run that can be stopped and gone on with, and the sum at its end."""

import sys
from pathlib import Path

import pytest

from bench.faults import __main__ as program
from bench.faults.harness import Stage
from bench.faults.row import Row
from bench.faults.rows import ROWS
from bench.faults.verdict import Verdict


class Faults:
    """Rows of which the second breaks off the first time."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.rows = (
            Row("whole", self.whole),
            Row("broken", self.broken),
            Row("control", self.control, must_lose=True),
        )

    def whole(self, _stage: Stage) -> Verdict:
        self.ran.append("whole")
        return Verdict(acked=5)

    def broken(self, stage: Stage) -> Verdict:
        self.ran.append("broken")
        if self.ran.count("broken") == 1:
            (stage.folder / "serve.log").write_text("the reason")
            raise TimeoutError
        return Verdict(acked=stage.scale.acked)

    def control(self, _stage: Stage) -> Verdict:
        self.ran.append("control")
        return Verdict(acked=3, lost=1)


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> Faults:
    made = Faults()
    monkeypatch.setattr(program, "ROWS", made.rows)
    return made


def run(monkeypatch: pytest.MonkeyPatch, kept: Path, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["faults", "--kept", str(kept), *words])
    with pytest.raises(SystemExit) as ended:
        program.main()
    return int(ended.value.code or 0)


def test_a_run_goes_on_where_it_was(
    faults: Faults,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    kept = tmp_path / "faults.jsonl"
    assert run(monkeypatch, kept, "--acked", "7") == 1
    assert "failed: broken" in capsys.readouterr().out
    assert (tmp_path / "faults" / "broken" / "serve.log").read_text() == "the reason"
    assert run(monkeypatch, kept, "--acked", "7", "--resume") == 0
    assert faults.ran == ["whole", "broken", "control", "broken"]
    resumed = capsys.readouterr().out
    assert run(monkeypatch, kept, "--table") == 0
    told = capsys.readouterr().out
    assert sorted(told.splitlines()) == sorted(resumed.splitlines())
    assert told.splitlines()[-1] == "acked=12 lost=0 doubled=0 stale=0"


def test_a_table_with_a_row_that_failed_is_no_success(
    faults: Faults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "faults.jsonl"
    assert run(monkeypatch, kept, "--rows", "whole") == 0
    assert run(monkeypatch, kept, "--rows", "broken") == 1
    assert run(monkeypatch, kept, "--table") == 1
    assert faults.ran == ["whole", "broken"]


def test_a_table_of_some_rows_is_no_failure_and_counts_them(
    faults: Faults,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    kept = tmp_path / "faults.jsonl"
    assert run(monkeypatch, kept, "--rows", "whole") == 0
    capsys.readouterr()
    assert run(monkeypatch, kept, "--table") == 0
    assert "\n1 of 3 rows (2 have not run) in " in capsys.readouterr().out


def test_the_whole_is_as_large_as_was_asked_for() -> None:
    assert sum(row.scale.acked for row in ROWS if row.is_counted) >= 20_000
