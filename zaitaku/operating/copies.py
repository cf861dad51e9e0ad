"""A copy of the durable store in a folder of its own, with a manifest that proves it whole."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Self

from zaitaku.core.errors import ZaitakuError
from zaitaku.core.files import write_private

MANIFEST: Final = "manifest.json"
PREFIX: Final = "zaitaku-"
_FORMAT: Final = 1
_BLOCK: Final = 1 << 20


class CopyDamaged(ZaitakuError):
    """A copy is not what its manifest says; it is not to be restored from."""

    code = "copy-damaged"


class WithinCopy(ZaitakuError):
    """Something was to be made inside a copy, which would spoil it; ``detail`` names the copy."""

    code = "within-copy"


class Engine(StrEnum):
    """Which database was copied."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


@dataclass(frozen=True)
class Manifest:
    """What a copy holds.

    Raises:
        CopyDamaged: ``made_at`` tells no time zone.
    """

    engine: Engine
    made_at: datetime
    """The moment from which on the copy was made: what was acknowledged before is in it."""
    version: str
    """The version of the product that made it."""
    revision: str
    """The newest migration that the database had seen."""
    files: Mapping[str, str]
    """SHA-256 of each file, by its path within the copy."""

    def __post_init__(self) -> None:
        if self.made_at.tzinfo is None:
            raise CopyDamaged("the manifest tells no time zone")

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read the manifest of the copy in ``folder``.

        Raises:
            CopyDamaged: there is none, or it cannot be understood.
        """
        try:
            body: Any = json.loads((folder / MANIFEST).read_text("utf-8"))
            if body["format"] != _FORMAT:
                raise CopyDamaged("the manifest is of another version of the product")
            return cls(
                engine=Engine(body["engine"]),
                made_at=datetime.fromisoformat(body["made_at"]),
                version=str(body["version"]),
                revision=str(body["revision"]),
                files={str(name): str(digest) for name, digest in body["files"].items()},
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise CopyDamaged(f"there is no readable manifest: {type(error).__name__}") from error

    def write(self, folder: Path) -> None:
        """Put the manifest into the copy in ``folder``."""
        body = {
            "format": _FORMAT,
            "engine": self.engine,
            "made_at": self.made_at.isoformat(),
            "version": self.version,
            "revision": self.revision,
            "files": dict(self.files),
        }
        text = json.dumps(body, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
        write_private(folder / MANIFEST, text.encode())


def unfinished(place: Path) -> Path:
    """Return where the copy at ``place`` lies while it is not whole, at its beginning or end."""
    return place.with_name(f".{place.name}.unfinished")


def insist_on_outside(folder: Path) -> None:
    """See that ``folder`` is no copy and lies in none: whatever is put there would spoil it.

    Raises:
        WithinCopy: it is, or lies in one.
    """
    # Resolved: "copy/.." is not within the copy.
    where = folder.resolve()
    for place in (where, *where.parents):
        with suppress(CopyDamaged):
            Manifest.read(place)
            raise WithinCopy(str(place))


def check_files(folder: Path) -> Manifest:
    """Return the manifest of the copy in ``folder`` once every file is what it says.

    Raises:
        CopyDamaged: a file is missing, was changed, or does not belong there.
    """
    manifest = Manifest.read(folder)
    found = digests(folder)
    for name in sorted(found.keys() | manifest.files.keys()):
        if found.get(name) != manifest.files.get(name):
            raise CopyDamaged(f"{name} is missing, was changed or does not belong there")
    return manifest


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file of ``folder`` but the manifest, by its path."""
    return {
        path.relative_to(folder).as_posix(): file_digest(path)
        for path in _files(folder)
        if path != folder / MANIFEST
    }


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            raise CopyDamaged(f"{path.name} is a link")
        if path.is_file():
            yield path
