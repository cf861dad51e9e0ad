"""A card of the coming generation gives consent like any other."""

import sqlite3
from contextlib import closing

from playwright.sync_api import Page

from tests.e2e.patient import Patient, lay_card
from tests.e2e.running import RunningDemo


def test_a_card_on_p_384_gives_consent(demo: RunningDemo, page: Page) -> None:
    lay_card(demo, "next-generation")
    Patient(page).give_consent(demo.patient_url("home-visit"))
    with closing(sqlite3.connect(demo.data / "zaitaku.db")) as database:
        latest = database.execute(
            "SELECT algorithm FROM consent_record ORDER BY recorded_at DESC LIMIT 1"
        ).fetchone()
    assert latest == ("ecdsa-p384-sha384",)
