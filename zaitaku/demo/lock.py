"""One demo at a time in one data folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from zaitaku.core.errors import SettingsError


@contextmanager
def sole_use(folder: Path) -> Iterator[None]:
    """Hold ``folder`` until the block ends; the lock dies with its process.

    Raises:
        SettingsError: another demo holds it.
    """
    import fcntl  # noqa: PLC0415 - only Unix has it, and only the demo needs it

    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SettingsError(
                f"{folder} では、もう別のデモが動いています。ZAITAKU_DATA で別の場所にできます。"
            ) from error
        yield
