"""Copies of the database while the site runs, and the proof that they can be relied on."""

import shutil
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Final
from uuid import uuid4

from zaitaku.core.clock import Clock
from zaitaku.core.database import Database
from zaitaku.core.errors import StoreUnavailable, ZaitakuError
from zaitaku.core.revisions import revision_of
from zaitaku.operating.copies import (
    CLUSTER_FOLDER,
    DATABASE_FILE,
    PREFIX,
    CopyDamaged,
    Engine,
    Manifest,
    check_files,
    digests,
    insist_on_outside,
    unfinished,
)
from zaitaku.operating.postgresql_tools import (
    ToolFailed,
    connection_words,
    insist_on_tool,
    run_tool,
)
from zaitaku.watching.presence import code_version

_PAGES_AT_ONCE: Final = 1024
_OWNER_ONLY: Final = 0o700


class NothingToCopy(ZaitakuError):
    """The database is not there, or has no tables of ours."""

    code = "nothing-to-copy"


def make_copy(database: Database, folder: Path, clock: Clock) -> Path:
    """Copy the database into a new folder within ``folder`` and return it once it is proved whole.

    The site goes on meanwhile. A copy that was broken off leaves nothing that looks like one.

    Raises:
        NothingToCopy: there is no database, or it was never migrated.
        StoreUnavailable: it is away, or locked for too long.
        OSError: ``folder`` cannot be written.
        ToolFailed: PostgreSQL's own program could not copy it.
        CopyDamaged: what was copied is damaged.
        WithinCopy: ``folder`` lies in another copy.
    """
    insist_on_outside(folder)
    revision = revision_of(database)
    if revision is None:
        raise NothingToCopy("there is no database with tables of ours")
    made_at = clock.now()
    engine = Engine.SQLITE if database.is_sqlite else Engine.POSTGRESQL
    place = folder / f"{PREFIX}{made_at:%Y%m%dT%H%M%SZ}-{uuid4().hex[:4]}"
    making = unfinished(place)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        making.mkdir(mode=_OWNER_ONLY)
        _COPY[engine](database, making)
        Manifest(engine, made_at, code_version(), revision, digests(making)).write(making)
        check_copy(making)
        making.rename(place)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return place


def check_copy(place: Path) -> Manifest:
    """Return the manifest of a copy once its files and the database in it are found whole.

    Raises:
        CopyDamaged: they are not.
        ToolFailed: PostgreSQL's own program, which has to look, is not installed.
    """
    manifest = check_files(place)
    _CHECK[manifest.engine](place)
    return manifest


def _copy_sqlite(database: Database, place: Path) -> None:
    # One moment is read from beginning to end: else each write of the site would begin it anew.
    # Writers wait for no reader (sqlite.org/wal.html, §2.2).
    source, target = database.url.database or "", place / DATABASE_FILE
    target.touch(mode=0o600)
    try:
        with closing(_read_only(Path(source))) as live, closing(sqlite3.connect(target)) as copy:
            live.execute("BEGIN")
            live.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            live.backup(copy, pages=_PAGES_AT_ONCE)
            # One file is the whole: it is read where nothing beside it may be written.
            copy.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error as error:
        raise StoreUnavailable(type(error).__name__) from error


def _check_sqlite(place: Path) -> None:
    try:
        with closing(_read_only(place / DATABASE_FILE)) as copy:
            answer = copy.execute("PRAGMA integrity_check").fetchone()
            strays = copy.execute("PRAGMA foreign_key_check").fetchone()
    except sqlite3.Error as error:
        raise CopyDamaged(f"{DATABASE_FILE} を、SQLiteで開けません") from error
    if answer != ("ok",) or strays is not None:
        raise CopyDamaged(f"{DATABASE_FILE} の中が、こわれています")


def _read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)


def _copy_postgresql(database: Database, place: Path) -> None:
    words, password = connection_words(database.url)
    target = str(place / CLUSTER_FOLDER)
    options = ("--checkpoint=fast", "--wal-method=stream", "--no-password")
    run_tool("pg_basebackup", "-d", words, "-D", target, *options, password=password)


def _check_postgresql(place: Path) -> None:
    # Debian has the second, which the first one calls, in another package.
    for name in ("pg_verifybackup", "pg_waldump"):
        insist_on_tool(name)
    try:
        run_tool("pg_verifybackup", "--quiet", str(place / CLUSTER_FOLDER))
    except ToolFailed as failure:
        raise CopyDamaged(failure.detail) from failure


_COPY: Final[Mapping[Engine, Callable[[Database, Path], None]]] = {
    Engine.SQLITE: _copy_sqlite,
    Engine.POSTGRESQL: _copy_postgresql,
}
_CHECK: Final[Mapping[Engine, Callable[[Path], None]]] = {
    Engine.SQLITE: _check_sqlite,
    Engine.POSTGRESQL: _check_postgresql,
}
