"""The patient's pages as they will be: all of them, marked, and nothing kept."""

from urllib.parse import urlsplit

import pytest

from tests.console.office import Browser, Office
from tests.console.test_settings import choose, opened
from tests.patient.lint import check_page, words
from zaitaku.consent.tables import consent_record
from zaitaku.facilities.model import Channel

PREVIEW = "/console/environment-settings/preview"
MARK = "何も保存されず、何も登録されません"


def strip(browser: Browser) -> str:
    """The words above the page."""
    (bar,) = [each for each in browser.page.iter("aside") if "プレビュー" in words(each)]
    return words(bar)


def walk(browser: Browser, path: str) -> list[str]:
    """Press the button of every page, choosing nothing; return the headings."""
    browser.get(path)
    headings = []
    while "/preview/" in browser.path:
        assert MARK in strip(browser)
        headings.append(browser.heading)
        browser.send()
    return headings


@pytest.mark.parametrize("channel", Channel)
def test_every_page_is_shown_in_order_and_nothing_is_registered(
    office: Office, channel: Channel
) -> None:
    browser = office.logged_in()
    before = office.world.count(consent_record)
    headings = walk(browser, f"{PREVIEW}/{channel}/entry")
    assert headings[0] == "みどり坂クリニックの同意の受付"
    assert headings[-1] == "答えを確かめてください"
    assert ("どちらの診療を受けますか" in headings) == (channel is Channel.ONLINE)
    assert (
        len(headings) == len(set(headings)) == {Channel.HOME_VISIT: 13, Channel.ONLINE: 14}[channel]
    )
    assert browser.heading == "環境設定情報更新"
    assert office.world.count(consent_record) == before


def test_unsaved_settings_are_seen_before_they_are_saved(office: Office) -> None:
    browser = opened(office)
    choose(browser, surgery="off", checkup="off", display_name="みどりの森")
    browser.follow("保存したあとの患者さんの画面（訪問診療等）")
    assert browser.heading == "みどりの森の同意の受付"
    assert "保存したあとの" in strip(browser)
    saved = walk(office.logged_in(), f"{PREVIEW}/home-visit/entry")
    unsaved = walk(browser, browser.path)
    assert len(saved) - len(unsaved) == 2
    assert not [each for each in unsaved if "手術" in each or "健診" in each]
    assert browser.heading == "環境設定情報更新：確認"


def test_the_check_page_leads_to_pages_of_the_preview(office: Office) -> None:
    browser = office.logged_in()
    browser.get(f"{PREVIEW}/online/check")
    assert "カードの読み取り" in strip(browser)
    changes = [href for label, href in browser.links().items() if label.startswith("変更")]
    assert len(changes) == 7
    for href in changes:
        assert urlsplit(href).path.startswith(PREVIEW)
        assert browser.get(href) == 200


@pytest.mark.parametrize("language", ["en", "ja-x-yasashii"])
def test_the_other_languages_are_previewed_too(office: Office, language: str) -> None:
    client = office.logged_in().client
    path = f"{PREVIEW}/home-visit/item-surgery?lang={language}"
    answer = client.get(path, base_url=office.services.settings.origin)
    assert check_page(answer.text).attrib["lang"] == language


def test_a_channel_that_is_off_has_no_pages(office: Office) -> None:
    office.world.change_settings(online=False)
    browser = office.logged_in()
    browser.get(f"{PREVIEW}/online/entry")
    assert browser.heading == "この機能は「利用しない」になっています"


@pytest.mark.parametrize("shown", ["item-medication", "nothing", "done"])
def test_a_page_that_patients_would_not_see_is_not_there(office: Office, shown: str) -> None:
    assert office.logged_in().get(f"{PREVIEW}/home-visit/{shown}") == 404


def test_a_foreign_draft_opens_nothing(office: Office) -> None:
    browser = office.logged_in()
    for draft in ("x", "00000000-0000-4000-8000-000000000000"):
        browser.get(f"{PREVIEW}/home-visit/entry?draft={draft}")
        assert "途中だった内容が見つかりません" in browser.text
