"""What the patient prefers on this computer; nothing about people, cards or sites."""

import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

FILE: Final = "preferences.json"
LONGEST_NAME: Final = 256


class Preferences:
    """Remembered in one file of the state folder that only its owner can read.

    A file that is missing, damaged or not to be written is as good as none: it is asked again.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE

    def reader(self) -> str | None:
        """Return the name of the reader that was chosen last."""
        try:
            content = json.loads(self._file.read_text("utf-8"))
        except (OSError, ValueError):
            return None
        name = content.get("reader") if isinstance(content, dict) else None
        return name if isinstance(name, str) and 0 < len(name) <= LONGEST_NAME else None

    def remember_reader(self, name: str) -> None:
        """Remember the reader that was chosen; the file is replaced whole or not at all."""
        if not 0 < len(name) <= LONGEST_NAME:
            return
        with suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _replace(self._file, json.dumps({"reader": name}, ensure_ascii=False))


def _replace(file: Path, text: str) -> None:
    # mkstemp makes a file that only its owner can read, under a name that nobody can guess.
    handle, beside = tempfile.mkstemp(prefix=".", suffix=".new", dir=file.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        Path(beside).replace(file)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
