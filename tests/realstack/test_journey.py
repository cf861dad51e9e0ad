"""Poster to clinic through a real smart-card daemon: pcscd, vsmartcard, ``libpcsclite``."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.chromium import Watched, chromium, phone_context
from tests.e2e.clinic import Clinic, decode_pdf
from tests.e2e.patient import Patient
from tests.e2e.running import running_demo
from tests.pcscd import pcscd, wait_for_card


@pytest.mark.pcscd
@pytest.mark.enable_socket  # pcscd is asked over a socket of the file system
def test_a_journey_from_the_poster_to_the_clinics_screen(tmp_path: Path) -> None:
    with pcscd(readers=True), running_demo(tmp_path, "--vpcd") as demo, chromium() as browser:
        wait_for_card()
        watched = Watched()
        clinic = Clinic(phone_context(browser).new_page(), demo)
        clinic.log_in()
        url = decode_pdf(clinic.download("home-visit", "poster"))
        patient = Patient(phone_context(browser).new_page())
        watched.watch(patient.page)
        patient.reach_choices(url)
        patient.decide_each({"checkup": "refuse"})
        patient.confirm_and_ask_card()
        patient.type_pin("0000")
        expect(patient.page.locator("main")).to_contain_text("あと2回")
        patient.type_pin()
        row = clinic.consented_patient(patient.reference())
        assert "山田" in row
        assert row.count("○") == 3
        assert watched.foreign == []
