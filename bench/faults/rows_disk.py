"""A full disk under either database (a small tmpfs, filled to its last byte)."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from bench.faults.harness import Stage, Stores
from bench.faults.row import Row
from bench.faults.stores import postgres
from bench.faults.verdict import Verdict
from tests.servers import own_folder, unprivileged

REPEATED: Final = 3
FULL_SECONDS: Final = 5.0
_PIECE: Final = b"\0" * 65_536
_LAST: Final = b"\0" * 512


def sqlite_full(stage: Stage) -> Verdict:
    """Fill the disk under both SQLite files."""
    with tmpfs("64m") as disk:
        urls = Stores(f"sqlite:///{disk}/zaitaku.db", f"sqlite:///{disk}/ephemeral.db")
        with stage.own(urls) as scene:

            def fill() -> None:
                with filled(disk):
                    time.sleep(stage.scale.seconds_of(FULL_SECONDS))

            scene.under_load(fill, repeated=stage.scale.times(REPEATED))
            return scene.verdict()


def postgres_full(stage: Stage) -> Verdict:
    """Fill the disk under PostgreSQL's data and log; where it gave up it is started again."""
    # New log segments instead of old ones, so that the log meets the full disk as well.
    options = ("wal_recycle=off", "min_wal_size=2MB", "max_wal_size=16MB", "max_connections=60")
    with (
        tmpfs("192m") as disk,
        postgres(*options, data=disk / "data", initdb=["--wal-segsize=1"]) as server,
        stage.own(Stores(server.url, f"{stage.redis.url.rpartition('/')[0]}/2")) as scene,
    ):

        def fill() -> None:
            with filled(disk):
                time.sleep(stage.scale.seconds_of(FULL_SECONDS))
            server.start()

        scene.under_load(fill, repeated=stage.scale.times(REPEATED))
        return scene.verdict()


@contextmanager
def tmpfs(size: str) -> Iterator[Path]:
    """Mount a small disk that belongs to the user under whom servers run; needs root."""
    with own_folder() as folder:
        disk = folder / "disk"
        disk.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "zaitaku-faults", str(disk)]
        subprocess.run(mount, check=True)
        try:
            user = unprivileged(folder).get("user")
            if user is not None:
                shutil.chown(disk, user)
            yield disk
        finally:
            subprocess.run(["umount", "--lazy", str(disk)], check=True)


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    """Leave no byte free on the disk until the block ends."""
    filler = disk / "filler"
    handle = os.open(filler, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        for piece in (_PIECE, _LAST):
            with suppress(OSError):
                while os.write(handle, piece):
                    pass
        yield
    finally:
        os.close(handle)
        filler.unlink()


ROWS: Final = (
    Row("disk full under SQLite", sqlite_full, is_below_pages=True),
    Row("disk full under PostgreSQL", postgres_full, is_below_pages=True),
)
