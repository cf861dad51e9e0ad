"""A browser, a network or a bridge that fails between the card and the site: no second PIN."""

from http import HTTPStatus

import pytest

from tests.cardbridge.cards import PIN, WRONG_PIN
from tests.cardbridge.server.fakesite import CODE
from tests.cardbridge.server.rig import Opened, Rig, back_to, hidden_fields, page_name
from zaitaku.cardbridge.virtual.card import VirtualCard

DONE = f"code={CODE}"


def visited(rig: Rig, token: str) -> Opened:
    """Come with a request, as a browser does that was started anew."""
    answer = rig.read(token)
    assert answer.status_code == HTTPStatus.SEE_OTHER, page_name(answer)
    return Opened(rig, answer.location)


def send_again(opened: Opened) -> str:
    """Press もう一度送る on the reading's page."""
    page = opened.page()
    assert page_name(page) == "send-failed"
    assert 'name="pin"' not in page.text
    token = hidden_fields(page)["token"]
    return opened.rig.post(f"{opened.path}/send", token=token).location


@pytest.mark.parametrize("status", [HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE])
def test_a_browser_that_died_before_the_sending_finds_the_kept_proof(
    rig: Rig, card: VirtualCard, status: int
) -> None:
    token = rig.token()
    rig.site.proof_status = status
    visited(rig, token).enter()
    rig.site.proof_status = HTTPStatus.OK
    assert send_again(visited(rig, token)) == back_to(rig.site, DONE)
    first, second = rig.site.proofs
    assert first == second
    assert card.tries == 3


def test_a_network_that_was_down_is_waited_for_without_another_pin(rig: Rig) -> None:
    token = rig.token()
    opened = visited(rig, token)
    fields = opened.fields()
    rig.site.location = "http://127.0.0.1:9/"  # a captive portal answers for the site
    rig.post(f"{opened.path}/pin", **fields, pin=PIN)
    rig.site.location = ""
    assert send_again(visited(rig, token)) == back_to(rig.site, DONE)


def test_a_code_that_was_lost_on_its_way_is_found_again(rig: Rig, card: VirtualCard) -> None:
    token = rig.token()
    assert visited(rig, token).enter().location == back_to(rig.site, DONE)
    page = visited(rig, token).page()
    assert page_name(page) == "finished"
    assert f'href="{back_to(rig.site, DONE)}"' in page.text
    assert len(rig.site.proofs) == 1


def test_a_finished_reading_is_found_again_beside_one_under_way(rig: Rig) -> None:
    token = rig.token("c-1")
    visited(rig, token).enter()
    rig.opened("c-2")
    assert page_name(visited(rig, token).page()) == "finished"


def test_a_wrong_pin_and_a_new_browser_lose_no_try(rig: Rig, card: VirtualCard) -> None:
    token = rig.token()
    visited(rig, token).enter(WRONG_PIN)
    page = visited(rig, token).page()
    assert "あと2回" in page.text
    assert card.tries == 2


def test_what_was_stopped_is_not_found_again(rig: Rig) -> None:
    token = rig.token()
    rig.site.proof_status = HTTPStatus.SERVICE_UNAVAILABLE
    opened = visited(rig, token)
    opened.enter()
    rig.post(f"{opened.path}/cancel", token=hidden_fields(opened.page())["token"])
    assert page_name(rig.read(token)) == "used"


def test_a_bridge_that_was_started_anew_has_no_proof_and_asks_for_the_pin(rig: Rig) -> None:
    """A proof holds the patient's certificate: it is never written down."""
    token = rig.token()
    rig.site.proof_status = HTTPStatus.SERVICE_UNAVAILABLE
    visited(rig, token).enter()
    rig.site.proof_status = HTTPStatus.OK
    again = Rig(rig.site, rig.readers, rig.state)
    opened = visited(again, token)
    assert page_name(opened.page()) == "pin"
    assert opened.enter().location == back_to(rig.site, DONE)
    kept = [path.name for path in rig.state.rglob("*") if path.is_file()]
    assert set(kept) <= {"emblem.json", "preferences.json"}
