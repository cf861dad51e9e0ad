"""The bill of materials of the server: what ``requirements.lock`` pins, as CycloneDX 1.6.

The same lock file gives the same bytes; the time is that of the newest commit, or none.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

BOM: Final = Path("build/sbom.cdx.json")
LOCK: Final = Path("requirements.lock")


def write(target: Path, lock: Path = LOCK, *, moment: str = "0", is_checked: bool = False) -> None:
    """Write the bill; ``moment`` is its time in seconds since 1970.

    ``is_checked``: against its schema, which takes longer than making it.

    Raises:
        CalledProcessError: the lock file cannot be read, or the bill would break its schema.
    """
    command = [sys.executable, "-m", "cyclonedx_py", "requirements", str(lock)]
    options = ("--pyproject", "pyproject.toml", "--output-reproducible", "--short-PURLs")
    kind = ("--spec-version", "1.6", "--output-format", "JSON")
    check = "--validate" if is_checked else "--no-validate"
    subprocess.run(  # noqa: S603 - our own words
        [*command, *options, *kind, check, "--output-file", str(target)],
        check=True,
        env={**os.environ, "SOURCE_DATE_EPOCH": moment, "PYTHONWARNINGS": "ignore"},
    )


def _moment() -> str:
    asked = ["git", "log", "-1", "--format=%ct"]
    answer = subprocess.run(asked, capture_output=True, text=True, check=False)  # noqa: S603
    return answer.stdout.strip() or "0"


def main() -> None:
    """Write the bill into ``build``."""
    BOM.parent.mkdir(exist_ok=True)
    write(BOM, moment=_moment(), is_checked=True)
    sys.stdout.write(f"{BOM}\n")


if __name__ == "__main__":
    main()
