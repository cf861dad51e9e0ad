"""A clinic prints its poster, sees its patients, and changes its URL."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.chromium import phone_context
from tests.e2e.clinic import Clinic, decode_image, decode_pdf
from tests.e2e.patient import Patient, lay_card
from tests.e2e.running import RunningDemo


@pytest.fixture
def clinic(demo: RunningDemo, page: Page) -> Clinic:
    """An administrator who is logged in."""
    lay_card(demo, "yamada-hanako")
    clinic = Clinic(page, demo)
    clinic.log_in()
    return clinic


def test_from_the_printed_poster_to_the_clinics_screen(
    clinic: Clinic, demo: RunningDemo, browser: Browser
) -> None:
    url = decode_pdf(clinic.download("home-visit", "poster"))
    assert url == clinic.shown_url("home-visit")
    context = phone_context(browser)
    reference = Patient(context.new_page()).give_consent(url, {"surgery": "refuse"})
    context.close()
    row = clinic.consented_patient(reference)
    assert "山田" in row
    assert row.count("○") == 3  # 診, 薬 (診療 includes it) and 健; 手 was refused


@pytest.mark.parametrize("channel", ["home-visit", "online"])
@pytest.mark.parametrize("kind", ["poster", "card"])
def test_every_printed_code_is_the_live_url(clinic: Clinic, channel: str, kind: str) -> None:
    assert decode_pdf(clinic.download(channel, kind)) == clinic.shown_url(channel)


def test_the_downloaded_image_is_the_live_url(clinic: Clinic) -> None:
    image = clinic.download("online", "qr-code").read_bytes()
    assert decode_image(image) == clinic.shown_url("online")


def test_copying_the_url_says_that_it_is_copied(clinic: Clinic) -> None:
    clinic.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    url = clinic.shown_url("home-visit")
    clinic.page.get_by_role("button", name=re.compile("コピー")).first.click()
    expect(clinic.page.get_by_text("コピーしました").first).to_be_visible()
    assert clinic.page.evaluate("navigator.clipboard.readText()") == url


def test_the_same_card_changes_the_same_patients_consent(
    clinic: Clinic, demo: RunningDemo, browser: Browser
) -> None:
    lay_card(demo, "sato-taro")
    context = phone_context(browser)
    patient = Patient(context.new_page())
    url = demo.patient_url("home-visit")
    patient.give_consent(url)
    second = patient.give_consent(url, {"checkup": "refuse", "surgery": "refuse"})
    context.close()
    row = clinic.consented_patient(second)
    assert row.count("○") == 2  # 診 and 薬
    clinic.page.goto(f"{demo.origin}/console/consented-patients?q=佐藤&channel=home-visit")
    expect(clinic.page.locator("tbody tr")).to_have_count(1)


def test_rotate_revert_and_reset_with_a_journey_under_way(
    clinic: Clinic, demo: RunningDemo, browser: Browser
) -> None:
    first = clinic.shown_url("online")
    context = phone_context(browser)
    patient = Patient(context.new_page())
    patient.reach_choices(first)
    patient.choose("all")
    patient.confirm_and_ask_card()
    clinic.change("online", "rotate", "ポスターの貼り替え")
    patient.type_pin()
    main = patient.page.locator("body")
    expect(main).to_contain_text("みどり坂クリニック")
    expect(main).to_contain_text("03-0000-1234")
    expect(patient.page).not_to_have_url(re.compile("/done"))
    second = clinic.shown_url("online")
    assert second != first
    assert patient.page.goto(first).status == 410  # type: ignore[union-attr]
    assert patient.page.goto(second).status == 200  # type: ignore[union-attr]
    clinic.change("online", "revert", "元のポスターを使うため")
    assert clinic.shown_url("online") == first
    clinic.change("online", "rotate", "もう一度")
    clinic.change("online", "reset", "最初に戻すため")
    assert clinic.shown_url("online") == first
    assert patient.page.goto(second).status == 410  # type: ignore[union-attr]
    context.close()
    clinic.page.goto(f"{demo.origin}/console/reception-urls/online/history")
    expect(clinic.page.locator("tbody tr")).to_have_count(5)
    expect(clinic.page.locator("tbody")).to_contain_text("元のポスターを使うため")


def test_the_command_line_does_the_same(clinic: Clinic, demo: RunningDemo) -> None:
    code = demo.facts["facility_code"]
    before = clinic.shown_url("home-visit")
    shown = demo.run("url", "show", code, "home-visit")
    assert before in shown.stdout, shown.stderr
    done = demo.run("url", "rotate", code, "home-visit", "--reason", "試験", "--yes")
    assert done.returncode == 0, done.stderr
    after = clinic.shown_url("home-visit")
    assert after != before
    assert demo.run("url", "reset", code, "home-visit", "--reason", "試験", "--yes").returncode == 0
    assert clinic.shown_url("home-visit") == before
