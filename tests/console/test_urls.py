"""医療機関別URL 取得・変更: showing, downloading, and the three operations step by step."""

import io
import re
from urllib.parse import unquote

import pytest
import zxingcpp
from PIL import Image

from tests.console.office import Browser, Office
from zaitaku.accounts.sessions import Sessions
from zaitaku.core.errors import StoreUnavailable
from zaitaku.facilities.channels import CHANNEL_NAMES
from zaitaku.facilities.model import Channel
from zaitaku.reception.model import ReceptionUrl
from zaitaku.reception.service import ReceptionService

BASE = "/console/reception-urls"
REASON = "ポスターの写真がSNSに出たため"


def standing(office: Office, channel: Channel = Channel.ONLINE) -> ReceptionUrl:
    return office.services.reception.show(office.world.facility.id, channel)


def address(office: Office, channel: Channel = Channel.ONLINE) -> str:
    return office.services.reception.address(standing(office, channel).current)


def walk(browser: Browser, act: str, channel: Channel = Channel.ONLINE) -> list[str]:
    """Walk a change to its last OK and return the headings of the pages."""
    browser.get(f"{BASE}/{channel}/{act}")
    headings = [browser.heading]
    answers: list[dict[str, str]] = [{"ticked": "yes"}, {}, {"reason": REASON}, {}]
    if act == "reset":
        del answers[1]
    for answer in answers:
        browser.send(**answer)
        headings.append(browser.heading)
    return headings


def test_both_channels_with_url_number_and_downloads(office: Office) -> None:
    browser = office.logged_in()
    browser.get(BASE)
    assert browser.heading == "医療機関別URL 取得・変更"
    assert "1310123456" in browser.text
    for channel in Channel:
        assert address(office, channel) in browser.text
        assert CHANNEL_NAMES[channel] in browser.text
        assert standing(office, channel).current.typed_number in browser.text


def test_a_channel_that_is_off_says_so(office: Office) -> None:
    office.world.change_settings(online=False)
    browser = office.logged_in()
    browser.get(BASE)
    assert browser.text.count("いまは利用していません") == 1


def test_at_the_first_version_going_back_is_not_offered_and_the_page_says_why(
    office: Office,
) -> None:
    browser = office.logged_in()
    browser.get(BASE)
    assert not [path for path in browser.links().values() if path.endswith(("revert", "reset"))]
    assert browser.text.count("今のURLは最初のURLなので") == 2
    for act in ("revert", "reset"):
        assert browser.get(f"{BASE}/online/{act}") == 200
        assert browser.heading == "戻せるURLがありません"


def test_the_image_on_the_page_is_the_living_url(office: Office) -> None:
    browser = office.logged_in()
    browser.get(f"{BASE}/online/qr-image")
    assert decoded(browser) == address(office)


def decoded(browser: Browser) -> str:
    assert browser.answer.mimetype == "image/png"
    (found,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(browser.answer.data)))
    return str(found.text)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("qr-code", "二次元コード_オンライン診療等_1310123456_第1版.png"),
        ("poster", "ポスター_オンライン診療等_1310123456_第1版.pdf"),
        ("card", "配布カード_オンライン診療等_1310123456_第1版.pdf"),
        ("sheet", "配布カード10枚_オンライン診療等_1310123456_第1版.pdf"),
    ],
)
def test_a_download_asks_first_and_has_a_telling_name(office: Office, kind: str, name: str) -> None:
    browser = office.logged_in()
    browser.get(f"{BASE}/online/{kind}")
    assert name in browser.text
    browser.follow("OK（ダウンロードする）")
    disposition = browser.answer.headers["Content-Disposition"]
    assert unquote(disposition.rpartition("UTF-8''")[2]) == name
    assert browser.answer.data[:4] in {b"\x89PNG", b"%PDF"}


