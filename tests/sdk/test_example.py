"""The example site keeps what it was given, however often its pages are loaded."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient

from examples.card_site import create_site
from tests.sdk.sites import Held, proof_over, request_in
from zaitaku.sdk import OutcomeUnknown


class Visit:
    """A visitor whose card has just signed."""

    def __init__(self, folder: Path) -> None:
        self.held = Held(folder)
        self.client: FlaskClient = create_site(self.held.site, 18231).test_client()
        self.client.get("/")
        self.asked = self.client.post("/ask", data={"answer": "yes"}).location
        request = request_in(parse_qs(urlsplit(self.asked).query)["request"][0])
        self.code = self.held.code(proof_over(request.statement(), request.challenge))
        self.back = f"/done?code={self.code}"
        with self.client.session_transaction() as session:
            self.holder: str = session["holder"]


@pytest.fixture
def visit(tmp_path: Path) -> Visit:
    return Visit(tmp_path)


def _is_registered(visit: Visit) -> bool:
    answer = visit.client.get(visit.back, follow_redirects=True)
    return answer.status_code == 200 and "grant" in answer.text


def test_a_lost_answer_loses_nothing(visit: Visit) -> None:
    before = visit.client.get_cookie("session")
    assert before is not None
    assert visit.client.get(visit.back).location == "/registered"
    visit.client.set_cookie("session", before.value)  # the answer never came
    assert _is_registered(visit)


def test_a_look_at_the_headers_takes_nothing_away(visit: Visit) -> None:
    visit.client.head(visit.back)
    assert _is_registered(visit)


def test_back_and_reload_show_what_is_registered(visit: Visit) -> None:
    for _ in range(3):
        assert _is_registered(visit)
    with pytest.raises(OutcomeUnknown):
        visit.held.site.redeem(visit.code, holder=visit.holder)


def test_nobody_else_sees_it(visit: Visit) -> None:
    stranger = visit.client.application.test_client()
    assert stranger.get(visit.back).status_code == 403
    stranger.get("/")
    assert stranger.get(visit.back).status_code == 403
    assert stranger.get("/registered").location == "/"
    assert _is_registered(visit)
