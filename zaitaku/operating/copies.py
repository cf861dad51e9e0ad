"""A copy of the durable store in a folder of its own, with a manifest that proves it whole."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Self

from zaitaku.core.errors import ZaitakuError
from zaitaku.core.files import write_private
from zaitaku.operating.reasons import file_trouble

MANIFEST: Final = "manifest.json"
PREFIX: Final = "zaitaku-"
DATABASE_FILE: Final = "database.db"
CLUSTER_FOLDER: Final = "cluster"
_NAMED: Final = re.compile(rf"{PREFIX}\d{{8}}T")
_FORMAT: Final = 1
_BLOCK: Final = 1 << 20


class CopyDamaged(ZaitakuError):
    """A copy is not what its manifest says; it is not to be restored from."""

    code = "copy-damaged"


class NoCopy(CopyDamaged):
    """A folder, which ``detail`` names, is no copy and does not look as if it had been one."""

    code = "no-copy"


class CopyUnreadable(CopyDamaged):
    """Nobody can tell what a copy is, since its manifest cannot be read here."""

    code = "copy-unreadable"


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
            raise CopyDamaged(f"{MANIFEST} の日時に、時差がありません")

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read the manifest of the copy in ``folder``.

        Raises:
            NoCopy: there is none, nor anything else of a copy.
            CopyUnreadable: it cannot be read by whoever asks.
            CopyDamaged: there is none, or it cannot be understood.
        """
        try:
            body: Any = json.loads((folder / MANIFEST).read_text("utf-8"))
            if body["format"] != _FORMAT:
                raise CopyDamaged(f"{MANIFEST} は、この版では読めません")
            return cls(
                engine=Engine(body["engine"]),
                made_at=datetime.fromisoformat(body["made_at"]),
                version=str(body["version"]),
                revision=str(body["revision"]),
                files={str(name): str(digest) for name, digest in body["files"].items()},
            )
        except FileNotFoundError as error:
            if not _was_copy(folder):
                raise NoCopy(str(folder)) from error
            raise CopyDamaged(f"{MANIFEST} がありません") from error
        except OSError as error:
            raise CopyUnreadable(f"{folder / MANIFEST}、{file_trouble(error)}") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CopyDamaged(f"{MANIFEST} の中が、こわれています") from error

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
            raise CopyDamaged(f"{name} {_changed(found, manifest.files, name)}")
    return manifest


def newest_in(folder: Path) -> Path | None:
    """Return the newest of the copies that lie in ``folder``, by their manifests, if any does."""
    found: list[tuple[datetime, Path]] = []
    for place in folder.glob(f"{PREFIX}*"):
        with suppress(CopyDamaged):
            found.append((Manifest.read(place).made_at, place))
    return max(found)[1] if found else None


def _was_copy(folder: Path) -> bool:
    held = (folder / name for name in (DATABASE_FILE, CLUSTER_FOLDER))
    return bool(_NAMED.match(folder.resolve().name)) or any(path.exists() for path in held)


def _changed(found: Mapping[str, str], told: Mapping[str, str], name: str) -> str:
    if name not in found:
        return "がありません"
    return "が、変わっています" if name in told else "は、控えのものではありません"


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
            raise CopyDamaged(f"{path.name} は、リンクです")
        if path.is_file():
            yield path