def test_the_downloaded_code_follows_a_rotation(office: Office) -> None:
    browser = office.logged_in()
    before = address(office)
    walk(browser, "rotate")
    browser.get(f"{BASE}/online/qr-code/file")
    assert decoded(browser) == address(office) != before


def test_rotating_step_by_step(office: Office) -> None:
    browser = office.logged_in()
    before = address(office)
    assert walk(browser, "rotate") == [
        "URLを変更する：オンライン診療等・外来診療等（通常とは異なる動線）",
        "警告：今のURLは使えなくなります",
        "URLを変更する：理由の入力",
        "URLを変更する：確認",
        "URLを変更しました",
    ]
    assert address(office) in browser.text
    assert address(office) != before
    assert standing(office, Channel.HOME_VISIT).current.number == 1


def test_reverting_and_resetting_bring_the_old_url_back(office: Office) -> None:
    browser = office.logged_in()
    first = address(office)
    walk(browser, "rotate")
    second = address(office)
    walk(browser, "rotate")
    assert walk(browser, "revert")[-1] == "URLを変更前に戻しました"
    assert address(office) == second
    assert walk(browser, "reset") == [
        "最初のURLに戻す：オンライン診療等・外来診療等（通常とは異なる動線）",
        "最初のURLに戻す：理由の入力",
        "最初のURLに戻す：確認",
        "最初のURLに戻しました",
    ]
    assert address(office) == first


@pytest.mark.parametrize(("act", "back_to"), [("revert", 2), ("reset", 1)])
def test_going_back_tells_whose_posters_work_again(office: Office, act: str, back_to: int) -> None:
    browser = office.logged_in()
    for _ in range(2):
        walk(browser, "rotate")
    browser.get(f"{BASE}/online/{act}")
    pages = [browser.text]
    if act == "revert":
        browser.send(ticked="yes")
        pages.append(browser.text)
        assert "第3版のポスターを回収する準備はできていますか" in browser.text
    for page in pages:
        assert f"第{back_to}版のポスターと配布カードは、また使えるようになります" in page
        assert "第3版のポスターと配布カードは、使えなくなります" in page
        assert "取り替えが必要です" not in page
    walk(browser, act)
    assert f"第{back_to}版のポスターと配布カードは、また使えます" in browser.text
    assert "第3版のポスターや配布カードを貼ったり配ったりしたときは" in browser.text
    assert "ホームページやアプリに第3版のURLを載せたときは" in browser.text
    assert "新しいポスター" not in browser.text


def test_a_rotation_asks_for_new_posters(office: Office) -> None:
    browser = office.logged_in()
    browser.get(f"{BASE}/online/rotate")
    assert "貼ってあるポスター、配った配布カードは、使えなくなります" in browser.text
    walk(browser, "rotate")
    assert "新しいポスターと配布カードをダウンロードして" in browser.text
    assert "また使えます" not in browser.text


@pytest.mark.parametrize("act", ["rotate", "revert", "reset"])
def test_every_first_page_tells_target_and_what_breaks(office: Office, act: str) -> None:
    browser = office.logged_in()
    walk(browser, "rotate")
    browser.get(f"{BASE}/online/{act}")
    for word in (address(office), "ポスター", "手続きの途中", "ホームページやアプリ"):
        assert word in browser.text


def test_without_the_tick_nothing_goes_on(office: Office) -> None:
    browser = office.logged_in()
    browser.get(f"{BASE}/online/rotate")
    assert browser.send() == 422
    assert browser.title.startswith("エラー：")
    assert "チェックを入れてください" in browser.text


@pytest.mark.parametrize(
    ("reason", "words"),
    [("", "理由を入力してください。"), ("　 ", "理由を入力"), ("あ" * 201, "200文字以内")],
)
def test_the_reason_is_asked_for(office: Office, reason: str, words: str) -> None:
    browser = office.logged_in()
    browser.get(f"{BASE}/online/rotate")
    browser.send(ticked="yes")
    browser.send()
    assert browser.send(reason=reason) == 422
    assert words in browser.text
    assert standing(office).current.number == 1


