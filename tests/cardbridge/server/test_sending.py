"""When the card has signed but the site does not answer as it should."""

from http import HTTPStatus

import pytest

from tests.cardbridge.cards import PIN
from tests.cardbridge.server.fakesite import CODE
from tests.cardbridge.server.rig import Rig, back_to, hidden_fields, page_name
from zaitaku.cardbridge.virtual.card import VirtualCard


def fail(rig: Rig, status: int, body: bytes = b"{}") -> None:
    rig.site.proof_status = status
    rig.site.proof_body = body


@pytest.mark.parametrize("status", [500, 502, 503, 408, 429, 204])
def test_a_site_in_trouble_can_be_sent_to_again_without_a_pin(rig: Rig, status: int) -> None:
    opened = rig.opened()
    fail(rig, status)
    answer = opened.enter()
    assert (answer.status_code, page_name(answer)) == (HTTPStatus.BAD_GATEWAY, "send-failed")
    assert "もう一度送る" in answer.text
    assert 'name="pin"' not in answer.text
    fail(rig, 200, b'{"code": "one-time-code-0123456789"}')
    again = rig.post(f"{opened.path}/send", token=hidden_fields(answer)["token"])
    assert again.location == back_to(rig.site, f"code={CODE}")
    first, second = rig.site.proofs
    assert first == second


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"code": 5}',
        b'{"code": "short"}',
        b'{"code": "with spaces and &state=1 in it"}',
        b'{"code": "' + b"a" * 70_000 + b'"}',
        b'{"code": ' + b"[" * 60_000,
    ],
)
def test_an_answer_without_a_proper_code_is_no_success(rig: Rig, body: bytes) -> None:
    fail(rig, 200, body)
    assert page_name(rig.opened().enter()) == "send-failed"


def test_a_redirect_is_not_followed_with_the_proof(rig: Rig) -> None:
    opened = rig.opened()
    fields = opened.fields()
    rig.site.location = "http://127.0.0.1:9/"
    answer = rig.post(f"{opened.path}/pin", **fields, pin=PIN)
    assert page_name(answer) == "send-failed"


def test_a_reload_after_a_failed_sending_offers_the_sending(rig: Rig, card: VirtualCard) -> None:
    opened = rig.opened()
    fail(rig, 503)
    fields = opened.fields()
    rig.post(f"{opened.path}/pin", **fields, pin=PIN)
    assert page_name(opened.page()) == "send-failed"
    repeated = rig.post(f"{opened.path}/pin", **fields, pin="0000")
    assert page_name(repeated) == "send-failed"
    assert card.tries == 3


def test_the_kept_proof_ends_with_the_request(rig: Rig) -> None:
    opened = rig.opened()
    fail(rig, 503)
    token = hidden_fields(opened.enter())["token"]
    fail(rig, 200)
    rig.shift = 600 + 130
    answer = rig.post(f"{opened.path}/send", token=token)
    assert page_name(answer) == "expired"
    assert len(rig.site.proofs) == 1
    kept = rig.app.extensions["zaitaku-bridge"].desk._readings.values()
    assert [reading.proof for reading in kept] == [None]


@pytest.mark.parametrize(
    ("status", "body"),
    [(400, b'{"error": "challenge-unknown"}'), (404, b"<html>"), (409, b""), (422, b"[" * 60_000)],
)
def test_a_refused_proof_leads_back_to_the_site(rig: Rig, status: int, body: bytes) -> None:
    opened = rig.opened()
    fail(rig, status, body)
    answer = opened.enter()
    assert (answer.status_code, page_name(answer)) == (HTTPStatus.CONFLICT, "send-refused")
    assert f'href="{back_to(rig.site, "cancelled=1")}"' in answer.text
    assert "challenge-unknown" not in answer.text
    assert page_name(opened.page()) == "finished"


def test_the_reason_of_a_refusal_is_logged_only_when_it_is_a_code(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    fail(rig, 400, b'{"error": "challenge-unknown"}')
    rig.opened().enter()
    assert "challenge-unknown" in caplog.text
    fail(rig, 400, b'{"error": "Taro Yamada, 1-2-3"}')
    rig.opened("c-2").enter()
    assert "Taro" not in caplog.text


def test_cancelling_an_unsent_proof_drops_it(rig: Rig) -> None:
    opened = rig.opened()
    fail(rig, 503)
    token = hidden_fields(opened.enter())["token"]
    answer = rig.post(f"{opened.path}/cancel", token=token)
    assert answer.location == back_to(rig.site, "cancelled=1")
    fail(rig, 200)
    late = rig.post(f"{opened.path}/send", token=token)
    assert late.location == back_to(rig.site, "cancelled=1")
    assert len(rig.site.proofs) == 1
    assert page_name(rig.read(rig.token())) == "used"


def test_sending_without_a_proof_does_nothing(rig: Rig) -> None:
    opened = rig.opened()
    answer = rig.post(f"{opened.path}/send", token=opened.fields()["token"])
    assert answer.status_code == HTTPStatus.SEE_OTHER
    assert answer.location == opened.path
    assert rig.site.proofs == []
