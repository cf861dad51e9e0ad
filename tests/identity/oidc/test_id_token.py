"""ID tokens check by check: whatever does not fit has its own refusal, and garbage is no crash."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import OctKey, RSAKey

from tests.conftest import NOW
from zaitaku.core.clock import FixedClock
from zaitaku.core.openid import OpenIdProvider
from zaitaku.identity.oidc.errors import (
    AppAway,
    AppClock,
    AppKeyUnknown,
    AppNonceMismatch,
    AppRefused,
    AppTokenRefused,
    AppTooWeak,
)
from zaitaku.identity.oidc.exchange import Reply
from zaitaku.identity.oidc.id_token import (
    CLOCK_SKEW,
    LONGEST_AGE,
    VerifiedIdToken,
    nonce_of,
    verify_id_token,
    verify_kept_token,
)
from zaitaku.identity.oidc.provider_keys import LONGEST, SHORTEST, ProviderKeys

STATEMENT = b"the statement"
PROVIDER = OpenIdProvider(
    issuer="https://app.example/realms/main",
    authorization_url="https://app.example/auth",
    token_url="https://app.example/token",
    keys_url="https://app.example/keys",
    client_id="RP00000001",
    key_file=Path("unused.pem"),
    acr_values=("aal3",),
)
KEY, OTHER_KEY = (RSAKey.generate_key(2048) for _ in range(2))
AT = int(NOW.timestamp())
GOOD: Mapping[str, Any] = {
    "iss": PROVIDER.issuer,
    "sub": "subject",
    "aud": PROVIDER.client_id,
    "iat": AT,
    "exp": AT + 300,
    "nonce": nonce_of(STATEMENT),
    "acr": "aal3",
}
DOTTED = st.from_regex(r"[\w-]*\.[\w-]*\.[\w-]*", fullmatch=True)


class Published:
    """A provider that publishes ``keys``; counts how often it is asked."""

    def __init__(self, *keys: dict[str, Any]) -> None:
        self.body: dict[str, Any] = {"keys": list(keys)}
        self.status = 200
        self.asked = 0

    def get(self, url: str) -> Reply:
        assert url == PROVIDER.keys_url
        self.asked += 1
        return Reply(self.status, self.body)

    def post(self, url: str, fields: Mapping[str, str]) -> Reply:
        raise AssertionError(url)


def jwk(key: RSAKey = KEY, **members: object) -> dict[str, Any]:
    return {**key.as_dict(private=False), "kid": "now", **members}


def keys_of(published: Published, clock: FixedClock | None = None) -> ProviderKeys:
    return ProviderKeys(PROVIDER.keys_url, exchange=published, clock=clock or FixedClock(NOW))


def token_of(claims: Mapping[str, Any], key: RSAKey = KEY, **header: object) -> str:
    head = {"alg": "RS256", "kid": "now", **header}
    return jws.serialize_compact(head, json.dumps(claims).encode(), key, algorithms=["RS256"])


def verified(
    token: object, provider: OpenIdProvider = PROVIDER, keys: ProviderKeys | None = None
) -> VerifiedIdToken:
    return verify_id_token(
        token=token,
        provider=provider,
        keys=keys or keys_of(Published(jwk())),
        statement=STATEMENT,
        now=NOW,
    )


def test_a_good_token() -> None:
    found = verified(token_of(GOOD))
    assert (found.subject, found.expires) == ("subject", NOW + timedelta(minutes=5))
    assert verify_kept_token(token=found.token, key=found.key, statement=STATEMENT) == GOOD


def test_several_audiences_need_an_authorized_party() -> None:
    several = {**GOOD, "aud": [PROVIDER.client_id, "another"]}
    verified(token_of({**several, "azp": PROVIDER.client_id}))
    with pytest.raises(AppTokenRefused):
        verified(token_of(several))


SKEW = int(CLOCK_SKEW.total_seconds())
AGE = int(LONGEST_AGE.total_seconds())
REFUSED: dict[str, tuple[dict[str, Any], type[AppRefused]]] = {
    "issuer": ({"iss": "https://evil.example"}, AppTokenRefused),
    "issuer with a slash": ({"iss": f"{PROVIDER.issuer}/"}, AppTokenRefused),
    "no issuer": ({"iss": None}, AppTokenRefused),
    "audience": ({"aud": "another"}, AppTokenRefused),
    "audience of another kind": ({"aud": {"RP00000001": 1}}, AppTokenRefused),
    "authorized party": ({"azp": "another"}, AppTokenRefused),
    "over": ({"exp": AT - SKEW}, AppClock),
    "no end": ({"exp": None}, AppTokenRefused),
    "an end beyond all clocks": ({"exp": 10**30}, AppTokenRefused),
    "an end that is true": ({"exp": True}, AppTokenRefused),
    "from the future": ({"iat": AT + SKEW + 1}, AppClock),
    "too old": ({"iat": AT - AGE - SKEW - 1}, AppClock),
    "not yet": ({"nbf": AT + SKEW + 1}, AppClock),
    "nonce": ({"nonce": nonce_of(b"another")}, AppNonceMismatch),
    "no nonce": ({"nonce": None}, AppNonceMismatch),
    "half a nonce": ({"nonce": nonce_of(STATEMENT)[:-1]}, AppNonceMismatch),
    "half a character": ({"nonce": "\ud800"}, AppNonceMismatch),
    "acr": ({"acr": "aal1"}, AppTooWeak),
    "no acr": ({"acr": None}, AppTooWeak),
    "acr of another kind": ({"acr": ["aal3"]}, AppTooWeak),
    "no subject": ({"sub": ""}, AppTokenRefused),
    "long subject": ({"sub": "s" * 256}, AppTokenRefused),
    "subject with a line": ({"sub": "a\nb"}, AppTokenRefused),
}


@pytest.mark.parametrize(("changes", "kind"), REFUSED.values(), ids=REFUSED.keys())
def test_a_claim_that_does_not_fit(changes: dict[str, Any], kind: type[AppRefused]) -> None:
    with pytest.raises(AppRefused) as caught:
        verified(token_of({**GOOD, **changes}))
    assert type(caught.value) is kind


@pytest.mark.parametrize(
    "changes",
    [{"exp": AT - SKEW + 1}, {"iat": AT + SKEW}, {"iat": AT - AGE - SKEW}, {"iat": AT + 0.5}],
)
def test_clocks_may_differ_a_little(changes: dict[str, Any]) -> None:
    verified(token_of({**GOOD, **changes}))


def test_without_demanded_ways_any_will_do() -> None:
    anyway = replace(PROVIDER, acr_values=())
    assert verified(token_of({**GOOD, "acr": "aal1"}), anyway).subject == "subject"


def test_a_signature_of_another_key() -> None:
    with pytest.raises(AppTokenRefused):
        verified(token_of(GOOD, OTHER_KEY))


def test_the_public_key_is_no_secret_to_sign_with() -> None:
    """The old confusion of RS256 with HS256 (RFC 8725 §2.1)."""
    pem = KEY.as_pem(private=False)
    token = jws.serialize_compact(
        {"alg": "HS256", "kid": "now"},
        json.dumps(GOOD).encode(),
        OctKey.import_key(pem.replace(b"-----", b"")),
        algorithms=["HS256"],
    )
    with pytest.raises(AppTokenRefused):
        verified(token)


@pytest.mark.parametrize(
    "change",
    [
        lambda token: token.rpartition(".")[0] + ".",
        lambda token: "eyJhbGciOiJub25lIn0." + token.split(".")[1] + ".",
        lambda token: token + "A",
        lambda token: token + "." + token,
        lambda token: token.upper(),
        lambda _: "",
        lambda _: "x" * 10_000,
        lambda token: "あ" + token,
    ],
)
def test_a_token_that_was_tampered_with(change: Callable[[str], str]) -> None:
    with pytest.raises(AppTokenRefused):
        verified(change(token_of(GOOD)))


@settings(max_examples=300)
@given(
    st.one_of(
        st.none(), st.integers(), st.text(), st.binary(), st.from_regex(r"[\w-]*\.[\w-]*\.[\w-]*")
    )
)
def test_garbage_is_refused(token: object) -> None:
    with pytest.raises(AppRefused):
        verified(token)


@settings(max_examples=150)
@given(st.data())
def test_any_changed_character_is_refused(data: st.DataObject) -> None:
    token = token_of(GOOD)
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from("AZaz09-_.").filter(lambda letter: letter != token[place]))
    # The last character of 342 carries two bits that no decoder reads: the same token, misspelt.
    changed = token[:place] + other + token[place + 1 :]
    if place < len(token) - 1:
        with pytest.raises(AppRefused):
            verified(changed)


class TestKeys:
    """The provider's published keys."""

    def test_are_asked_for_once(self) -> None:
        published = Published(jwk())
        keys = keys_of(published)
        for _ in range(3):
            verified(token_of(GOOD), keys=keys)
        assert published.asked == 1

    def test_a_new_name_is_looked_for_but_not_too_often(self) -> None:
        clock, published = FixedClock(NOW), Published(jwk())
        keys = keys_of(published, clock)
        keys.find("now")
        for _ in range(5):
            with pytest.raises(AppKeyUnknown):
                keys.find("next")
        assert published.asked == 1
        published.body = {"keys": [jwk(), jwk(OTHER_KEY, kid="next")]}
        clock.advance(SHORTEST)
        keys.find("next")
        assert published.asked == 2

    def test_a_withdrawn_key_ends_within_the_hour(self) -> None:
        clock, published = FixedClock(NOW), Published(jwk())
        keys = keys_of(published, clock)
        keys.find("now")
        published.body = {"keys": [jwk(OTHER_KEY, kid="next")]}
        clock.advance(LONGEST + timedelta(seconds=1))
        with pytest.raises(AppKeyUnknown):
            keys.find("now")

    def test_when_nobody_answers_old_keys_are_not_trusted_for_ever(self) -> None:
        clock, published = FixedClock(NOW), Published(jwk())
        keys = keys_of(published, clock)
        keys.find("now")
        published.status = 503
        clock.advance(LONGEST)
        keys.find("now")
        clock.advance(timedelta(seconds=1))
        with pytest.raises(AppAway):
            keys.find("now")

    def test_without_a_name_only_one_key_will_do(self) -> None:
        assert keys_of(Published(jwk())).find(None).thumbprint() == KEY.thumbprint()
        with pytest.raises(AppKeyUnknown):
            keys_of(Published(jwk(), jwk(OTHER_KEY, kid="next"))).find(None)

    def test_of_two_with_one_name_the_first_counts(self) -> None:
        found = keys_of(Published(jwk(), jwk(OTHER_KEY))).find("now")
        assert found.thumbprint() == KEY.thumbprint()

    @pytest.mark.parametrize(
        "entry",
        [
            jwk(use="enc"),
            jwk(alg="RS512"),
            jwk(kty="EC"),
            jwk(n="!"),
            jwk(n=None),
            {"kty": "oct", "k": "c2VjcmV0", "kid": "now"},
            {"kid": "now"},
            "now",
            None,
            jwk(n=jwk()["n"][:170]),
        ],
    )
    def test_an_unfit_key_is_left_out(self, entry: Any) -> None:
        with pytest.raises(AppKeyUnknown):
            keys_of(Published(entry)).find("now")
