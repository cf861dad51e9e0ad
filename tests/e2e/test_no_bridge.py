"""The patient presses the button, and no bridge is running on her computer."""

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.e2e.patient import Patient
from tests.servers import free_port
from zaitaku.demo.places import Places
from zaitaku.demo.processes import bridge_command, running, serving, site_command, wait_until_up
from zaitaku.demo.setup import prepare
from zaitaku.sandbox.ocsp import responder


def test_when_the_bridge_is_not_running_the_card_page_helps(page: Page, tmp_path: Path) -> None:
    places = Places.from_env(
        {
            "ZAITAKU_DATA": str(tmp_path),
            "ZAITAKU_PORT": str(free_port()),
            "ZAITAKU_BRIDGE_PORT": str(free_port()),
        }
    )
    ready = prepare(places)
    patient = Patient(page)
    with (
        serving(responder(ready.authority), places.ocsp_port),
        running(site_command(places), ready.environ) as site,
    ):
        wait_until_up(f"{places.origin}/readyz", site)
        patient.ask_card(ready.summary["patient_urls"]["home-visit"])
        page.wait_for_url("chrome-error://chromewebdata/")
        page.go_back()
        expect(page.locator("main")).to_contain_text("読み取りアプリが開きませんでしたか")
        with running(bridge_command(places, vpcd=False), {}) as bridge:
            wait_until_up(f"{places.bridge}/", bridge)
            page.get_by_role("button", name="カードの読み取りを始める").click()
            patient.type_pin()
            patient.reference()
