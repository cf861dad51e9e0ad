"""A page of another site, in a real Chromium, tries everything on a bridge with a reading open."""

from collections.abc import Iterator
from http import HTTPStatus
from itertools import product
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.cardbridge.server.fakesite import FakeSite, serving
from tests.cardbridge.server.stand import Stand
from zaitaku.cardbridge.virtual.box import BoxedCard

pytestmark = pytest.mark.browser

FETCH = """async ([url, options]) => {
  try {
    const answer = await fetch(url, options);
    return [answer.type, answer.status, (await answer.text()).length];
  } catch (error) { return [error.name, 0, 0]; }
}"""
LOAD = """([tag, name, url]) => new Promise(done => {
  const one = document.createElement(tag);
  if (tag === 'link') one.rel = 'stylesheet';
  one.onload = () => done('loaded');
  one.onerror = () => done('refused');
  one[name] = url;
  document.head.append(one);
})"""
POST = """([url, fields]) => {
  const form = document.createElement('form');
  form.method = 'post';
  form.action = url;
  for (const [name, value] of Object.entries(fields)) {
    const input = document.createElement('input');
    input.name = name;
    input.value = value;
    form.append(input);
  }
  document.body.append(form);
  form.submit();
}"""


@pytest.fixture
def reading(stand: Stand, chromium: Browser) -> Iterator[Page]:
    """The patient's own window, at the PIN."""
    context = chromium.new_context(locale="ja-JP")
    page = context.new_page()
    page.goto(stand.link())
    yield page
    context.close()


@pytest.fixture
def evil(stand: Stand, chromium: Browser) -> Iterator[Page]:
    """A page of a site that nobody told the bridge to serve."""
    with serving(FakeSite()) as site:
        context = chromium.new_context(locale="ja-JP")
        page = context.new_page()
        page.goto(site.origin)
        yield page
        context.close()


def status_of_post(page: Page, url: str, fields: dict[str, str | None]) -> int:
    with page.expect_navigation() as answered:
        page.evaluate(POST, [url, fields])
    return answered.value.status


def first_card(stand: Stand) -> BoxedCard:
    return stand.box.contents()[0]


def test_a_foreign_page_can_fetch_nothing(stand: Stand, reading: Page, evil: Page) -> None:
    paths = ("", "virtual/cards", "assets/bridge.js", reading.url.split("/", 3)[3])
    for mode, method in product(("cors", "no-cors", "same-origin"), ("GET", "POST")):
        options = {"mode": mode, "method": method, "credentials": "include"}
        for path in paths:
            kind, status, length = evil.evaluate(FETCH, [stand.address + path, options])
            assert (status, length) == (0, 0), path
            assert kind in {"TypeError", "opaque"}


def test_a_foreign_page_gets_no_leave_beforehand(stand: Stand, evil: Page) -> None:
    for header in ("X-Custom", "Access-Control-Request-Private-Network"):
        options = {"method": "PUT", "headers": {header: "true"}}
        assert evil.evaluate(FETCH, [stand.address, options])[0] == "TypeError"


def test_a_foreign_page_can_load_no_file(stand: Stand, evil: Page) -> None:
    for tag, name, path in (
        ("script", "src", "assets/bridge.js"),
        ("script", "src", "virtual/cards"),
        ("link", "href", "assets/bridge.css"),
        ("img", "src", "assets/bridge.css"),
    ):
        assert evil.evaluate(LOAD, [tag, name, stand.address + path]) == "refused"


def test_a_foreign_page_can_post_nothing(stand: Stand, reading: Page, evil: Page) -> None:
    """Even one that has come to know address and token."""
    token = reading.locator("input[name=token]").first.get_attribute("value")
    fields: dict[str, str | None] = {"token": token, "turn": "0", "pin": "0000"}
    home = evil.url
    for action in ("pin", "send", "cancel"):
        evil.goto(home)
        assert status_of_post(evil, f"{reading.url}/{action}", fields) == HTTPStatus.FORBIDDEN
    assert first_card(stand).tries == 3
    reading.reload()
    assert reading.locator("main").get_attribute("data-page") == "pin"


def test_a_foreign_page_can_move_no_card(stand: Stand, evil: Page) -> None:
    fields: dict[str, str | None] = {"token": stand.box.token}
    status = status_of_post(evil, f"{stand.address}virtual/remove", fields)
    assert status == HTTPStatus.FORBIDDEN
    assert first_card(stand).inserted


def test_a_window_that_a_foreign_page_opens_tells_it_nothing(stand: Stand, evil: Page) -> None:
    with evil.context.expect_page() as opened:
        evil.evaluate("url => { window.other = window.open(url); }", stand.address)
    opened.value.wait_for_load_state()
    assert opened.value.locator("main").get_attribute("data-page") == "status"
    seen: Any = evil.evaluate(
        """() => {
          const other = window.other;
          const tried = [];
          for (const look of [() => other.document.title, () => other.location.href]) {
            try { tried.push(look()); } catch (error) { tried.push(error.name); }
          }
          return [other.closed, other.length, ...tried];
        }"""
    )
    # Cross-Origin-Opener-Policy has cut the two apart: for the opener the window is closed.
    assert seen[:2] == [True, 0]
    assert not [text for text in seen[2:] if isinstance(text, str) and "カード" in text]
    assert opened.value.evaluate("window.opener") is None


def test_a_name_that_points_at_this_computer_is_not_the_bridges(
    stand: Stand, chromium: Browser
) -> None:
    """DNS rebinding: a name of the attacker's leads to 127.0.0.1."""
    page = chromium.new_page()
    port = stand.address.rstrip("/").rpartition(":")[2]
    answer = page.goto(f"http://evil.localhost:{port}/")
    assert answer is not None
    assert answer.status == HTTPStatus.MISDIRECTED_REQUEST
    page.close()


def test_a_request_that_a_foreign_page_sends_shows_whose_it_is(stand: Stand, evil: Page) -> None:
    """Somebody else's journey: the patient sees facility and answers before any PIN."""
    link = stand.link()
    evil.evaluate("url => { location.href = url; }", link)
    evil.wait_for_url("**/reading/*")
    summary = evil.locator(".summary").inner_text()
    assert "架空在宅クリニック" in summary
    assert stand.site.origin in summary
    assert stand.site.proofs == []
