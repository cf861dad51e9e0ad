"""Copies made while the site writes, proved, carried away sealed, and restored for good."""

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from threading import Event, Thread
from typing import Any

import psycopg
import pyrage
import pytest

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
from zaitaku.facilities.model import EnvironmentSettings, InstitutionCode
from zaitaku.facilities.service import FacilityService
from zaitaku.operating import backups
from zaitaku.operating import sealed as sealed_module
from zaitaku.operating.backups import DATABASE_FILE, NothingToCopy, check_copy, make_copy
from zaitaku.operating.copies import MANIFEST, CopyDamaged, file_digest
from zaitaku.operating.restoring import (
    NoSuchPoint,
    WouldOverwrite,
    WrongEngine,
    restore_cluster,
    restore_file,
)
from zaitaku.operating.sealed import CannotOpen, KeyUnfit, Unsealable, new_key, seal, unseal
from zaitaku.schema import upgrade

CODES = [f"131012345{digit}" for digit in range(10)]


def add_facility(database: Database, code: str) -> None:
    service = FacilityService(database=database, clock=SystemClock())
    service.add(
        InstitutionCode(code),
        registered_name="みどり坂クリニック",
        phone="03-0000-1234",
        hours="",
        settings=EnvironmentSettings(home_visit=True),
        actor="test",
    )


def codes_in(database: Database) -> list[str]:
    """Return what is there, once every chain in it is proved."""
    facilities = FacilityService(database=database, clock=SystemClock()).all()
    audit = AuditService(database=database, clock=SystemClock())
    assert all(audit.check(each.id).is_whole for each in facilities)
    return sorted(str(each.code) for each in facilities)


def codes_at(url: str) -> list[str]:
    with closing(Database(url)) as database:
        return codes_in(database)


@pytest.fixture
def copy(database: Database, tmp_path: Path, clock: FixedClock) -> Path:
    """A copy of a database with one facility."""
    add_facility(database, CODES[0])
    return make_copy(database, tmp_path / "copies", clock)


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
    with pytest.raises(StoreUnavailable):
        make_copy(database, tmp_path / "file", clock)


