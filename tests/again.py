"""A second look, alone, at stories that failed beside others: ``python -m tests.again``.

Browsers and card services share two cores with each other and with strangers, and a story that was
kept waiting for seconds tells nothing of the product. Whatever failed is named; a story that passes
alone is to be mended like one that fails. Nothing else has a second look: rules, records, races and
faults fail at once.
"""

import subprocess
import sys
from typing import Final

import pytest

STORIES: Final = "browser or pcscd"
_FAILED: Final = ("--last-failed", "--last-failed-no-failures=none")


def main() -> int:
    """Return 0 when all that failed were such stories and each passes alone."""
    if _pytest("-m", f"not ({STORIES})", "--collect-only") != pytest.ExitCode.NO_TESTS_COLLECTED:
        return 1
    sys.stdout.write("Once more, alone, what failed beside others:\n")
    sys.stdout.flush()
    return _pytest("-rA")


def _pytest(*words: str) -> int:
    command = [sys.executable, "-m", "pytest", "-q", *_FAILED, *words]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
