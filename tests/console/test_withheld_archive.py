"""An archive of the view history that was made before somebody became 自己情報提供不可."""

import io
from datetime import timedelta
from zipfile import ZipFile

import pytest

from tests.consent.world import TARO
from tests.console.office import Office
from tests.console.test_eligibility import bind, opened
from zaitaku.accounts.model import Role
from zaitaku.accounts.store import account
from zaitaku.consent.tables import consent
from zaitaku.core.ids import new_uuid
from zaitaku.eligibility.kinds import SandboxKind
from zaitaku.jobs.context import JobContext
from zaitaku.jobs.model import JobKind
from zaitaku.jobs.store import job_piece
from zaitaku.records.store import view_record
from zaitaku.records.view_history import ViewHistory
from zaitaku.work import work_off

GONE = "もうダウンロードできません"


@pytest.fixture
def viewed(office: Office) -> Office:
    """Somebody has viewed what a patient agreed to."""
    office.world.register()
    (standing,) = office.world.rows(consent)
    row = {
        "id": new_uuid(),
        "facility_id": office.world.facility.id,
        "account_id": office.world.rows(account)[0]["id"],
        "actor": "etsuran",
        "patient_id": standing["patient_id"],
        "record_id": standing["record_id"],
        "kind": "checkup",
        "parts": ["checkup"],
        "first_month": "2026-01",
        "last_month": "2026-11",
        "viewed_at": office.clock.now(),
    }
    with office.services.database.transaction() as connection:
        connection.execute(view_record.insert().values(row))
    office.clock.advance(timedelta(minutes=1))
    return office


def ask_for_archive(office: Office) -> str:
    """Ask for the archive; return where its file is to be had."""
    browser = office.logged_in(Role.ADMIN)
    browser.get("/console/view-history")
    browser.send()
    asked = (office.world.facility.id, JobKind.VIEW_HISTORY_EXPORT)
    return f"/console/jobs/{office.services.jobs.newest(*asked)[0].id}/result"


def hide(office: Office) -> None:
    """Let the provider say that nothing of the patient may be shown."""
    bind(office, SandboxKind.WITHHELD)
    assert "自己情報提供不可" in opened(office, Role.ADMIN).text


def told(office: Office, address: str) -> str:
    """Return what the file at ``address`` says; empty if there is none."""
    browser = office.logged_in(Role.ADMIN)
    if browser.get(address) == 404:
        return ""
    with ZipFile(io.BytesIO(browser.answer.get_data())) as archive:
        return "".join(archive.read(name).decode("utf-8-sig") for name in archive.namelist())


def test_what_names_nobody_who_is_withheld_is_had(viewed: Office) -> None:
    address = ask_for_archive(viewed)
    work_off(viewed.services)
    assert TARO.name in told(viewed, address)


@pytest.mark.parametrize("is_seen_first", [True, False])
def test_an_archive_that_names_somebody_withheld_is_gone(
    viewed: Office, is_seen_first: bool
) -> None:
    address = ask_for_archive(viewed)
    work_off(viewed.services)
    hide(viewed)
    browser = viewed.logged_in(Role.ADMIN)
    if is_seen_first:
        assert browser.get("/console/view-history/archive") == 200
        assert GONE in browser.text
        assert address not in browser.text
    assert told(viewed, address) == ""
    assert viewed.world.count(job_piece) == 0
    browser.get("/console/view-history/archive")
    assert GONE in browser.text


def test_who_becomes_withheld_while_it_is_made_outdates_it(
    viewed: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, following = ask_for_archive(viewed), ViewHistory.following

    def meanwhile(*asked: object, **limits: int) -> object:
        read = following(*asked, **limits)  # type: ignore[arg-type]
        monkeypatch.undo()
        hide(viewed)
        return read

    monkeypatch.setattr(ViewHistory, "following", meanwhile)
    work_off(viewed.services)
    assert told(viewed, address) == ""


def test_one_that_was_made_afterwards_has_no_name(viewed: Office) -> None:
    hide(viewed)
    address = ask_for_archive(viewed)
    work_off(viewed.services)
    said = told(viewed, address)
    assert "etsuran" in said
    assert TARO.name not in said


def test_who_is_shown_only_while_it_is_made_outdates_it_later(
    viewed: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    hide(viewed)
    address, following = ask_for_archive(viewed), ViewHistory.following

    def meanwhile(*asked: object, **limits: int) -> object:
        monkeypatch.undo()
        bind(viewed, SandboxKind.INSURED)
        assert TARO.name in opened(viewed, Role.ADMIN).text
        return following(*asked, **limits)  # type: ignore[arg-type]

    monkeypatch.setattr(ViewHistory, "following", meanwhile)
    work_off(viewed.services)
    viewed.clock.advance(timedelta(hours=1))
    hide(viewed)
    assert told(viewed, address) == ""


def test_asking_for_what_is_being_made_spoils_nothing(
    viewed: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    hide(viewed)
    address, outcome = ask_for_archive(viewed), JobContext.outcome

    def meanwhile(context: JobContext, code: str, counts: dict[str, int]) -> None:
        monkeypatch.undo()
        assert viewed.world.count(job_piece) == 1
        assert viewed.logged_in(Role.ADMIN).get(address) == 404
        outcome(context, code, counts)

    monkeypatch.setattr(JobContext, "outcome", meanwhile)
    work_off(viewed.services)
    assert "etsuran" in told(viewed, address)
