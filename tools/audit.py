"""Known vulnerabilities of the locked dependencies, asked of the service of pip-audit.

Ends with status 1 where one is known, and with 2 where the service gave no answer: nothing was
checked then. ``--offline`` is for a machine without a way out: it says so too, and ends with 0.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

LOCKS: Final = ("requirements.lock", "requirements-dev.lock")
PATIENCE_SECONDS: Final = 300
VULNERABLE: Final = 1
UNCHECKED: Final = 2


@dataclass(frozen=True)
class Answer:
    """What is known of the packages of one lock file."""

    asked: int
    unknown: int
    vulnerable: tuple[str, ...]

    @property
    def audited(self) -> int:
        """How many packages the service knows."""
        return self.asked - self.unknown

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


def status(answers: Iterable[Answer], *, may_be_offline: bool) -> int:
    """Return the exit status: what is known to be bad first, then what nobody has looked at."""
    known = tuple(answers)
    if any(answer.vulnerable for answer in known):
        return VULNERABLE
    is_checked = all(answer.audited for answer in known)
    return 0 if is_checked or may_be_offline else UNCHECKED


def told(lock: str, answer: Answer) -> str:
    """Return the answer as one line."""
    audited = answer.audited
    line = f"{lock}: audited={audited} not_audited={answer.unknown} vulnerable="
    line += str(len(answer.vulnerable))
    return line if audited else f"{line}  (the service gave no answer: NOTHING WAS CHECKED)"


def main() -> None:
    """Ask about every lock file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--offline", action="store_true", help="no answer is no failure")
    options = parser.parse_args()
    answers = {lock: ask(lock) for lock in LOCKS}
    for lock, answer in answers.items():
        sys.stdout.writelines(f"{line}\n" for line in (*answer.vulnerable, told(lock, answer)))
    sys.exit(status(answers.values(), may_be_offline=options.offline))


if __name__ == "__main__":
    main()
