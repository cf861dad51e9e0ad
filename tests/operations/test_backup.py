"""Copies made while the site writes, proved, carried away sealed, and restored for good."""

import contextlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread

import psycopg
import pytest

from tests.operations.copies import CODES, add_facility
from tests.servers import (
    RunningServer,
    free_port,
    own_folder,
    postgres_answers,
    postgres_binaries,
    postgres_server,
    unprivileged,
)
from zaitaku.audit.service import AuditService
from zaitaku.core.clock import FixedClock, SystemClock
from zaitaku.core.database import Database
from zaitaku.core.errors import StoreUnavailable
from zaitaku.facilities.service import FacilityService
from zaitaku.operating import backups
from zaitaku.operating.backups import NothingToCopy, check_copy, make_copy
from zaitaku.operating.copies import DATABASE_FILE, MANIFEST, CopyDamaged
from zaitaku.operating.restoring import (
    NoSuchPoint,
    WouldOverwrite,
    WrongEngine,
    restore_cluster,
    restore_file,
)
from zaitaku.schema import upgrade


def codes_in(database: Database) -> list[str]:
    """Return what is there, once every chain in it is proved."""
    facilities = FacilityService(database=database, clock=SystemClock()).all()
    audit = AuditService(database=database, clock=SystemClock())
    assert all(audit.check(each.id).is_whole for each in facilities)
    return sorted(str(each.code) for each in facilities)


def codes_at(url: str) -> list[str]:
    with closing(Database(url)) as database:
        return codes_in(database)


def test_a_copy_taken_while_the_site_writes_is_whole(
    database: Database, tmp_path: Path, clock: FixedClock
) -> None:
    is_over, written = Event(), 0
    add_facility(database, CODES[0])

    def write_on() -> None:
        nonlocal written
        for code in CODES[1:]:
            if is_over.is_set():
                return
            add_facility(database, code)
            written += 1

    writer = Thread(target=write_on)
    writer.start()
    place = make_copy(database, tmp_path / "copies", clock)
    is_over.set()
    writer.join()
    restored = tmp_path / "restored.db"
    restore_file(place, restored)
    found = codes_at(f"sqlite:///{restored}")
    assert found == CODES[: len(found)]
    assert 1 <= len(found) <= 1 + written


def test_a_site_that_never_stops_writing_keeps_no_copy_from_its_end(
    database: Database, tmp_path: Path, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backups, "_PAGES_AT_ONCE", 1)  # as long as a large file takes
    path = database.url.database or ""
    with closing(sqlite3.connect(path)) as filling, filling:
        filling.execute("CREATE TABLE scratch (content BLOB)")
        filling.executemany("INSERT INTO scratch VALUES (?)", [(bytes(65536),)] * 600)
    copier = Thread(target=make_copy, args=(database, tmp_path / "copies", clock), daemon=True)
    writer = subprocess.Popen([sys.executable, "-c", WRITER, path], stdout=subprocess.PIPE)
    with writer:
        assert writer.stdout is not None
        writer.stdout.readline()  # it is at work
        copier.start()
        copier.join(60)
        is_finished = not copier.is_alive()
        writer.kill()
    copier.join(60)
    assert is_finished


WRITER = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
database.execute("PRAGMA synchronous=OFF")  # often, not durably
database.execute("INSERT INTO scratch VALUES (x'00')")
print("writing", flush=True)
while True:
    database.execute("INSERT INTO scratch VALUES (x'00')")
