"""Files that are downloaded: whoever reads slowly keeps nobody waiting, and half a file is none.

Nor is half a file told as one: the audit trail has the files that were handed out.
"""

import tempfile
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from time import monotonic, sleep
from typing import IO, Any
from urllib.parse import unquote
from uuid import UUID

import pytest
from werkzeug.test import TestResponse

from tests.console.office import Browser, Office
from tests.console.test_foreign_ids import call, head, neighbour
from tests.console.test_permissions import EXAMPLES, console_rules
from zaitaku.accounts.model import Permission, Role
from zaitaku.accounts.service import AccountService
from zaitaku.audit.model import Act
from zaitaku.audit.service import AuditService
from zaitaku.audit.store import AuditTrail
from zaitaku.blueprints.overload import OVERLOAD, Overload
from zaitaku.blueprints.permissions import requirement_of
from zaitaku.core import gate, spooled
from zaitaku.core.errors import StoreUnavailable
from zaitaku.core.gate import Rank
from zaitaku.core.spooled import SpooledFile
from zaitaku.core.spreadsheets import encode_row
from zaitaku.jobs.model import JobKind, JobState
from zaitaku.reception.posters.store import url_print
from zaitaku.reception.printing import PrintService
from zaitaku.records import export, view_export
from zaitaku.records.view_export import ViewHistoryService
from zaitaku.work import work_off

__all__ = ["neighbour"]

PAGES = {"text/html", "application/json"}
ORIGIN = "http://localhost:8000"
LIST = "/console/consented-patients"
PATIENTS = f"{LIST}/export"
AUDIT = "/console/audit-trail/export"
VIEWS = "/console/view-history/export"
TRAFFIC = "/console/reception-urls/online/traffic/file"
POSTER = "/console/reception-urls/online/poster/file"
FILES = [PATIENTS, AUDIT, VIEWS, TRAFFIC, POSTER]
RECORDED = {
    PATIENTS: Act.EXPORT_PATIENTS,
    AUDIT: Act.EXPORT_AUDIT,
    VIEWS: Act.EXPORT_VIEW_HISTORY,
}
DOWNLOADS = {*RECORDED.values(), Act.TELL_PASSWORDS}


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


def downloads_told(office: Office) -> list[Act]:
    """Return the downloads that the audit trail tells of."""
    with office.services.database.reading() as connection:
        entries = list(AuditTrail(connection, office.world.facility.id).entries())
    return [each.act for each in entries if each.act in DOWNLOADS]


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
    assert "ダウンロードとしては残りません" in browser.text
    assert "Content-Disposition" not in browser.answer.headers
    assert lent(office) == (0, 0)
    assert downloads_told(office) == []


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
    assert downloads_told(office) == []


@pytest.mark.parametrize(("path", "act"), RECORDED.items())
def test_the_trail_tells_of_a_file_before_its_first_byte_is_read(
    office: Office, path: str, act: Act
) -> None:
    office.world.register()
    answer = begun(office.logged_in(), path)
    assert downloads_told(office) == [act]
    answer.close()


@pytest.mark.parametrize(
    ("path", "service"),
    [(PATIENTS, AccountService), (AUDIT, AuditService), (VIEWS, ViewHistoryService)],
)
def test_a_file_that_cannot_be_recorded_is_handed_to_nobody(
    office: Office, monkeypatch: pytest.MonkeyPatch, path: str, service: type
) -> None:
    def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("OperationalError")

    monkeypatch.setattr(spooled, "IN_MEMORY_BYTES", 1)
    office.world.register()
    browser = office.logged_in()
    assert browser.get(path) == 200
    before, told = open_files(), downloads_told(office)
    monkeypatch.setattr(service, "note_export", away)
    assert browser.get(path) == 503
    assert "Content-Disposition" not in browser.answer.headers
    assert open_files() <= before
    assert downloads_told(office) == told


def test_an_archive_that_is_not_made_is_not_told_as_a_download(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> Iterator[bytes]:
        yield b"PK"
        raise ValueError("half-way")

    office.world.register()
    browser = office.logged_in()
    with monkeypatch.context() as patched:
        patched.setattr(view_export, "zipped", broken)
        archive_of_views(browser)
        work_off(office.services)
    (job,) = office.services.jobs.newest(office.world.facility.id, JobKind.VIEW_HISTORY_EXPORT)
    assert (job.state, job.has_result) == (JobState.FAILED, False)
    assert downloads_told(office) == []
    archive_of_views(browser)
    assert work_off(office.services) == 1
    (job, _) = office.services.jobs.newest(office.world.facility.id, JobKind.VIEW_HISTORY_EXPORT)
    assert (job.state, job.has_result) == (JobState.DONE, True)
    assert downloads_told(office) == [Act.EXPORT_VIEW_HISTORY]


def archive_of_views(browser: Browser) -> None:
    browser.get("/console/view-history")
    browser.send()


def test_a_head_makes_no_file(
    office: Office, neighbour: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every route of the console that answers with a file is asked for its head alone."""
    work_off(office.services)
    owner, files = office.logged_in(), dict[str, str]()
    for rule in console_rules(office):
        asks_staff = isinstance(requirement_of(office.app, rule.endpoint), Permission)
        if asks_staff and "GET" in (rule.methods or ()):
            values = {name: neighbour.get(name, EXAMPLES[name]) for name in rule.arguments}
            path = office.app.url_map.bind("localhost").build(rule.endpoint, values, "GET")
            answer = call(office, owner, "GET", path)
            if answer.status_code == 200 and answer.mimetype not in PAGES:
                files[path] = rule.endpoint
    assert {"console.export_patients", "console.job_result", "console.download"} < {*files.values()}
    assert len(files) >= 9
    before, prints = head(office), len(office.world.rows(url_print))
    monkeypatch.setattr(SpooledFile, "of", refused)
    monkeypatch.setattr(PrintService, "file", refused)
    imported = f"/console/account-imports/{UUID(int=7)}/result"
    for path in (*files, imported):
        answer = call(office, owner, "HEAD", path)
        assert (answer.status_code, answer.headers["Allow"]) == (405, "GET"), path
    assert head(office) == before
    assert len(office.world.rows(url_print)) == prints


def refused(*_: object, **__: object) -> None:
    raise AssertionError("made")


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
