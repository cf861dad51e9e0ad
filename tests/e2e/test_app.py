"""The patient's phone reads the card: in one browser, over two, and with another's provider."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.chromium import Watched, axe_findings, phone_context, sideways_scroll
from tests.e2e.patient import Patient
from tests.e2e.running import RunningDemo
from tests.provider.running import CLIENT_ID, new_signing_key, running_provider
from tests.servers import free_port
from zaitaku.demo.places import Places
from zaitaku.demo.processes import running, site_command, wait_until_up
from zaitaku.demo.setup import prepare
from zaitaku.identity.oidc.client_keys import ClientKeys
from zaitaku.identity.oidc.service import CALLBACK_PATH

LANGUAGES = ["ja", "ja-x-yasashii", "en"]
PERSON = "takahashi-kiyo"


@pytest.fixture
def other_page(browser: Browser) -> Iterator[Page]:
    """A page of another browser, which knows nothing of the first."""
    context = phone_context(browser)
    opened = context.new_page()
    watched = Watched()
    watched.watch(opened)
    yield opened
    context.close()
    assert watched.complaints == []


def reach_app(page: Page, url: str, query: str = "") -> None:
    """Walk to the page from which the app is opened."""
    patient = Patient(page)
    page.goto(url + query)
    patient.go_on()
    for answer in ("yes", "yes", "app", "self"):
        patient.choose(answer)
    patient.go_on()
    patient.choose("all")
    patient.go_on()
    expect(page).to_have_url(re.compile(r"/card(\?|$)"))


def open_app(page: Page) -> Page:
    """Press the button; the app's page opens beside the first."""
    with page.expect_popup() as opened:
        page.locator("main form button").first.click()
    return opened.value


def number_on(page: Page) -> str:
    return page.locator(".pairing").inner_text()


def assert_accessible(page: Page) -> None:
    assert axe_findings(page) == []
    assert sideways_scroll(page) == 0


def test_in_one_browser(page: Page, demo: RunningDemo) -> None:
    reach_app(page, demo.patient_url("home-visit"))
    app = open_app(page)
    app.locator(f"button[value={PERSON}]").click()
    reference = Patient(app).reference()
    assert Patient(page).reference() == reference  # the first page has gone on by itself
    app.reload()
    assert Patient(app).reference() == reference


@pytest.mark.parametrize("language", LANGUAGES)
def test_over_two_browsers(page: Page, other_page: Page, demo: RunningDemo, language: str) -> None:
    reach_app(page, demo.patient_url("home-visit"), f"?lang={language}")
    assert_accessible(page)
    expect(page.locator(".pairing")).to_be_hidden()
    app = open_app(page)
    expect(page.locator("form [role=status]")).not_to_be_empty()
    assert_accessible(app)
    page.wait_for_timeout(2000)
    expect(page.locator("form [role=status]")).not_to_be_empty()
    expect(page.locator("form button[aria-disabled]")).to_have_count(0)
    app.locator("input[name=elsewhere]").check()
    app.locator(f"button[value={PERSON}]").click()
    other_page.goto(app.locator("[data-address]").inner_text())
    assert_accessible(other_page)
    expect(other_page.locator("html")).to_have_attribute("lang", language)
    assert number_on(other_page) == number_on(page)
    other_page.locator("button[value=same]").click()
    expect(other_page.locator("main form")).to_have_count(0)
    assert_accessible(other_page)
    Patient(page).reference()


def test_saying_that_the_numbers_differ(page: Page, other_page: Page, demo: RunningDemo) -> None:
    reach_app(page, demo.patient_url("home-visit"))
    app = open_app(page)
    app.locator("input[name=elsewhere]").check()
    app.locator(f"button[value={PERSON}]").click()
    other_page.goto(app.locator("[data-address]").inner_text())
    other_page.locator("button[value=different]").click()
    expect(other_page.locator("main")).to_contain_text("何も登録されていません")
    expect(page.locator("h1")).to_contain_text("番号がちがうため")
    page.get_by_role("link", name="もう一度カードを読み取る").click()
    open_app(page).locator("button[name=cancel]").click()


def test_with_an_independent_provider(page: Page, tmp_path: Path) -> None:
    ports = {f"ZAITAKU_{name}PORT": str(free_port()) for name in ("", "BRIDGE_", "PROVIDER_")}
    places = Places.from_env({"ZAITAKU_DATA": str(tmp_path), **ports})
    ready = prepare(places)
    with running_provider(
        tmp_path,
        client_keys=ClientKeys.load(tmp_path / "openid-key.pem").published(),
        redirect_uri=places.origin + CALLBACK_PATH,
        signing_key=new_signing_key("independent"),
        port=places.provider_port,
    ) as provider:
        environ = ready.environ | {
            "ZAITAKU_OIDC_AUTHORIZATION_URL": f"{provider.issuer}/auth",
            "ZAITAKU_OIDC_TOKEN_URL": f"{provider.issuer}/token",
            "ZAITAKU_OIDC_KEYS_URL": f"{provider.issuer}/jwks",
            "ZAITAKU_OIDC_CLIENT_ID": CLIENT_ID,
        }
        with running(site_command(places), environ) as site:
            wait_until_up(f"{places.origin}/readyz", site)
            reach_app(page, ready.summary["patient_urls"]["home-visit"])
            app = open_app(page)
            app.locator("input[name=login]").fill("taro")
            app.get_by_role("button", name="Sign in").click()
            assert Patient(page).reference() == Patient(app).reference()
