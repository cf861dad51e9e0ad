"""From a copy back to a database: never over one that is there."""

import shlex
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from zaitaku.core.clock import JST
from zaitaku.core.errors import ZaitakuError
from zaitaku.core.files import new_file
from zaitaku.operating.backups import check_copy
from zaitaku.operating.copies import CLUSTER_FOLDER, DATABASE_FILE, Engine, Manifest

_SQLITE_COMPANIONS: Final = ("-wal", "-shm", "-journal")
_OWNER_ONLY: Final = 0o700


class WouldOverwrite(ZaitakuError):
    """Something is there already where the copy should go; nothing was touched."""

    code = "would-overwrite"


class WrongEngine(ZaitakuError):
    """A copy of one database cannot become another."""

    code = "wrong-engine"


class NoSuchPoint(ZaitakuError):
    """A copy cannot be brought to the moment that was asked for."""

    code = "no-such-point"


def restore_file(place: Path, target: Path) -> Manifest:
    """Put a copy of a SQLite database at ``target``, whole or not at all.

    Raises:
        CopyDamaged: the copy is damaged.
        WrongEngine: it is of a PostgreSQL.
        WouldOverwrite: ``target``, or what belongs to a database there, exists.
        OSError: ``target`` cannot be written.
    """
    manifest = _checked(place, Engine.SQLITE)
    for path in (target, *(target.with_name(target.name + end) for end in _SQLITE_COMPANIONS)):
        if path.exists():
            raise WouldOverwrite(str(path))
    try:
        with new_file(target) as fresh:
            shutil.copyfile(place / DATABASE_FILE, fresh)
    except FileExistsError as error:
        raise WouldOverwrite(str(target)) from error
    return manifest


def restore_cluster(
    place: Path, target: Path, *, archive: Path | None = None, until: datetime | None = None
) -> Manifest:
    """Put a copy of a PostgreSQL cluster at ``target``, ready to be started by its own user.

    With ``archive`` (the folder of archived WAL) the server goes on from the copy through all that
    is archived, or to the moment ``until``, and then opens for writing (PostgreSQL 15, §26.3.4).

    Raises:
        CopyDamaged: the copy is damaged.
        WrongEngine: it is of a SQLite.
        NoSuchPoint: ``until`` is before the copy was made, or there is no archive to go on through.
        WouldOverwrite: ``target`` exists and is not empty.
        OSError: ``target`` cannot be written.
    """
    manifest = _checked(place, Engine.POSTGRESQL)
    _check_point(manifest, archive, until)
    if target.exists() and any(target.iterdir()):
        raise WouldOverwrite(str(target))
    shutil.copytree(place / CLUSTER_FOLDER, target, dirs_exist_ok=True)
    target.chmod(_OWNER_ONLY)
    if archive is not None:
        with (target / "postgresql.auto.conf").open("a", encoding="utf-8") as conf:
            conf.writelines(f"{line}\n" for line in _recovery(archive, until))
        (target / "recovery.signal").touch(mode=0o600)
    return manifest


def _checked(place: Path, engine: Engine) -> Manifest:
    manifest = check_copy(place)
    if manifest.engine is not engine:
        raise WrongEngine(f"控えは {manifest.engine} のものです")
    return manifest


def _check_point(manifest: Manifest, archive: Path | None, until: datetime | None) -> None:
    if archive is not None and not archive.is_dir():
        raise NoSuchPoint(f"{archive} は、フォルダーではありません")
    if until is None:
        return
    if archive is None:
        raise NoSuchPoint("--archive がないと、控えた時刻にしか戻せません")
    if until <= manifest.made_at:
        raise NoSuchPoint(
            f"控えは、それより後の {manifest.made_at.astimezone(JST):%Y-%m-%d %H:%M:%S} のものです"
        )


def _recovery(archive: Path, until: datetime | None) -> Iterator[str]:
    yield f"restore_command = {_quoted(f'cp {_shell_quoted(str(archive.resolve()))}/%f %p')}"
    if until is not None:
        moment = until.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f+00")
        yield f"recovery_target_time = {_quoted(moment)}"
        yield "recovery_target_action = 'promote'"


def _shell_quoted(path: str) -> str:
    # %% is PostgreSQL's own way to write a per cent sign in this command.
    return shlex.quote(path).replace("%", "%%")


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
