"""What the test authority has issued and revoked: one small file each, so nothing is overwritten.

Serial numbers stand here in the clear, as they do in any authority's own books; they are of people
who do not exist.
"""

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from zaitaku.core.files import write_once


class Standing(StrEnum):
    """What the register says about a serial number."""

    GOOD = "good"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


class Register:
    """The books of one root generation."""

    def __init__(self, folder: Path) -> None:
        self._issued = folder / "issued"
        self._revoked = folder / "revoked"
        for place in (self._issued, self._revoked):
            place.mkdir(parents=True, exist_ok=True, mode=0o700)

    def add(self, serial: int, issued_at: datetime) -> None:
        """Enter a certificate that was issued."""
        write_once(self._issued / f"{serial:x}", issued_at.isoformat().encode())

    def revoke(self, serial: int, revoked_at: datetime) -> None:
        """Enter a revocation; the first one's moment stays."""
        write_once(self._revoked / f"{serial:x}", revoked_at.isoformat().encode())

    def standing(self, serial: int) -> Standing:
        """Say how a serial number stands."""
        if self.revoked_since(serial) is not None:
            return Standing.REVOKED
        return Standing.GOOD if (self._issued / f"{serial:x}").exists() else Standing.UNKNOWN

    def revoked_since(self, serial: int) -> datetime | None:
        """Return the moment of a revocation, or ``None``."""
        try:
            return datetime.fromisoformat((self._revoked / f"{serial:x}").read_text())
        except FileNotFoundError:
            return None

    def revoked(self) -> Iterator[tuple[int, datetime]]:
        """Yield every revoked serial number with its moment."""
        for path in sorted(self._revoked.glob("[0-9a-f]*")):
            yield int(path.name, 16), datetime.fromisoformat(path.read_text())
