"""One demo at a time in one data folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from zaitaku.core.errors import SettingsError
from zaitaku.operating.reasons import file_trouble


@contextmanager
def sole_use(folder: Path) -> Iterator[None]:
    """Hold ``folder`` until the block ends; the lock dies with its process.

    Raises:
        SettingsError: another demo holds it, or it cannot be written.
    """
    import fcntl  # noqa: PLC0415 - only Unix has it, and only the demo needs it

    with _made(folder) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SettingsError(
                f"{folder} では、もう別のデモが動いています。ZAITAKU_DATA で別の場所にできます。"
            ) from error
        yield


def _made(folder: Path) -> TextIO:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return (folder / "lock").open("w")
    except OSError as error:
        raise SettingsError(
            f"{folder} に書けません（{file_trouble(error)}）。ZAITAKU_DATA で別の場所にできます。"
        ) from error
