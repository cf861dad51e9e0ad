"""The keys on the screen in a real Chromium: what they type, say, keep and forget."""

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.cardbridge.cards import PIN, WRONG_PIN
from tests.cardbridge.server.fakesite import CODE
from tests.cardbridge.server.rig import back_to
from tests.cardbridge.server.stand import Stand
from tests.cardbridge.server.test_stuck import soon
from zaitaku.cardbridge.virtual.pad import VirtualPad
from zaitaku.cardbridge.web.words import Language

pytestmark = pytest.mark.browser

USUAL = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "0"]
LARGE_ENOUGH = 56
"""Side of a key in CSS pixels, at least."""


def press(page: Page, digits: str) -> None:
    """Press the keys on the screen, wherever each of them stands."""
    keys = page.get_by_role("group", name="数字のボタン")
    for digit in digits:
        keys.get_by_role("button", name=digit, exact=True).click()


def shown(page: Page) -> list[str]:
    """Return the digits in the order in which they stand."""
    return page.locator("[data-digit]").all_inner_texts()


def typed(page: Page) -> str:
    return page.locator("#pin").input_value()


def hear(page: Page) -> list[str]:
    """Return a list that fills with what the page writes to its console."""
    heard: list[str] = []
    page.on("console", lambda line: heard.append(line.text))
    return heard


def after_sending(page: Page, script: str) -> None:
    """Have ``script`` run half a second after a form was sent, while its answer is awaited.

    Playwright itself says nothing about a page that is on its way to another.
    """
    page.evaluate(
        f"addEventListener('submit', () => setTimeout(() => {{{script}}}, 500), {{once: true}})"
    )


@contextmanager
def typing_on(pad: VirtualPad, digits: str) -> Iterator[None]:
    """Type on the reader's keys a second after they are waited for."""

    def slowly() -> bool:
        assert soon(lambda: pad.is_waiting)
        time.sleep(1)
        return pad.press(digits)

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(slowly)
        yield
        assert done.result()


def test_four_keys_and_the_button_send_the_pin(stand: Stand, page: Page) -> None:
    page.goto(stand.link())
    press(page, PIN)
    page.get_by_role("button", name="この内容で送る").click()
    page.wait_for_url(back_to(stand.site, f"code={CODE}"))


def test_the_keys_are_large_and_apart(stand: Stand, page: Page) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto(stand.link())
    boxes = [key.bounding_box() for key in page.locator(".key").all()]
    assert len(boxes) == 12
    for box in boxes:
        assert box is not None
        assert min(box["width"], box["height"]) >= LARGE_ENOUGH
    first, second = boxes[:2]
    assert first is not None
    assert second is not None
    assert second["x"] - first["x"] - first["width"] >= 8


def test_digits_are_taken_away_one_by_one_and_all_at_once(stand: Stand, page: Page) -> None:
    page.goto(stand.link())
    press(page, "123")
    page.get_by_role("button", name="1字消す").click()
    assert typed(page) == "12"
    press(page, "3456")
    assert typed(page) == "1234"
    page.get_by_role("button", name="全部消す").click()
    assert typed(page) == ""


def test_the_count_is_announced_and_never_a_digit(stand: Stand, page: Page) -> None:
    heard = hear(page)
    page.goto(stand.link())
    page.evaluate(
        "const count = document.querySelector('.count');"
        "new MutationObserver(() => console.log(count.textContent))"
        ".observe(count, {childList: true})"
    )
    press(page, "88")
    page.locator("#pin").press_sequentially("88")
    page.get_by_role("button", name="全部消す").click()
    expect(page.locator(".count")).to_have_text("まだ入っていません。")
    assert heard == [
        "1けた入りました。",
        "2けた入りました。",
        "3けた入りました。",
        "4けた入りました。よければ「この内容で送る」を押してください。",
        "まだ入っていません。",
    ]
    assert "8" not in "".join(heard)


