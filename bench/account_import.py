"""How fast 10,000 accounts are registered, and with how much memory, beside a bare floor.

Each measurement is a process of its own, so that its peak of memory is its own. The floor reads
the same file with the ``csv`` module, hashes a password a row and inserts the rows with the
driver alone: no rule, no record, no result. ``python -m bench.account_import``; the last line is
``rows_per_s=… seconds=… floor_seconds=… memory_growth_mb=…``.
"""

import csv
import hashlib
import io
import json
import resource
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import uuid4

from sqlalchemy import make_url

from tests.databases import fresh_postgres, new_postgres_database
from zaitaku.accounts.import_seal import PasswordSeal
from zaitaku.accounts.import_table import HEADINGS
from zaitaku.accounts.imports import AccountImports, ImportState, import_state
from zaitaku.accounts.model import Role
from zaitaku.accounts.passwords import Passwords
from zaitaku.accounts.service import AccountService, Staff
from zaitaku.core.clock import SystemClock
from zaitaku.core.database import Database
from zaitaku.core.ephemeral_open import open_ephemeral
from zaitaku.core.signing import Keyring
from zaitaku.facilities.model import EnvironmentSettings, InstitutionCode
from zaitaku.facilities.service import FacilityService
from zaitaku.jobs.model import JobKind
from zaitaku.jobs.runner import Runner
from zaitaku.jobs.service import JobService
from zaitaku.schema import upgrade

SIZES: Final = (1_000, 10_000)
MOST_SECONDS: Final = 60


def table(rows: int) -> bytes:
    """Return a file of ``rows`` accounts as Excel writes it."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(HEADINGS)
    for number in range(rows):
        days = ("2026-12-01", "2027-11-30")
        writer.writerow(["一般", f"u{number:07d}", "みどりたろう１２", "ミドリタロウ１２", *days])
    return text.getvalue().encode("utf-8-sig")


def register(url: str, rows: int) -> float:
    """Register ``rows`` accounts as page and worker do; return the seconds of both together."""
    database, clock = Database(url), SystemClock()
    if database.is_sqlite:
        upgrade(database)
    content, staff = table(rows), _administrator(database)
    jobs = JobService(database=database, clock=clock)
    keys = Keyring((secrets.token_urlsafe(32),))
    imports = AccountImports(
        database=database, clock=clock, jobs=jobs, passwords=Passwords(), seal=PasswordSeal(keys)
    )
    handlers = {JobKind.ACCOUNT_IMPORT: imports.handle}
    runner = Runner(database=database, clock=clock, handlers=handlers, keep=timedelta(days=1))
    began = time.perf_counter()
    held = imports.hand_in(staff, content, file_name="bench.csv", actor="bench")
    jobs.release(staff.facility.id, held.id)
    runner.work_off()
    seconds = time.perf_counter() - began
    done = jobs.find(staff.facility.id, held.id)
    assert import_state(done) is ImportState.REGISTERED
    assert done.counts["registered"] == rows
    return seconds


def _administrator(database: Database) -> Staff:
    clock = SystemClock()
    facility = FacilityService(database=database, clock=clock).add(
        InstitutionCode("1310123456"),
        registered_name="みどり坂クリニック",
        phone="03-0000-1234",
        hours="",
        settings=EnvironmentSettings(),
        actor="bench",
    )
    with tempfile.TemporaryDirectory() as folder:
        ephemeral = open_ephemeral(f"sqlite:///{folder}/e.db", clock)
        new = AccountService(database=database, ephemeral=ephemeral, clock=clock).register(
            facility.id, role=Role.ADMIN, user_id="kanri", name="み", kana="ミ", actor="bench"
        )
        ephemeral.close()
    return Staff(new.account, facility)


def insert_bare(url: str, rows: int) -> float:
    """Read the same file and insert as many rows with the driver alone; return the seconds."""
    database, content = Database(url), table(rows)
    mark, uuid_type = ("?", "CHAR(32)") if database.is_sqlite else ("%s", "UUID")
    with database.transaction() as connection:
        connection.exec_driver_sql(
            f"CREATE TABLE bare (id {uuid_type} PRIMARY KEY, user_id VARCHAR(8) UNIQUE,"
            " role VARCHAR(20), name VARCHAR(20), kana VARCHAR(40), kept VARCHAR(200), at TEXT)"
        )
    began = time.perf_counter()
    lines = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    next(lines)
    values = [_bare_row(cells, is_sqlite=database.is_sqlite) for cells in lines]
    with database.transaction() as connection:
        connection.exec_driver_sql(f"INSERT INTO bare VALUES ({', '.join([mark] * 7)})", values)
    return time.perf_counter() - began


def _bare_row(cells: list[str], *, is_sqlite: bool) -> tuple[object, ...]:
    role, user_id, name, kana, *_ = cells
    name_of_row = uuid4()
    kept = hashlib.sha256(secrets.token_bytes(16)).hexdigest()
    row_id = name_of_row.hex if is_sqlite else name_of_row
    return (row_id, user_id, role, name, kana, kept, datetime.now(UTC).isoformat())


WAYS: Final = {"register": register, "bare": insert_bare}


def measure(way: str, url: str, rows: int) -> dict[str, float]:
    """Run one way in a process of its own; return its seconds and its peak of memory (MB)."""
    command = [sys.executable, "-m", "bench.account_import", way, url, str(rows)]
    ended = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(ended.stdout.splitlines()[-1])
    return found


@contextmanager
def databases() -> Iterator[dict[str, str]]:
    """Give fresh addresses, a new one each time an engine's name is looked up."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        server = stack.enter_context(fresh_postgres())
        yield {"sqlite": folder, "postgresql": server}


@contextmanager
def fresh(engine: str, place: str) -> Iterator[str]:
    """Give the address of a new database."""
    if engine == "sqlite":
        yield f"sqlite:///{Path(place) / uuid4().hex}.db"
        return
    with new_postgres_database(place) as opened:
        yield make_url(opened.url).render_as_string(hide_password=False)


def compare(engine: str, place: str) -> dict[str, float]:
    """Print one engine's numbers; return those of the largest file."""
    found: dict[tuple[str, int], dict[str, float]] = {}
    for rows in SIZES:
        for way in WAYS:
            with fresh(engine, place) as url:
                found[way, rows] = measure(way, url, rows)
            seconds, peak = found[way, rows]["seconds"], found[way, rows]["peak_mb"]
            rate = rows / seconds
            print(
                f"{engine:10} {way:8} {rows:6} rows {seconds:6.2f} s {rate:8.0f}/s {peak:6.1f} MB"
            )
    smallest, largest = (found["register", rows] for rows in SIZES)
    return {
        "rows_per_s": SIZES[-1] / largest["seconds"],
        "seconds": largest["seconds"],
        "floor_seconds": found["bare", SIZES[-1]]["seconds"],
        "memory_growth_mb": largest["peak_mb"] - smallest["peak_mb"],
    }


def main(words: list[str]) -> None:
    """Measure both engines, or run one way and print its numbers (as the subprocess does)."""
    if words:
        way, url, rows = words
        seconds = WAYS[way](url, int(rows))
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"seconds": seconds, "peak_mb": peak_mb}))
        return
    with databases() as places:
        slowest = max(
            (compare(engine, place) for engine, place in places.items()),
            key=lambda numbers: numbers["seconds"],
        )
    assert slowest["seconds"] < MOST_SECONDS
    print(" ".join(f"{name}={value:.1f}" for name, value in slowest.items()))


if __name__ == "__main__":
    main(sys.argv[1:])
