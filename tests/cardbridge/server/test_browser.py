"""The bridge in a real Chromium at phone size: the happy path, 320 px, axe, no JavaScript."""

from collections.abc import Callable
from http import HTTPStatus
from itertools import pairwise
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.cardbridge.cards import PIN, WRONG_PIN
from tests.cardbridge.server.fakesite import CODE
from tests.cardbridge.server.rig import back_to
from tests.cardbridge.server.stand import Stand, faults
from zaitaku import wire
from zaitaku.cardbridge.reading import desk
from zaitaku.cardbridge.virtual.pad import VirtualPad
from zaitaku.cardbridge.virtual.reader import VirtualReader
from zaitaku.cardbridge.web.words import Language, Words

pytestmark = pytest.mark.browser

ELSEWHERE = "/j/another-journey/card/return"
Scheme = Literal["light", "dark"]
Forced = Literal["none", "active"]


def test_the_happy_path_ends_at_the_site(stand: Stand, page: Page) -> None:
    page.goto(stand.link())
    assert page.title().startswith("内容を確かめて、暗証番号を入れてください")
    page.get_by_label("暗証番号（数字4けた）").fill(PIN)
    page.get_by_role("button", name="この内容で送る").click()
    page.wait_for_url(back_to(stand.site, f"code={CODE}"))
    assert len(stand.site.proofs) == 1


def test_the_way_from_a_page_of_the_site_by_link_and_by_form(stand: Stand, page: Page) -> None:
    page.goto(stand.site.origin)
    link = stand.link()
    page.evaluate("href => { location.href = href }", link)
    page.wait_for_url("**/reading/*")
    page.get_by_role("button", name="やめて戻る").click()
    page.wait_for_url(back_to(stand.site, "cancelled=1"))
    assert stand.site.proofs == []


def test_it_works_without_javascript(stand: Stand, chromium: Browser) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(stand.link())
    page.get_by_label("暗証番号（数字4けた）").fill(WRONG_PIN)
    page.get_by_role("button", name="この内容で送る").click()
    assert page.title().startswith("エラー：")
    page.get_by_label("暗証番号（数字4けた）").fill(PIN)
    page.get_by_role("button", name="この内容で送る").click()
    page.wait_for_url(back_to(stand.site, f"code={CODE}"))
    context.close()


def test_a_double_click_is_one_try(stand: Stand, page: Page) -> None:
    page.goto(stand.link())
    page.get_by_label("暗証番号（数字4けた）").fill(WRONG_PIN)
    page.get_by_role("button", name="この内容で送る").dblclick()
    page.wait_for_selector(".error-summary")
    assert stand.box.contents()[0].tries == 2


