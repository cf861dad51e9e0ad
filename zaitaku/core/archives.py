"""Archives (ZIP) that are sent while they are made, so that their size costs no memory."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from zaitaku.core.clock import JST

ARCHIVE_TYPE: Final = "application/zip"


class GrowingFile:
    """A file that only grows: what was written is handed on and forgotten."""

    def __init__(self) -> None:
        self._held: list[bytes] = []

    def write(self, content: bytes) -> int:
        """Hold what is written until it is taken."""
        self._held.append(bytes(content))
        return len(content)

    def flush(self) -> None:
        """Do nothing: there is nothing below."""

    def close(self) -> None:
        """Do nothing: there is nothing to give back."""

    def taken(self) -> bytes:
        """Return what was written since the last time."""
        content = b"".join(self._held)
        self._held.clear()
        return content


def zipped(files: Iterable[tuple[str, Iterable[bytes]]], *, at: datetime) -> Iterator[bytes]:
    """Yield an archive of ``files`` (name, content in pieces), each dated ``at``, in Japan's time.

    A file's content is asked for when the one before it is written.
    """
    sink = GrowingFile()
    with ZipFile(sink, "w", ZIP_DEFLATED) as archive:
        for name, content in files:
            entry = ZipInfo(name, at.astimezone(JST).timetuple()[:6])
            entry.compress_type = ZIP_DEFLATED
            with archive.open(entry, "w", force_zip64=True) as file:
                for piece in content:
                    file.write(piece)
                    yield sink.taken()
    yield sink.taken()