"""


def test_what_was_acknowledged_before_the_copy_comes_back(copy: Path, tmp_path: Path) -> None:
    restored = tmp_path / "restored.db"
    manifest = restore_file(copy, restored)
    assert codes_at(f"sqlite:///{restored}") == CODES[:1]
    assert restored.stat().st_mode & 0o077 == 0
    assert copy.stat().st_mode & 0o077 == 0
    assert check_copy(copy) == manifest


def test_nothing_that_is_there_is_overwritten(
    copy: Path, database: Database, tmp_path: Path
) -> None:
    live = Path(database.url.database or "")
    before = codes_in(database)
    with pytest.raises(WouldOverwrite):
        restore_file(copy, live)
    assert codes_in(database) == before
    for end in ("-wal", "-shm", "-journal"):
        target = tmp_path / f"other{end}.db"
        target.with_name(target.name + end).touch()
        with pytest.raises(WouldOverwrite):
            restore_file(copy, target)
        assert not target.exists()


def cut_short(copy: Path) -> None:
    with (copy / DATABASE_FILE).open("r+b") as file:
        file.truncate(4096)


def put_in(copy: Path) -> None:
    (copy / "more").write_text("more", "utf-8")


def link(copy: Path) -> None:
    (copy / "more").symlink_to("/etc/hostname")


def forget(copy: Path) -> None:
    (copy / MANIFEST).unlink()


def scribble(copy: Path) -> None:
    (copy / MANIFEST).write_text('{"format": 1, "files": []}', "utf-8")


@pytest.mark.parametrize("harm", [cut_short, put_in, link, forget, scribble])
def test_a_copy_that_was_changed_is_not_restored(
    copy: Path, tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    harm(copy)
    with pytest.raises(CopyDamaged):
        restore_file(copy, tmp_path / "restored.db")
    assert not (tmp_path / "restored.db").exists()


def test_a_damaged_database_makes_no_copy(
    database: Database, tmp_path: Path, clock: FixedClock
) -> None:
    add_facility(database, CODES[0])
    database.close()
    with closing(sqlite3.connect(database.url.database or "")) as live, live:
        live.execute("PRAGMA writable_schema=ON")
        live.execute("UPDATE sqlite_master SET rootpage = 2 WHERE name = 'facility'")
    with pytest.raises((CopyDamaged, StoreUnavailable)):
        make_copy(database, tmp_path / "copies", clock)
    assert list((tmp_path / "copies").glob("*")) == []


def test_nothing_is_copied_from_nowhere(tmp_path: Path, clock: FixedClock) -> None:
    absent = Database(f"sqlite:///{tmp_path / 'absent.db'}")
    with pytest.raises(NothingToCopy):
        make_copy(absent, tmp_path / "copies", clock)
    assert not (tmp_path / "absent.db").exists()


def test_a_place_that_cannot_be_written_is_told(
    database: Database, tmp_path: Path, clock: FixedClock
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        make_copy(database, tmp_path / "file", clock)


@pytest.fixture
def archive() -> Iterator[Path]:
    """A folder for archived WAL that PostgreSQL may write."""
    with own_folder() as folder:
        yield folder


@pytest.fixture
def archiving(archive: Path) -> Iterator[RunningServer]:
    """A PostgreSQL that archives its WAL as ``docs/operations.md`` says."""
    command = f"test ! -f {archive}/%f && cp %p {archive}/%f"
    with postgres_server("-c", "archive_mode=on", "-c", f"archive_command={command}") as server:
        yield server


def test_postgresql_goes_back_to_a_moment_and_to_the_end(
    archiving: RunningServer, archive: Path, tmp_path: Path
) -> None:
    database = Database(archiving.url)
    upgrade(database)
    add_facility(database, CODES[0])
    archive_all(archiving, archive)
    place = make_copy(database, tmp_path / "copies", SystemClock())
    add_facility(database, CODES[1])
    time.sleep(0.01)
    moment = server_clock(archiving)
    time.sleep(0.01)
    add_facility(database, CODES[2])
    database.close()
    archive_all(archiving, archive)
    archiving.kill()
    clear_archive(tmp_path / "copies", archive)
    with restored(place, archive, moment) as url:
        assert codes_at(url) == CODES[:2]
        with closing(Database(url)) as opened:
            add_facility(opened, CODES[3])  # it opened for writing
    with restored(place, archive, None) as url:
        assert codes_at(url) == CODES[:3]
    check_hidden(place, archive, tmp_path)
    with restored(place, None, None) as url:
        assert codes_at(url) == CODES[:1]
    check_refusals(place, archive, tmp_path)


def clear_archive(copies: Path, archive: Path) -> None:
    """Delete what no copy needs any more, by the lines that ``docs/operations.md`` gives."""
    text = (Path(__file__).parents[2] / "docs" / "operations.md").read_text("utf-8")
    [lines] = [each for each in text.split("```") if "pg_archivecleanup" in each]
    places = {
        "/var/backups/zaitaku": copies,
        "/mnt/wal": archive,
        "/usr/lib/postgresql/15/bin": postgres_binaries(),
    }
    script = lines.removeprefix("sh\n")
    for written, here in places.items():
        assert written in script
        script = script.replace(written, str(here))
    before = set(archive.iterdir())
    subprocess.run(["sh", "-euc", script], check=True)
    assert set(archive.iterdir()) < before


def check_hidden(place: Path, archive: Path, tmp_path: Path) -> None:
    """Check that what is restored is its owner's alone, and knows its archive from anywhere."""
    (tmp_path / "open").mkdir(mode=0o755)
    with contextlib.chdir(archive.parent):
        restore_cluster(place, tmp_path / "open", archive=Path(archive.name))
    assert (tmp_path / "open").stat().st_mode & 0o077 == 0
    told = (tmp_path / "open" / "postgresql.auto.conf").read_text("utf-8")
    assert f"restore_command = 'cp {archive}/%f %p'" in told