def test_the_keyboard_types_from_the_keys_as_well(stand: Stand, page: Page) -> None:
    page.goto(stand.link())
    page.get_by_role("button", name="5", exact=True).focus()
    page.keyboard.press("Enter")
    page.keyboard.type("789")
    page.keyboard.press("Backspace")
    assert typed(page) == "578"
    page.locator("#pin").focus()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="番号を見る")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="5", exact=True)).to_be_focused()


def test_enter_on_a_full_row_of_digits_sends_and_deletes_where_it_says_so(
    stand: Stand, page: Page
) -> None:
    page.goto(stand.link())
    press(page, PIN)
    page.get_by_role("button", name="1字消す").focus()
    page.keyboard.press("Enter")
    assert typed(page) == PIN[:3]
    press(page, PIN[3])
    page.keyboard.press("Enter")
    page.wait_for_url(back_to(stand.site, f"code={CODE}"))


def test_a_key_that_is_held_down_types_once_and_sends_nothing(stand: Stand, page: Page) -> None:
    page.goto(stand.link())
    page.get_by_role("button", name="5", exact=True).focus()
    for _ in range(6):
        page.keyboard.down("Enter")
    page.keyboard.up("Enter")
    assert typed(page) == "5"
    assert stand.box.contents()[0].tries == 3


