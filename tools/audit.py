"""Known vulnerabilities of the locked dependencies, asked of the service of pip-audit.

Ends with status 1 where one is known. Where the service does not know the packages or cannot be
reached, that is said, and the status is 0: a build machine without a way out must not stop.
"""

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

LOCKS: Final = ("requirements.lock", "requirements-dev.lock")
PATIENCE_SECONDS: Final = 300


@dataclass(frozen=True)
class Answer:
    """What is known of the packages of one lock file."""

    asked: int
    unknown: int
    vulnerable: tuple[str, ...]

    @classmethod
    def of(cls, packages: Iterable[Mapping[str, Any]]) -> Self:
        """Read the list that pip-audit prints."""
        known = tuple(packages)
        vulnerable = tuple(
            f"{each['name']} {each['version']}: {found['id']}"
            for each in known
            for found in each.get("vulns", ())
        )
        return cls(len(known), sum("skip_reason" in each for each in known), vulnerable)


def ask(lock: str) -> Answer:
    """Ask about one lock file; nothing is known where there is no answer."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", lock, "--disable-pip"]
    options = ("--require-hashes", "--progress-spinner", "off", "--format", "json")
    try:
        answer = subprocess.run(  # noqa: S603 - our own words
            [*command, *options],
            check=False,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
        )
        return Answer.of(json.loads(answer.stdout)["dependencies"])
    except (subprocess.TimeoutExpired, ValueError, KeyError):
        return Answer(0, 0, ())


def told(lock: str, answer: Answer) -> str:
    """Return the answer as one line."""
    audited = answer.asked - answer.unknown
    line = f"{lock}: audited={audited} not_audited={answer.unknown} vulnerable="
    line += str(len(answer.vulnerable))
    return line if audited else f"{line}  (the service gave no answer: NOTHING WAS CHECKED)"


def main() -> None:
    """Ask about every lock file."""
    answers = {lock: ask(lock) for lock in LOCKS}
    for lock, answer in answers.items():
        sys.stdout.writelines(f"{line}\n" for line in (*answer.vulnerable, told(lock, answer)))
    sys.exit(any(answer.vulnerable for answer in answers.values()))


if __name__ == "__main__":
    main()