def test_a_sealed_copy_opens_with_its_key_alone(copy: Path, tmp_path: Path) -> None:
    private, public = new_key()
    sealed = tmp_path / "sealed.age"
    seal((copy,), sealed, [public])
    assert CODES[0].encode() not in sealed.read_bytes()
    unseal(sealed, f"# {public}\n{private}\n", tmp_path / "opened")
    assert check_copy(tmp_path / "opened" / copy.name) == check_copy(copy)
    with pytest.raises(CannotOpen):
        unseal(sealed, new_key()[0], tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_nothing_lies_unsealed_on_the_medium_at_any_moment(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    medium = tmp_path / "medium"
    medium.mkdir()
    seen: set[str] = set()
    encrypt = pyrage.encrypt_io

    def look_and_encrypt(packed: object, out: object, keys: object) -> None:
        seen.update(path.name for path in medium.iterdir())
        seen.update(name for name in open_files() if name.startswith(str(medium)))
        encrypt(packed, out, keys)

    monkeypatch.setattr(pyrage, "encrypt_io", look_and_encrypt)
    seal((copy,), medium / "sealed.age", [new_key()[1]])
    fresh = medium / ".sealed.age.new"
    assert seen == {"sealed.age", fresh.name, str(fresh)}
    assert [path.name for path in medium.iterdir()] == ["sealed.age"]


def open_files() -> Iterator[str]:
    """Yield what this process has open, also files without a name."""
    for link in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            yield str(link.readlink())


def test_the_digest_tells_another_file_in_its_place(copy: Path, tmp_path: Path) -> None:
    sealed, public = tmp_path / "sealed.age", new_key()[1]
    digest = seal((copy,), sealed, [public])
    assert file_digest(sealed) == digest
    assert seal((copy,), tmp_path / "other.age", [public]) != digest


def test_a_sealed_file_that_is_no_copy_is_told(tmp_path: Path) -> None:
    private, public = new_key()
    sealed = tmp_path / "sealed.age"
    key = pyrage.x25519.Recipient.from_str(public)
    sealed.write_bytes(pyrage.encrypt(b"no archive", [key]))
    with pytest.raises(CannotOpen):
        unseal(sealed, private, tmp_path / "opened")
    assert not (tmp_path / "opened").exists()


def member(name: str, kind: bytes = tarfile.REGTYPE, **facts: Any) -> tarfile.TarInfo:
    """Return what an archive tells of a file."""
    told = tarfile.TarInfo(name)
    told.type = kind
    for fact, value in facts.items():
        setattr(told, fact, value)
    return told


FOREIGN: dict[str, list[tarfile.TarInfo]] = {
    "above": [member("../outside")],
    "above, later": [member("copy/../../outside")],
    "absolute": [member("/tmp/zaitaku-outside")],
    "link": [member("copy", tarfile.SYMTYPE, linkname="/tmp")],
    "hard link": [member("copy", tarfile.LNKTYPE, linkname="../outside")],
    "pipe": [member("copy", tarfile.FIFOTYPE)],
    "device": [member("copy", tarfile.CHRTYPE)],
    "the folder itself": [member(".", tarfile.DIRTYPE, mode=0o555)],
    "nameless": [member("", tarfile.DIRTYPE)],
    "twice": [member("copy"), member("copy")],
    "file, then folder": [member("copy"), member("copy", tarfile.DIRTYPE)],
    "below a file": [member("copy"), member("copy/file")],
    "no time": [member("copy", mtime=0, pax_headers={"mtime": "nan"})],
    "never": [member("copy", mtime=0, pax_headers={"mtime": "1e300"})],
    "deep": [member("/".join(["d"] * 3000))],
}


@pytest.mark.parametrize("members", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize("is_filtered", [True, False])
def test_what_somebody_else_has_sealed_reaches_nothing_else(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    members: list[tarfile.TarInfo],
    *,
    is_filtered: bool,
) -> None:
    if not is_filtered and sealed_module._FILTER:
        monkeypatch.setattr(sealed_module, "_FILTER", {"filter": "fully_trusted"})
    sealed, private = sealed_archive(tmp_path, members)
    with pytest.raises(CannotOpen):
        unseal(sealed, private, tmp_path / "opened")
    assert list(tmp_path.iterdir()) == [sealed]
    assert not Path("/tmp/zaitaku-outside").exists()


def test_a_small_file_is_none_that_fills_the_disk(tmp_path: Path) -> None:
    zeros = BytesIO(bytes(1_000_000))
    sealed, private = sealed_archive(tmp_path, [member("copy", size=1_000_000)], zeros, "w:xz")
    with pytest.raises(CannotOpen):
        unseal(sealed, private, tmp_path / "opened")


def sealed_archive(
    folder: Path, members: list[tarfile.TarInfo], content: BytesIO | None = None, mode: Any = "w"
) -> tuple[Path, str]:
    """Seal what nobody here would pack; return the file and the key to it."""
    private, public = new_key()
    packed = BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as archive:
        for each in members:
            archive.addfile(each, content)
    sealed = folder / "sealed.age"
    key = pyrage.x25519.Recipient.from_str(public)
    sealed.write_bytes(pyrage.encrypt(packed.getvalue(), [key]))
    return sealed, private


def test_what_is_opened_is_for_its_owner_alone(copy: Path, tmp_path: Path) -> None:
    private, public = new_key()
    copy.chmod(0o755)
    seal((copy,), tmp_path / "sealed.age", [public])
    unseal(tmp_path / "sealed.age", private, tmp_path / "opened")
    found = [tmp_path / "opened", *(tmp_path / "opened").rglob("*")]
    assert {path.stat().st_mode & 0o077 for path in found} == {0}


def test_what_could_not_be_opened_is_not_sealed(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    medium, public = tmp_path / "medium", new_key()[1]
    medium.mkdir()
    other = tmp_path / "other" / copy.name
    other.mkdir(parents=True)
    (pipe := tmp_path / "pipe").mkdir()
    os.mkfifo(pipe / "fifo")
    monkeypatch.chdir(copy)
    for places in ((copy, other), (pipe,), (Path(".."),)):
        with pytest.raises(Unsealable):
            seal(places, medium / "sealed.age", [public])
    assert list(medium.iterdir()) == []


def test_the_present_folder_is_sealed_under_its_name(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private, public = new_key()
    monkeypatch.chdir(copy)
    seal((Path(),), tmp_path / "sealed.age", [public])
    unseal(tmp_path / "sealed.age", private, tmp_path / "opened")
    assert check_copy(tmp_path / "opened" / copy.name) == check_copy(copy)


def test_what_a_link_leads_to_is_sealed(copy: Path, tmp_path: Path) -> None:
    private, public = new_key()
    link = tmp_path / "link"
    link.symlink_to(copy)
    seal((link,), tmp_path / "sealed.age", [public])
    unseal(tmp_path / "sealed.age", private, tmp_path / "opened")
    assert check_copy(tmp_path / "opened" / link.name) == check_copy(copy)


def test_what_cannot_be_sealed_leaves_nothing(copy: Path, tmp_path: Path) -> None:
    medium = tmp_path / "medium"
    medium.mkdir()
    with pytest.raises(FileNotFoundError):
        seal((copy, copy / "absent"), medium / "sealed.age", [new_key()[1]])
    assert list(medium.iterdir()) == []


def test_a_sealed_copy_that_was_changed_does_not_open(copy: Path, tmp_path: Path) -> None:
    private, public = new_key()
    sealed = tmp_path / "sealed.age"
    seal((copy,), sealed, [public])
    content = bytearray(sealed.read_bytes())
    content[-100] ^= 1
    sealed.write_bytes(content)
    with pytest.raises(CannotOpen):
        unseal(sealed, private, tmp_path / "opened")
    assert not (tmp_path / "opened").exists()


def test_sealing_for_nobody_and_opening_with_nothing_fail(copy: Path, tmp_path: Path) -> None:
    for recipients in ([], ["age1nonsense"]):
        with pytest.raises(KeyUnfit):
            seal((copy,), tmp_path / "sealed.age", recipients)
    assert not (tmp_path / "sealed.age").exists()
    for identity in ("", "# only a comment", "AGE-SECRET-KEY-1NONSENSE"):
        with pytest.raises(KeyUnfit):
            unseal(copy / MANIFEST, identity, tmp_path / "opened")


def test_a_sealed_file_is_never_overwritten(copy: Path, tmp_path: Path) -> None:
    sealed = tmp_path / "sealed.age"
    sealed.write_bytes(b"precious")
    with pytest.raises(FileExistsError):
        seal((copy,), sealed, [new_key()[1]])
    assert sealed.read_bytes() == b"precious"
    assert {path.name for path in tmp_path.glob("*sealed*")} == {"sealed.age"}
    assert list(tmp_path.glob(".*")) == []


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
    place = make_copy(database, tmp_path / "copies", SystemClock())
    add_facility(database, CODES[1])
    time.sleep(0.01)
    moment = server_clock(archiving)
    time.sleep(0.01)
    add_facility(database, CODES[2])
    database.close()
    archive_all(archiving, archive)
    archiving.kill()
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
