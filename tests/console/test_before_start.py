"""Before 利用開始日: accounts and settings alone, and a calm page for patients (domain.md §2)."""

from datetime import date, timedelta

import pytest

from tests.console.office import Office
from tests.console.test_settings import enrol
from tests.patient.lint import check_page, words
from zaitaku.accounts.model import Role
from zaitaku.facilities.model import Channel

START = date(2026, 11, 24)


@pytest.fixture
def early(office: Office) -> Office:
    enrol(office, starts_on=START)
    return office


def patients_page(office: Office, language: str = "ja") -> tuple[int, str]:
    reception, origin = office.services.reception, office.services.settings.origin
    url = reception.show(office.world.facility.id, Channel.HOME_VISIT).current
    path = reception.address(url).removeprefix(origin)
    answer = office.app.test_client().get(f"{path}?lang={language}", base_url=origin)
    return answer.status_code, words(next(check_page(answer.text).iter("main")))


def test_the_menu_holds_accounts_and_settings_alone(early: Office) -> None:
    browser = early.logged_in()
    assert "利用開始日は2026年11月24日です" in browser.text
    assert "環境設定情報更新" in browser.text
    assert "パスワード変更" in browser.text
    for absent in ("同意取得済み患者一覧", "医療機関別URL 取得・変更", "医療情報閲覧履歴照会"):
        assert absent not in browser.text
    assert browser.get("/console/environment-settings") == 200


@pytest.mark.parametrize(
    ("path", "role"),
    [
        ("consented-patients", Role.ADMIN),
        ("reception-urls", Role.ADMIN),
        ("consented-patients", Role.GENERAL),
    ],
)
def test_the_rest_is_refused_and_says_from_when(early: Office, path: str, role: Role) -> None:
    browser = early.logged_in(role)
    assert browser.get(f"/console/{path}") == 403
    assert "利用開始日は2026年11月24日です" in browser.text


@pytest.mark.parametrize(
    ("language", "said"), [("ja", "2026年11月24日"), ("en", "24 November 2026")]
)
def test_patients_are_told_from_which_day(early: Office, language: str, said: str) -> None:
    status, text = patients_page(early, language)
    assert status == 404
    assert said in text


def test_on_the_day_everything_opens(early: Office) -> None:
    early.clock.advance(timedelta(days=3, hours=13, minutes=59))
    assert patients_page(early)[0] == 404
    early.clock.advance(timedelta(minutes=1))
    assert patients_page(early)[0] == 200
    browser = early.logged_in()
    assert "同意取得済み患者一覧" in browser.text
    assert "利用開始日は" not in browser.text
    assert browser.get("/console/reception-urls") == 200
