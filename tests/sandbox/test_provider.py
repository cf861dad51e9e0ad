"""The stand-in for the phone's app keeps the rules of the real one."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient

from tests.conftest import NOW
from tests.patient.lint import parse, words
from zaitaku.blueprints.patient.presenters import LABELS, ReaderAnswer
from zaitaku.core.clock import FixedClock
from zaitaku.core.openid import OpenIdProvider
from zaitaku.identity.oidc.client import _s256
from zaitaku.identity.oidc.client_keys import ASSERTION_TYPE, ClientKeys, new_key
from zaitaku.sandbox.people import people_with_phones
from zaitaku.sandbox.provider.app import Client, StandIn, open_key, stand_in_app
from zaitaku.sandbox.provider.grants import MOST, Assertions

ISSUER = "http://127.0.0.1:18240"
REDIRECT = "http://127.0.0.1:8000/app/return"
VERIFIER = "a-verifier-of-forty-three-characters-or-more"
ASKED = {
    "client_id": "site",
    "redirect_uri": REDIRECT,
    "response_type": "code",
    "scope": "openid",
    "state": "state",
    "nonce": "nonce",
    "code_challenge": _s256(VERIFIER),
    "code_challenge_method": "S256",
}


class Rig:
    """A stand-in with one client, and a browser."""

    def __init__(self, folder: Path) -> None:
        (folder / "client.pem").write_bytes(new_key())
        self.keys = ClientKeys.load(folder / "client.pem")
        self.clock = FixedClock(NOW)
        self.provider = StandIn(
            issuer=ISSUER,
            key=open_key(folder / "provider.pem"),
            client=Client("site", REDIRECT, self.keys.published()),
            people=people_with_phones(date(2026, 11, 20)),
            clock=self.clock,
        )
        self.browser: FlaskClient = stand_in_app(self.provider).test_client()
        self.profile = OpenIdProvider(
            issuer=ISSUER,
            authorization_url=f"{ISSUER}/authorize",
            token_url=f"{ISSUER}/token",
            keys_url=f"{ISSUER}/keys",
            client_id="site",
            key_file=folder / "client.pem",
        )

    def code(self) -> str:
        page = self.browser.get("/authorize", query_string=ASKED)
        action = page.text.partition('action="')[2].partition('"')[0]
        answer = self.browser.post(action, data={"person": "sato-taro"})
        self.again = self.browser.post(action, data={"person": "sato-taro"}).status_code
        query = parse_qs(urlsplit(answer.location).query)
        assert (query["state"], query["iss"]) == (["state"], [ISSUER])
        return query["code"][0]

    def form(self, **changes: str) -> dict[str, str]:
        return {
            "grant_type": "authorization_code",
            "code": self.code(),
            "redirect_uri": REDIRECT,
            "code_verifier": VERIFIER,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self.keys.assertion(self.profile, self.clock.now()),
            **changes,
        }


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Rig:
    """A stand-in."""
    return Rig(tmp_path_factory.mktemp("stand-in"))


def test_who_opens_the_printed_address_is_told_what_it_is_for(rig: Rig) -> None:
    answer = rig.browser.get("/")
    assert answer.status_code == 200
    page = parse(answer.text)
    assert page.attrib["lang"] == "ja"
    [main] = page.iter("main")
    told = words(main)
    assert "試験用の画面です。" in told
    label, _ = LABELS[ReaderAnswer][ReaderAnswer.APP]
    assert f"「{label}」を選び" in told
    assert not list(page.iter("script"))


def test_a_code_gives_a_token_once(rig: Rig) -> None:
    form = rig.form()
    assert "id_token" in rig.browser.post("/token", data=form).text
    assert rig.again == 410
    fresh = {**form, "client_assertion": rig.keys.assertion(rig.profile, rig.clock.now())}
    again = rig.browser.post("/token", data=fresh)
    assert (again.status_code, again.json) == (400, {"error": "invalid_grant"})


def test_an_assertion_is_good_once(rig: Rig) -> None:
    form = rig.form()
    rig.browser.post("/token", data=form)
    assert rig.browser.post("/token", data={**form, "code": rig.code()}).status_code == 401


def test_names_of_assertions_are_kept_only_while_they_are_good() -> None:
    used, until = Assertions(), NOW + timedelta(minutes=1)
    assert used.use("one", until, NOW)
    assert not used.use("one", until, NOW)
    filled = [used.use(str(name), until, NOW) for name in range(MOST)]
    assert filled == [True] * (MOST - 1) + [False]
    assert used.use("one", until + timedelta(minutes=1), until)
    assert len(used) == 1


@pytest.mark.parametrize("ends", [timedelta(minutes=-1), timedelta(minutes=11), timedelta.max / 9])
def test_an_assertion_ends_soon(rig: Rig, ends: timedelta) -> None:
    moment = int(rig.clock.now().timestamp() + ends.total_seconds())
    claims = {"iss": "site", "sub": "site", "aud": ISSUER, "jti": "x", "exp": moment}
    assert not rig.provider._is_fresh(claims)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_verifier": "another"}, "invalid_grant"),
        ({"code_verifier": ""}, "invalid_grant"),
        ({"redirect_uri": "http://127.0.0.1:8000/other"}, "invalid_grant"),
        ({"code": "never-given-out"}, "invalid_grant"),
        ({"client_assertion": "x"}, "invalid_client"),
        ({"client_assertion_type": "x"}, "invalid_client"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ],
)
def test_a_form_that_does_not_fit(rig: Rig, changes: dict[str, str], error: str) -> None:
    assert rig.browser.post("/token", data=rig.form(**changes)).json == {"error": error}


def test_codes_and_assertions_grow_old(rig: Rig) -> None:
    form = rig.form()
    rig.clock.advance(timedelta(minutes=2))
    assert rig.browser.post("/token", data=form).status_code == 401
    fresh = {**form, "client_assertion": rig.keys.assertion(rig.profile, rig.clock.now())}
    assert rig.browser.post("/token", data=fresh).json == {"error": "invalid_grant"}


@pytest.mark.parametrize("name", sorted(ASKED))
@pytest.mark.parametrize("change", [lambda _: "", lambda value: value + "x" * 256])
def test_a_request_that_does_not_fit(rig: Rig, name: str, change: Callable[[str], str]) -> None:
    asked = {**ASKED, name: change(ASKED[name])}
    assert rig.browser.get("/authorize", query_string=asked).status_code == 400