def check_refusals(place: Path, archive: Path, tmp_path: Path) -> None:
    made_at = check_copy(place).made_at
    for folder, until in ((archive, made_at), (None, made_at + timedelta(hours=1))):
        with pytest.raises(NoSuchPoint):
            restore_cluster(place, tmp_path / "data", archive=folder, until=until)
    with pytest.raises(WouldOverwrite):
        restore_cluster(place, place)
    with pytest.raises(WrongEngine):
        restore_file(place, tmp_path / "restored.db")
    next((place / "cluster" / "base").rglob("1259")).unlink()
    with pytest.raises(CopyDamaged):
        restore_cluster(place, tmp_path / "data")
    assert not (tmp_path / "data").exists()


def server_clock(server: RunningServer) -> datetime:
    with psycopg.connect(server.url.replace("+psycopg", "")) as connection:
        row = connection.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None
    return datetime.fromisoformat(str(row[0])).astimezone(UTC)


def archive_all(server: RunningServer, archive: Path) -> None:
    """Close the WAL file under way and wait until it is in the archive."""
    with psycopg.connect(server.url.replace("+psycopg", ""), autocommit=True) as connection:
        row = connection.execute("SELECT pg_walfile_name(pg_switch_wal())").fetchone()
    assert row is not None
    deadline = time.monotonic() + 60
    while not (archive / str(row[0])).exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@contextmanager
def restored(place: Path, archive: Path | None, until: datetime | None) -> Iterator[str]:
    """Restore a copy and run PostgreSQL on it until it is open for writing."""
    port = free_port()
    address = f"zaitaku@127.0.0.1:{port}/postgres"
    with own_folder() as folder:
        data = folder / "data"
        restore_cluster(place, data, archive=archive, until=until)
        give_away(data)
        command = [str(postgres_binaries() / "postgres"), "-D", str(data), "-p", str(port)]
        command += ["-h", "127.0.0.1", "-k", str(folder), "-F", "-c", "archive_mode=off"]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, **unprivileged(folder))
        try:
            wait_for_writing(f"postgresql://{address}", folder / "log")
            yield f"postgresql+psycopg://{address}"
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)


def give_away(data: Path) -> None:
    user = unprivileged(data).get("user")
    if user is not None:
        for path in (data, *data.rglob("*")):
            shutil.chown(path, user)


def wait_for_writing(address: str, log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        assert time.monotonic() < deadline, log.read_text("utf-8")
        if postgres_answers(address):
            with psycopg.connect(address) as connection:
                row = connection.execute("SELECT pg_is_in_recovery()").fetchone()
            if row == (False,):
                return
        time.sleep(0.05)