@pytest.mark.parametrize("step", ["warning", "reason", "confirmation", "completion"])
def test_no_step_can_be_jumped_to(office: Office, step: str) -> None:
    browser = office.logged_in()
    browser.get(f"{BASE}/online/rotate/{step}")
    assert browser.path == f"{BASE}/online/rotate"
    if step != "completion":
        browser.post(f"{BASE}/online/rotate/{step}", hidden_of(browser) | {"reason": REASON})
        assert browser.path == f"{BASE}/online/rotate"
    assert standing(office).current.number == 1


def hidden_of(browser: Browser) -> dict[str, str]:
    return browser.hidden(browser.form())


def test_reset_has_no_warning_page(office: Office) -> None:
    browser = office.logged_in()
    walk(browser, "rotate")
    browser.get(f"{BASE}/online/reset")
    browser.send(ticked="yes")
    browser.get(f"{BASE}/online/reset/warning")
    assert browser.path == f"{BASE}/online/reset"


def test_back_and_reload_lose_nothing_and_do_nothing(office: Office) -> None:
    browser = office.logged_in()
    browser.get(f"{BASE}/online/rotate")
    browser.send(ticked="yes")
    browser.send()
    browser.send(reason=REASON)
    browser.get(f"{BASE}/online/rotate/reason")
    assert REASON in browser.answer.text
    browser.get(f"{BASE}/online/rotate/confirmation")
    assert REASON in browser.text
    assert standing(office).current.number == 1


def test_a_second_press_of_the_last_button_changes_nothing_more(office: Office) -> None:
    browser = office.logged_in()
    browser.get(f"{BASE}/online/rotate")
    for answer in ({"ticked": "yes"}, {}, {"reason": REASON}):
        browser.send(**answer)
    fields, path = hidden_of(browser), browser.path
    for _ in range(2):
        browser.post(path, fields)
        assert browser.heading == "URLを変更しました"
    assert standing(office).current.number == 2


def test_a_colleague_who_was_first_is_told_about(office: Office) -> None:
    slow, fast = office.logged_in(), office.logged_in()
    slow.get(f"{BASE}/online/rotate")
    for answer in ({"ticked": "yes"}, {}, {"reason": "ゆっくり"}):
        slow.send(**answer)
    walk(fast, "rotate")
    now = address(office)
    assert slow.send() == 409
    assert slow.heading == "ほかの人が先にURLを変更しました"
    (row,) = slow.rows()
    assert row[1:] == ["URLを変更する", "第1版 → 第2版", "kanri みどり", REASON]
    assert address(office) == now


def test_a_page_left_open_is_refused_at_its_first_step(office: Office) -> None:
    slow, fast = office.logged_in(), office.logged_in()
    slow.get(f"{BASE}/online/rotate")
    walk(fast, "rotate")
    assert slow.send(ticked="yes") == 409
    assert slow.heading == "ほかの人が先にURLを変更しました"


def test_two_tabs_do_not_mix_their_channels(office: Office) -> None:
    browser = office.logged_in()
    browser.get(f"{BASE}/online/rotate")
    for answer in ({"ticked": "yes"}, {}, {"reason": REASON}):
        browser.send(**answer)
    fields, path = hidden_of(browser), browser.path
    browser.get(f"{BASE}/home-visit/rotate")
    browser.send(ticked="yes")
    assert browser.post(path, fields) == 409
    assert browser.heading == "別の画面で、内容を選び直しています"
    browser.follow("はじめから確かめる")
    assert browser.path == f"{BASE}/online/rotate"
    assert {standing(office, channel).current.number for channel in Channel} == {1}


