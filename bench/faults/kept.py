"""What rows have come to, kept as they end: a run that broke off can go on where it was."""

import json
import subprocess
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Self

from bench.faults.row import Row
from bench.faults.verdict import Verdict

DEFAULT: Final = Path("build") / "faults.jsonl"


@dataclass(frozen=True)
class Result:
    """How one row ended."""

    row: str
    verdict: Verdict
    passed: bool
    seconds: float
    commit: str
    """Of the product that was hurt; with ``-dirty`` what was not committed yet."""
    ended: str
    """The day (UTC)."""

    @classmethod
    def of(cls, row: Row, verdict: Verdict, seconds: float) -> Self:
        """Judge a verdict of just now."""
        today = datetime.now(UTC).date().isoformat()
        return cls(row.name, verdict, row.passes(verdict), seconds, commit(), today)


def keep(path: Path, result: Result) -> None:
    """Add a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(asdict(result), ensure_ascii=False) + "\n")


def read(path: Path) -> list[Result]:
    """Return what was kept; of a row that ran more than once the last."""
    if not path.exists():
        return []
    found = (_result(json.loads(line)) for line in path.read_text("utf-8").splitlines())
    return list({result.row: result for result in found}.values())


def _result(body: dict[str, Any]) -> Result:
    return Result(**{**body, "verdict": Verdict(**body["verdict"])})


def commit() -> str:
    """Return the name of the commit that lies here, or ``unknown``."""
    command = ["git", "--no-optional-locks", "describe", "--always", "--dirty", "--exclude=*"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return told.stdout.strip()
