"""The OpenID provider in the settings: whole or not at all, and https in production."""

import pytest

from tests.core.test_settings import COMPLETE, refusal
from zaitaku.core.openid import Freshness, OpenIdProvider
from zaitaku.settings import Settings

OPENID = {
    "ZAITAKU_OIDC_ISSUER": "https://app.example/realms/main",
    "ZAITAKU_OIDC_AUTHORIZATION_URL": "https://app.example/realms/main/auth",
    "ZAITAKU_OIDC_TOKEN_URL": "https://app.example/realms/main/token",
    "ZAITAKU_OIDC_KEYS_URL": "https://app.example/realms/main/certs",
    "ZAITAKU_OIDC_CLIENT_ID": "RP00000001",
    "ZAITAKU_OIDC_KEY_FILE": "/etc/zaitaku/openid.pem",
}


def test_no_provider() -> None:
    assert Settings.from_env(COMPLETE).openid is None


def test_a_whole_provider() -> None:
    found = Settings.from_env({**COMPLETE, **OPENID, "ZAITAKU_OIDC_ACR_VALUES": "aal3 crl"}).openid
    assert found
    assert (found.origin, found.acr_values) == ("https://app.example", ("aal3", "crl"))


def test_how_sure_a_reading_must_be_new() -> None:
    for word, names in (("proved", "1"), ("asked", "0"), ("told", "")):
        added = {"ZAITAKU_OIDC_FRESHNESS": word, "ZAITAKU_OIDC_NAMES_ISSUER": names}
        found = Settings.from_env({**COMPLETE, **OPENID, **added}).openid
        assert found
        assert (found.freshness, found.names_issuer) == (Freshness(word), names == "1")
    unsaid = Settings.from_env({**COMPLETE, **OPENID}).openid
    assert unsaid
    assert unsaid.freshness is Freshness.PROVED


@pytest.mark.parametrize("name", OPENID)
def test_half_a_provider_is_refused_by_the_name_of_what_is_missing(name: str) -> None:
    assert name in refusal({**COMPLETE, **OPENID, name: " "})


@pytest.mark.parametrize("name", [name for name in OPENID if name.endswith(("URL", "ISSUER"))])
@pytest.mark.parametrize(
    "value",
    [
        "app.example",
        "ftp://app.example/",
        "https://",
        "https://app.example:0/",
        "https://app.example; script-src *",
        "https://app.example/a b",
        "https://app.example/?a=b",
        "https://app.example/#a",
        "https://user@app.example/",
        "javascript:alert(1)",
    ],
)
def test_an_unfit_address(name: str, value: str) -> None:
    assert name in refusal({**COMPLETE, **OPENID, name: value})


@pytest.mark.parametrize("name", [name for name in OPENID if name.endswith(("URL", "ISSUER"))])
def test_production_wants_tls_everywhere(name: str) -> None:
    plain = {**OPENID, name: OPENID[name].replace("https", "http")}
    assert "https in production" in refusal({**COMPLETE, **plain})
    sandbox = {**COMPLETE, **plain, "ZAITAKU_MODE": "sandbox"}
    assert isinstance(Settings.from_env(sandbox).openid, OpenIdProvider)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ZAITAKU_OIDC_CLIENT_ID", "x" * 256),
        ("ZAITAKU_OIDC_CLIENT_ID", "あ"),
        ("ZAITAKU_OIDC_ACR_VALUES", 'aal3 "crl"'),
        ("ZAITAKU_OIDC_FRESHNESS", "no"),
        ("ZAITAKU_OIDC_NAMES_ISSUER", "yes"),
    ],
)
def test_an_unfit_name(name: str, value: str) -> None:
    assert name in refusal({**COMPLETE, **OPENID, name: value})