def test_an_error_takes_the_focus_and_leads_to_its_field(stand: Stand, page: Page) -> None:
    go_to_wrong_pin(stand, page)
    expect(page.locator(".error-summary")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#pin")).to_be_focused()
    assert page.locator("#pin").input_value() == ""


def test_the_waiting_is_announced(stand: Stand, page: Page) -> None:
    stand.site.proof_delay = 0.5
    heard: list[str] = []
    page.on("console", lambda line: heard.append(line.text))
    page.goto(stand.link())
    page.evaluate(
        "const status = document.querySelector('.progress');"
        "new MutationObserver(() => console.log(status.textContent))"
        ".observe(status, {childList: true})"
    )
    page.get_by_label("暗証番号（数字4けた）").fill(PIN)
    page.get_by_role("button", name="この内容で送る").click()
    page.wait_for_url(back_to(stand.site, f"code={CODE}"))
    assert heard == ["カードを読み取っています。カードを動かさずに、お待ちください。"]


def test_the_pin_can_be_looked_at(stand: Stand, page: Page) -> None:
    page.goto(stand.link())
    field = page.get_by_label("暗証番号（数字4けた）")
    assert field.get_attribute("type") == "password"
    page.get_by_role("button", name="番号を見る").click()
    assert field.get_attribute("type") == "text"
    page.get_by_role("button", name="番号をかくす").click()
    assert field.get_attribute("type") == "password"


def test_a_frame_stays_empty(stand: Stand, chromium: Browser) -> None:
    context = chromium.new_context()
    page = context.new_page()
    page.goto(stand.site.origin)
    with page.expect_response(lambda answer: answer.url.startswith(stand.address)) as framed:
        page.evaluate(
            "src => { const frame = document.createElement('iframe'); frame.src = src;"
            " document.body.append(frame) }",
            stand.link(),
        )
    assert framed.value.status == HTTPStatus.FORBIDDEN
    assert wire.KEYS_PATH not in stand.site.asked
    context.close()


def go_to_pin(stand: Stand, page: Page) -> None:
    page.goto(stand.link())


def go_to_wrong_pin(stand: Stand, page: Page) -> None:
    page.goto(stand.link())
    page.locator("#pin").fill(WRONG_PIN)
    page.locator("[data-submit]").click()
    page.wait_for_selector(".error-summary")


def go_to_last_try_by_a_wrong_pin(stand: Stand, page: Page) -> None:
    for _ in range(2):
        go_to_wrong_pin(stand, page)


def go_to_no_card(stand: Stand, page: Page) -> None:
    stand.box.remove()
    page.goto(stand.link())


def go_to_last_try(stand: Stand, page: Page) -> None:
    stand.box.insert("b-last")
    page.goto(stand.link())


def go_to_last_pin(stand: Stand, page: Page) -> None:
    go_to_last_try(stand, page)
    page.locator("a.button").last.click()
    page.wait_for_selector("#pin")


def go_to_locked(stand: Stand, page: Page) -> None:
    stand.box.insert("c-locked")
    page.goto(stand.link())


def go_to_other_card(stand: Stand, page: Page) -> None:
    stand.box.insert("d-other")
    page.goto(stand.link())


def go_to_foreign(stand: Stand, page: Page) -> None:
    page.goto(stand.link(iss="https://a-very-long-name.of-a-site.somewhere-else.example"))


def go_to_busy(stand: Stand, page: Page) -> None:
    page.goto(stand.link())
    page.goto(stand.link(return_path=ELSEWHERE))
    page.wait_for_selector('[data-page="busy"]')


def go_to_unsent(stand: Stand, page: Page) -> None:
    stand.site.proof_status = 503
    page.goto(stand.link())
    page.locator("#pin").fill(PIN)
    page.locator("[data-submit]").click()
    page.wait_for_selector('[data-page="send-failed"]')


def go_to_clock(stand: Stand, page: Page) -> None:
    page.goto(stand.link(iat=4_000_000_000, exp=4_000_000_600))


def go_to_status(stand: Stand, page: Page) -> None:
    page.goto(stand.address)


PLACES: dict[str, Callable[[Stand, Page], None]] = {
    "pin": go_to_pin,
    "wrong-pin": go_to_wrong_pin,
    "no-card": go_to_no_card,
    "last-try": go_to_last_try,
    "last-pin": go_to_last_pin,
    "last-try-after-wrong-pin": go_to_last_try_by_a_wrong_pin,
    "locked": go_to_locked,
    "other-card": go_to_other_card,
    "foreign-origin": go_to_foreign,
    "busy": go_to_busy,
    "send-failed": go_to_unsent,
    "clock": go_to_clock,
    "status": go_to_status,
}


@pytest.mark.parametrize("place", PLACES)
def test_each_page_is_sound_in_every_language_and_size(
    stand: Stand, page: Page, place: str
) -> None:
    PLACES[place](stand, page)
    for language in Language:
        if page.locator("html").get_attribute("lang") != language:
            page.locator(".view > summary").click()
            page.locator(f'nav a[hreflang="{language}"]').click()
            page.wait_for_selector(f'html[lang="{language}"]')
        heading = page.locator("h1")
        expect(heading).to_have_count(1)
        for width, size in ((390, ""), (320, "size-largest")):
            page.set_viewport_size({"width": width, "height": 844})
            page.evaluate("size => { document.documentElement.className = size }", size)
            assert faults(page) == [], f"{language} at {width} px"


@pytest.mark.parametrize("language", Language)
def test_every_sign_fits_the_narrowest_screen(stand: Stand, page: Page, language: Language) -> None:
    page.set_viewport_size({"width": 320, "height": 844})
    page.goto(f"{stand.address}?lang={language}&size=largest")
    words = Words.load().catalogues[language]["emblem"]
    signs = [f"{colour} {thing}" for colour in words["colours"] for thing in words["things"]]
    too_wide = page.evaluate(
        "signs => signs.filter(sign => {"
        " document.querySelector('.emblem strong').textContent = sign;"
        " return document.documentElement.scrollWidth > window.innerWidth })",
        signs,
    )
    assert too_wide == []


def test_a_reading_that_was_left_alone_is_told_of_soundly(
    stand: Stand, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "IDLE_SECONDS", 0)
    page.set_viewport_size({"width": 320, "height": 844})
    page.goto(stand.link())
    for language in Language:
        page.goto(stand.link(language=language, return_path=ELSEWHERE, text_size="largest"))
        page.wait_for_selector('[data-page="busy-idle"]')
        assert faults(page) == []
    page.locator(".button.primary").click()
    page.wait_for_selector('[data-page="pin"]')


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("forced", ["none", "active"])
def test_dark_and_forced_colours_keep_their_contrast(
    stand: Stand, page: Page, scheme: Scheme, forced: Forced
) -> None:
    page.emulate_media(color_scheme=scheme, forced_colors=forced, reduced_motion="reduce")
    go_to_wrong_pin(stand, page)
    assert faults(page) == []
    running = "document.getAnimations().filter(one => one.playState === 'running').length"
    assert page.evaluate(running) == 0


SPACING = """
* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important }
p { margin-block-end: 2em !important }
"""
"""WCAG 2.2 SC 1.4.12."""


@pytest.mark.parametrize("style", ["html { font-size: 225% !important }", SPACING])
@pytest.mark.parametrize("place", ["wrong-pin", "locked"])
def test_twice_the_text_size_and_wide_spacing_lose_nothing(
    stand: Stand, page: Page, place: str, style: str
) -> None:
    PLACES[place](stand, page)
    page.evaluate("document.querySelector('.view').open = true")
    page.set_viewport_size({"width": 390, "height": 844})
    page.evaluate(
        "css => { const sheet = new CSSStyleSheet(); sheet.replaceSync(css);"
        " document.adoptedStyleSheets = [sheet] }",
        style,
    )
    lost = page.evaluate(
        "[...document.querySelectorAll('body *')].filter(one => !one.closest('rp, svg') &&"
        " !one.matches('.visually-hidden') && (one.getBoundingClientRect().right >"
        " innerWidth + 1 || (getComputedStyle(one).overflow === 'hidden' &&"
        " one.scrollHeight > one.clientHeight + 1))).map(one => one.outerHTML)"
    )
    assert lost == []


def test_the_head_leaves_the_first_screen_to_the_page(stand: Stand, page: Page) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto(stand.link(text_size="largest"))
    for language in Language:
        page.goto(f"{page.url.split('?')[0]}?lang={language}")
        heading = page.locator("h1").bounding_box()
        header = page.locator("header").bounding_box()
        banner = page.locator(".banner").bounding_box()
        assert heading is not None
        assert header is not None
        assert banner is not None  # an ordinary site has none
        assert header["height"] - banner["height"] <= 640 / 4
        assert heading["y"] < 640 - 2 * 24 * 1.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_choice_of_a_reader_is_sound(
    two_readers: tuple[Stand, VirtualReader], page: Page, scheme: Scheme
) -> None:
    stand, _ = two_readers
    page.emulate_media(color_scheme=scheme)
    for language in Language:
        page.goto(stand.link(language=language.value, return_path="/same"))
        assert page.locator("main").get_attribute("data-page") == "choose-reader"
        assert faults(page) == []
    page.locator(".readers button").last.click()
    assert page.locator("main").get_attribute("data-page") == "pin"
    assert faults(page) == []


def test_the_page_of_a_reader_with_keys_is_sound(
    pad_stand: tuple[Stand, VirtualPad], page: Page
) -> None:
    stand, _ = pad_stand
    for language in Language:
        page.goto(stand.link(language=language.value, return_path="/same"))
        assert page.locator("#pin").count() == 0
        assert faults(page) == []


def test_the_spoken_order_is_the_seen_order(stand: Stand, page: Page) -> None:
    for place in ("wrong-pin", "status"):
        PLACES[place](stand, page)
        tops = page.evaluate(
            "[...document.querySelectorAll('header, .error-summary, h1, h2, h3, label, input,"
            " .keys, button[data-submit], .actions, footer')].filter(one => one.offsetHeight)"
            ".map(one => [one.getBoundingClientRect().top, one.outerHTML.slice(0, 60)])"
        )
        disordered = [pair for pair in pairwise(tops) if pair[0][0] > pair[1][0] + 40]
        assert disordered == []


def test_sizes_are_for_old_eyes_and_unsteady_hands(stand: Stand, page: Page) -> None:
    go_to_pin(stand, page)
    assert page.evaluate("parseFloat(getComputedStyle(document.body).fontSize)") >= 18
    primary = page.locator("[data-submit]").bounding_box()
    assert primary is not None
    assert primary["height"] >= 56
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
    seen = "a, button, summary, label.mix, input:not([type=hidden], [type=checkbox])"
    for target in page.locator(seen).filter(visible=True).all():
        box = target.bounding_box()
        assert box is not None
        assert box["height"] >= 44, target.inner_text()


def test_all_text_sizes_are_at_least_16_px(stand: Stand, page: Page) -> None:
    go_to_pin(stand, page)
    smallest = page.evaluate(
        "Math.min(...[...document.querySelectorAll('body *')].filter(e => e.innerText)"
        ".map(e => parseFloat(getComputedStyle(e).fontSize)))"
    )
    assert smallest >= 16


def test_nothing_is_asked_of_anybody_else(stand: Stand, page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    go_to_pin(stand, page)
    page.goto(stand.address)
    assert {url for url in asked if not url.startswith(stand.address)} == set()
