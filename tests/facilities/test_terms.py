"""利用規約: their versions, and no channel is on without an OK to the newest (domain.md §3)."""

from pathlib import Path

import pytest

from zaitaku.audit.model import Act
from zaitaku.audit.store import AuditTrail
from zaitaku.core.clock import FixedClock
from zaitaku.core.database import Database
from zaitaku.core.errors import NotFound
from zaitaku.facilities.model import Channel, EnvironmentSettings, Facility, InstitutionCode
from zaitaku.facilities.service import FacilityService
from zaitaku.facilities.terms import TermsBook, TermsNotAccepted

TEXT = "規約\n\n2026-11-22\n\n## 第1条\n本文です。\n"


def write(folder: Path, **texts: str) -> TermsBook:
    folder = folder / "texts"
    folder.mkdir()
    for name, text in texts.items():
        (folder / f"{name.replace('_', '-')}.txt").write_text(text, "utf-8")
    return TermsBook.load(folder)


@pytest.fixture
def book(tmp_path: Path) -> TermsBook:
    """訪問診療等 in two versions, the other channel in one."""
    newer = TEXT.replace("本文", "新しい本文")
    return write(tmp_path, home_visit_1=TEXT, home_visit_2=newer, online_1=TEXT)


@pytest.fixture
def service(database: Database, clock: FixedClock, book: TermsBook) -> FacilityService:
    return FacilityService(database=database, clock=clock, terms=book)


def founded(service: FacilityService, settings: EnvironmentSettings) -> Facility:
    return service.add(
        InstitutionCode("1310123456"),
        registered_name="みどり",
        phone="0312345678",
        hours="",
        settings=settings,
        actor="operator:test",
    )


def test_the_package_has_terms_for_each_channel() -> None:
    book = TermsBook.load()
    for channel in Channel:
        text = book.current(channel)
        assert text.title.endswith("利用規約")
        assert len(text.sections) >= 5
        assert len(text.digest) == 64
    assert book.current(Channel.ONLINE).digest != book.current(Channel.HOME_VISIT).digest


def test_every_version_stays_and_the_highest_holds(book: TermsBook) -> None:
    assert book.current(Channel.HOME_VISIT).version == 2
    assert book.at(Channel.HOME_VISIT, 1).sections[0].paragraphs == ("本文です。",)
    assert [text.version for text in book.versions(Channel.HOME_VISIT)] == [2, 1]
    with pytest.raises(NotFound):
        book.at(Channel.ONLINE, 2)


@pytest.mark.parametrize(
    "text", ["規約\n\nきょう\n\n## 第1条\n本文", "規約\n\n2026-11-22\n\n本文", "規約"]
)
def test_an_incomplete_text_does_not_start(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError):
        write(tmp_path, home_visit_1=text, online_1=TEXT)


def test_a_misnamed_or_missing_text_does_not_start(tmp_path: Path) -> None:
    for name in ("other", "gap"):
        (tmp_path / name).mkdir()
    with pytest.raises(ValueError):
        write(tmp_path, online_1=TEXT)
    with pytest.raises(ValueError):
        write(tmp_path / "gap", home_visit_2=TEXT, online_1=TEXT)
    with pytest.raises(ValueError):
        write(tmp_path / "other", home_visit_1=TEXT, online_1=TEXT, terms=TEXT)


@pytest.mark.parametrize("accepted", [{}, {Channel.HOME_VISIT: 1}, {Channel.ONLINE: 1}])
def test_a_channel_needs_an_ok_to_its_newest_terms(
    service: FacilityService, accepted: dict[Channel, int]
) -> None:
    added = founded(service, EnvironmentSettings())
    with pytest.raises(TermsNotAccepted) as caught:
        service.change_settings(
            added.id,
            EnvironmentSettings(home_visit=True),
            expected_version=1,
            actor="kanri",
            accepted=accepted,
        )
    assert caught.value.channel is Channel.HOME_VISIT
    assert service.get(added.id) == added
    assert service.acceptances(added.id) == ()


def test_who_agreed_to_what_and_when_is_kept(
    service: FacilityService, book: TermsBook, database: Database, clock: FixedClock
) -> None:
    added = founded(service, EnvironmentSettings())
    wanted = EnvironmentSettings(home_visit=True, checkup=False)
    ok = {Channel.HOME_VISIT: 2}
    service.change_settings(added.id, wanted, expected_version=1, actor="kanri", accepted=ok)
    (one,) = service.acceptances(added.id)
    assert (one.channel, one.terms_version, one.settings_version) == (Channel.HOME_VISIT, 2, 2)
    assert one.terms_digest == book.at(Channel.HOME_VISIT, 2).digest
    assert (one.at, one.actor) == (clock.now(), "kanri")
    with database.reading() as connection:
        entries = list(AuditTrail(connection, added.id).entries())
    assert [entry.act for entry in entries] == [
        Act.REGISTER_FACILITY,
        Act.ACCEPT_TERMS,
        Act.CHANGE_SETTINGS,
    ]
    assert dict(entries[-1].detail) == {
        "特定健診情報": "利用する → 利用しない",
        "訪問診療等機能": "利用しない → 利用する",
    }


def test_a_channel_that_stays_on_is_not_asked_for_again(service: FacilityService) -> None:
    added = founded(service, EnvironmentSettings(home_visit=True))
    assert [one.actor for one in service.acceptances(added.id)] == ["operator:test"]
    wanted = EnvironmentSettings(home_visit=True, checkup=False)
    assert service.change_settings(
        added.id, wanted, expected_version=1, actor="kanri"
    ).settings.home_visit
    assert len(service.acceptances(added.id)) == 1