def test_the_keys_are_one_stop_and_the_arrows_lead_among_them(stand: Stand, page: Page) -> None:
    page.goto(stand.link())
    page.get_by_role("button", name="1", exact=True).focus()
    walked = []
    for arrow in ("Right", "Down", "Down", "Down", "Down", "Right", "Up", "Left", "Up"):
        page.keyboard.press(f"Arrow{arrow}")
        walked.append(page.evaluate("document.activeElement.textContent"))
    assert walked == ["2", "5", "8", "0", "全部消す", "1字消す", "0", "0", "8"]
    page.keyboard.press("Tab")
    expect(page.locator("[data-mix]")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(page.get_by_role("button", name="8", exact=True)).to_be_focused()


@pytest.mark.parametrize("language", Language)
def test_no_key_breaks_a_word(stand: Stand, page: Page, language: Language) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto(stand.link(language=language.value, text_size="largest"))
    page.locator("#pin").fill("12")
    page.locator("[data-submit]").click()
    page.wait_for_selector(".error-summary")
    broken = page.evaluate(
        "[...document.querySelectorAll('.key')].filter(key => { const range = new Range();"
        " const words = key.textContent.split(' ').length; range.selectNodeContents(key);"
        " const lines = new Set([...range.getClientRects()].map(box => Math.round(box.bottom)));"
        " return key.querySelector('ruby') ? key.scrollWidth > key.clientWidth"
        " : lines.size > words; }).map(key => key.textContent)"
    )
    assert broken == []


def test_the_keys_stand_as_usual_until_they_are_mixed(stand: Stand, page: Page) -> None:
    page.goto(stand.link())
    assert shown(page) == USUAL
    mix = page.get_by_label("のぞき見を防ぐため、数字の並びをまぜる")
    places: Counter[int] = Counter()
    for _ in range(25):
        mix.evaluate("one => { one.click(); if (!one.checked) one.click() }")
        order = shown(page)
        assert sorted(order) == sorted(USUAL)
        places[order.index("1")] += 1
    assert len(places) >= 7
    expect(page.locator(".count")).to_have_text("数字の並びをまぜました。")
    mix.uncheck()
    assert shown(page) == USUAL


def test_mixed_keys_type_what_they_show_and_stay_mixed(stand: Stand, page: Page) -> None:
    page.goto(stand.link())
    page.locator("[data-mix]").check()
    press(page, WRONG_PIN)
    assert typed(page) == WRONG_PIN
    page.locator("[data-submit]").click()
    page.wait_for_selector(".error-summary")
    assert page.locator("[data-mix]").is_checked()
    press(page, PIN)
    page.locator("[data-submit]").click()
    page.wait_for_url(back_to(stand.site, f"code={CODE}"))


def test_a_pin_that_is_sent_is_taken_out_of_the_page(stand: Stand, page: Page) -> None:
    stand.site.proof_delay = 1
    page.goto(stand.link())
    page.get_by_role("button", name="番号を見る").click()
    press(page, PIN)
    assert PIN not in page.content()
    heard = hear(page)
    after_sending(page, "{const f = document.getElementById('pin'); console.log(f.value, f.type)}")
    page.locator("[data-submit]").click()
    page.wait_for_url(back_to(stand.site, f"code={CODE}"))
    assert heard == [" password"]


@pytest.mark.parametrize("is_seen", [True, False])
def test_back_reload_and_forward_never_bring_a_pin_again(
    stand: Stand, page: Page, is_seen: bool
) -> None:
    page.goto(stand.link())
    if is_seen:
        page.get_by_role("button", name="番号を見る").click()
    press(page, WRONG_PIN)
    page.reload()
    assert typed(page) == ""
    page.locator("#pin").fill("123")
    page.goto(stand.address)
    page.go_back()
    assert typed(page) == ""
    press(page, WRONG_PIN)
    page.locator("[data-submit]").click()
    page.wait_for_selector(".error-summary")
    for move in (page.go_back, page.go_forward, page.reload):
        move()
        assert page.locator("main").get_attribute("data-page") == "pin"
        assert typed(page) == ""
    assert stand.box.contents()[0].tries == 2
    stored = (
        "JSON.stringify([{...localStorage}, {...sessionStorage}, history.state, document.cookie])"
    )
    assert page.evaluate(stored) == '[{},{},null,""]'


def test_back_after_an_error_shows_the_page_and_no_question(stand: Stand, page: Page) -> None:
    page.goto(stand.link())
    before = page.url
    for _ in range(2):
        page.locator("#pin").fill("12")
        page.locator("[data-submit]").click()
        page.wait_for_selector(".error-summary")
    page.go_back()
    page.go_back()
    assert page.url == before
    assert page.locator(".error-summary").count() == 0


def test_without_javascript_the_field_stands_alone(stand: Stand, chromium: Browser) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(stand.link())
    assert page.locator(".key").filter(visible=True).count() == 0
    assert page.locator("#pin").is_visible()
    context.close()


def test_waiting_for_the_reader_is_announced_and_leads_on(
    pad_stand: tuple[Stand, VirtualPad], page: Page
) -> None:
    stand, pad = pad_stand
    page.goto(stand.link())
    heard = hear(page)
    after_sending(page, "console.log(document.querySelector('.progress').textContent)")
    with typing_on(pad, PIN):
        page.get_by_role("button", name="リーダーの数字キーで入れる").click()
        page.wait_for_url(back_to(stand.site, f"code={CODE}"))
    [said] = heard
    assert said.startswith("カードリーダーの数字キーで、暗証番号を入れて")


def test_the_patient_can_stop_while_the_reader_waits(
    pad_stand: tuple[Stand, VirtualPad], page: Page
) -> None:
    stand, pad = pad_stand
    page.goto(stand.link())
    after_sending(page, "document.querySelector('.actions form button').click()")
    page.locator("[data-submit]").click()
    expect(page).to_have_url(back_to(stand.site, "cancelled=1"))
    assert pad.press(PIN)
    assert stand.site.proofs == []


def test_the_screen_can_be_used_in_place_of_the_reader(
    pad_stand: tuple[Stand, VirtualPad], page: Page
) -> None:
    stand, _ = pad_stand
    page.goto(stand.link())
    page.get_by_role("link", name="この画面で入れる").click()
    press(page, PIN)
    page.locator("[data-submit]").click()
    page.wait_for_url(back_to(stand.site, f"code={CODE}"))
