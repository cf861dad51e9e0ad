"""Files that are downloaded: whoever reads slowly keeps nobody waiting, and half a file is none."""

import tempfile
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from time import monotonic, sleep
from typing import IO, Any
from urllib.parse import unquote

import pytest
from werkzeug.test import TestResponse

from tests.console.office import Browser, Office
from zaitaku.accounts.model import Role
from zaitaku.blueprints.overload import OVERLOAD, Overload
from zaitaku.core import gate, spooled
from zaitaku.core.errors import StoreUnavailable
from zaitaku.core.gate import Rank
from zaitaku.core.spooled import SpooledFile
from zaitaku.core.spreadsheets import encode_row
from zaitaku.records import export

ORIGIN = "http://localhost:8000"
LIST = "/console/consented-patients"
PATIENTS = f"{LIST}/export"
AUDIT = "/console/audit-trail/export"
VIEWS = "/console/view-history/export"
TRAFFIC = "/console/reception-urls/online/traffic/file"
POSTER = "/console/reception-urls/online/poster/file"
FILES = [PATIENTS, AUDIT, VIEWS, TRAFFIC, POSTER]


def begun(browser: Browser, path: str) -> TestResponse:
    """Return an answer of which only the first bytes were taken."""
    answer = browser.client.get(path, base_url=ORIGIN, buffered=False)
    assert (answer.status_code, answer.headers["Content-Disposition"][:10]) == (200, "attachment")
    return answer


def open_files() -> set[str]:
    return {each.name for each in Path("/proc/self/fd").iterdir()}


def overload_of(office: Office) -> Overload:
    found: Overload = office.app.extensions[OVERLOAD]
    return found


def lent(office: Office) -> tuple[int, int]:
    """Return how many turns and how many connections are taken."""
    pool: Any = office.services.database.engine.pool
    return overload_of(office).state().gate.active, pool.checkedout()


@pytest.mark.parametrize("path", FILES)
def test_who_reads_slowly_has_neither_turn_nor_connection(office: Office, path: str) -> None:
    office.world.register()
    answer = begun(office.logged_in(), path)
    assert lent(office) == (0, 0)
    content = b"".join(answer.iter_encoded())
    assert answer.content_length == len(content) > 0
    answer.close()


def test_slow_downloads_do_not_close_the_console(office: Office) -> None:
    office.world.register()
    slow = [begun(office.logged_in(), path) for path in (PATIENTS, AUDIT, VIEWS) for _ in range(2)]
    assert office.logged_in(Role.GENERAL).get(LIST) == 200
    for each in slow:
        each.close()


def test_a_download_that_is_broken_off_leaves_nothing_open(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spooled, "IN_MEMORY_BYTES", 1)
    office.world.register()
    browser = office.logged_in()
    begun(browser, PATIENTS).close()
    before = open_files()
    answer = begun(browser, PATIENTS)
    assert len(open_files() - before) == 1
    answer.close()
    assert open_files() <= before
    assert lent(office) == (0, 0)
    assert office.world.register().is_new


@pytest.mark.parametrize("path", [PATIENTS, AUDIT, VIEWS, TRAFFIC])
def test_without_room_there_is_a_calm_page(
    office: Office, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    def full_disk(**_: object) -> IO[bytes]:
        return Path("/dev/full").open("w+b")

    office.world.register()
    browser = office.logged_in()
    monkeypatch.setattr(spooled, "IN_MEMORY_BYTES", 1)
    monkeypatch.setattr(tempfile, "TemporaryFile", full_disk)
    assert browser.get(path) == 503
    assert browser.heading == "いま、ファイルを作れません"
    assert "Content-Disposition" not in browser.answer.headers
    assert lent(office) == (0, 0)


def test_a_database_that_goes_away_in_the_middle_has_its_page(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = encode_row

    def broken(cells: Iterator[str], codec: Any) -> bytes:
        line = usual(cells, codec)
        if "在宅".encode() in line:
            raise StoreUnavailable("OperationalError")
        return line

    office.world.register()
    browser = office.logged_in()
    monkeypatch.setattr(export, "encode_row", broken)
    assert browser.get(PATIENTS) == 503
    assert browser.heading == "いま、つながりにくくなっています"
    assert "Content-Disposition" not in browser.answer.headers
    assert lent(office) == (0, 0)


def test_long_exports_let_the_others_work(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both turns that the console has are taken by files that are still being made."""
    is_enough = Event()

    def endless(*_: object) -> Iterator[bytes]:
        while not is_enough.is_set():
            sleep(0.001)
            yield b"x"

    office.world.register()
    long, other = [office.logged_in() for _ in range(2)], office.logged_in(Role.GENERAL)
    monkeypatch.setattr(gate, "PATIENCE_SECONDS", dict.fromkeys(Rank, 10.0))
    monkeypatch.setattr(spooled, "PIECE_BYTES", 1)
    monkeypatch.setattr("zaitaku.blueprints.overload._STRETCH_SECONDS", 0.0)
    monkeypatch.setattr(export, "csv_lines", endless)
    with ThreadPoolExecutor() as crowd:
        made = [crowd.submit(each.get, PATIENTS) for each in long]
        try:
            deadline = monotonic() + 30
            while overload_of(office).state().gate.active < len(long):
                assert monotonic() < deadline
                sleep(0.001)
            assert other.get(LIST) == 200
        finally:
            is_enough.set()
        assert [each.result(30) for each in made] == [200, 200]
    assert lent(office) == (0, 0)


@pytest.fixture
def between(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], None]:
    """Lets a test do something while a file is made, as in the middle of a long one."""

    def doing(act: Callable[[], None]) -> None:
        usual = SpooledFile.of

        def made(parts: Generator[bytes, None, None], pause: Callable[[], None]) -> SpooledFile:
            act()
            return usual(parts, pause)

        monkeypatch.setattr(SpooledFile, "of", made)

    return doing


def test_a_long_export_is_made_although_its_turn_does_not_come_back(
    office: Office,
    monkeypatch: pytest.MonkeyPatch,
    between: Callable[[Callable[[], None]], None],
) -> None:
    """It stands aside for patients for a moment; when they stay, it goes on beside them."""
    office.world.register()
    browser, found = office.logged_in(), overload_of(office).gate
    monkeypatch.setattr(gate, "ASIDE_SECONDS", 0.01)
    monkeypatch.setattr("zaitaku.blueprints.overload._STRETCH_SECONDS", 0.0)

    def full() -> None:
        for _ in range(gate.ACTIVE - 1):
            assert found.enter(Rank.REGISTERING)
        with found._lock:
            found._wait_behind(Rank.UNDER_WAY)

    between(full)
    assert browser.get(PATIENTS) == 200
    assert overload_of(office).state().gate.active == gate.ACTIVE
    for _ in range(gate.ACTIVE):
        found.leave()
    assert lent(office) == (0, 0)


def test_the_file_has_its_name_its_characters_and_its_length(office: Office) -> None:
    office.world.register()
    answer = begun(office.logged_in(), AUDIT)
    name = unquote(answer.headers["Content-Disposition"].rpartition("UTF-8''")[2])
    assert name == "操作履歴_1310123456_20261120.csv"
    assert answer.mimetype_params == {"charset": "utf-8", "header": "present"}
    assert answer.content_length == len(answer.data)
    answer.close()