def test_two_tabs_do_not_mix_their_reasons(office: Office) -> None:
    browser = office.logged_in()
    browser.get(f"{BASE}/online/rotate")
    for answer in ({"ticked": "yes"}, {}, {"reason": REASON}):
        browser.send(**answer)
    fields, path = hidden_of(browser), browser.path
    browser.get(f"{BASE}/online/rotate/reason")
    browser.send(reason="べつの理由")
    assert browser.post(path, fields) == 409
    assert standing(office).current.number == 1
    browser.get(path)
    assert "べつの理由" in browser.text
    browser.send()
    assert standing(office).current.number == 2


def test_the_history_tells_who_when_why(office: Office) -> None:
    browser = office.logged_in()
    walk(browser, "rotate")
    walk(browser, "reset")
    browser.get(f"{BASE}/online/history")
    assert [row[1] for row in browser.rows()] == [
        "最初のURLに戻す",
        "URLを変更する",
        "最初の発行",
    ]
    latest = browser.rows()[0]
    assert re.fullmatch(r"2026年11月20日 10:00", latest[0])
    assert latest[2:] == ["第2版 → 第1版", "kanri みどり", REASON]


def test_a_version_of_another_facility_changes_nothing(office: Office) -> None:
    other = office.world.other
    foreign = office.services.reception.show(other.id, Channel.ONLINE).current
    browser = office.logged_in()
    browser.get(f"{BASE}/online/rotate")
    assert browser.send(ticked="yes", expected=str(foreign.id)) == 409
    for answer in ({"ticked": "yes"}, {}, {"reason": REASON}):
        if browser.status == 409:
            browser.get(f"{BASE}/online/rotate")
        browser.send(**answer)
    assert browser.send(expected=str(foreign.id)) == 409
    assert office.services.reception.show(other.id, Channel.ONLINE).current == foreign
    assert standing(office).current.number == 1


@pytest.mark.parametrize("path", ["other", "online/destroy", "online/zip"])
def test_unknown_names_are_no_pages(office: Office, path: str) -> None:
    assert office.logged_in().get(f"{BASE}/{path}") == 404


def at_the_last_button(office: Office) -> Browser:
    browser = office.logged_in()
    browser.get(f"{BASE}/online/rotate")
    for answer in ({"ticked": "yes"}, {}, {"reason": REASON}):
        browser.send(**answer)
    return browser


def away(*_: object, **__: object) -> None:
    raise StoreUnavailable("OperationalError")


def test_a_change_of_which_nobody_knows_is_not_called_nothing(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = at_the_last_button(office)
    with monkeypatch.context() as broken:
        broken.setattr(ReceptionService, "change", away)
        assert browser.send() == 503
    assert browser.heading == "URLが変わったかどうか、いまは確かめられません"
    assert "何も変更していません" not in browser.text
    browser.follow("変更の履歴を確かめる")
    assert browser.path == f"{BASE}/online/history"


def test_a_change_that_was_done_is_told_even_when_the_session_store_is_away(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = at_the_last_button(office)
    with monkeypatch.context() as broken:
        broken.setattr(Sessions, "keep_draft", away)
        assert browser.send() == 200
    assert browser.heading == "URLを変更しました"
    assert "第2版" in browser.text
    assert address(office) in browser.text


def test_pressing_again_after_a_lost_answer_shows_what_was_done(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = at_the_last_button(office)
    path, fields = browser.path, hidden_of(browser)
    with monkeypatch.context() as broken:
        broken.setattr(Sessions, "keep_draft", away)
        browser.post(path, fields)
    browser.post(path, fields)
    assert browser.heading == "URLを変更しました"
    assert address(office) in browser.text
    assert standing(office).current.number == 2


@pytest.mark.parametrize("reason", ["a\0b", "a\x1b[2Jb"])
def test_a_reason_holds_no_control_characters(office: Office, reason: str) -> None:
    browser = office.logged_in()
    browser.get(f"{BASE}/online/rotate")
    browser.send(ticked="yes")
    browser.send()
    assert browser.send(reason=reason) in {400, 422}
    assert standing(office).current.number == 1
