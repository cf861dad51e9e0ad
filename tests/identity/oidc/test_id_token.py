"""ID tokens check by check: whatever does not fit has its own refusal, and garbage is no crash."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import OctKey, RSAKey

from tests.conftest import NOW
from tests.identity.oidc.published import KEY, OTHER_KEY, Published, jwk
from tests.identity.world import KEYS
from zaitaku.core.openid import Freshness, OpenIdProvider
from zaitaku.identity.oidc.errors import (
    AppClock,
    AppNonceMismatch,
    AppNotFresh,
    AppRefused,
    AppTokenRefused,
    AppTooWeak,
)
from zaitaku.identity.oidc.id_token import (
    CLOCK_SKEW,
    LONGEST_AGE,
    TokenTrust,
    VerifiedIdToken,
    Witness,
    nonce_of,
    thumbprints_in,
    verify_id_token,
    verify_kept_token,
)
from zaitaku.identity.oidc.provider_keys import ProviderKeys
from zaitaku.identity.oidc.subjects import subject_hashes

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
AT = int(NOW.timestamp())
GOOD: Mapping[str, Any] = {
    "iss": PROVIDER.issuer,
    "sub": "subject",
    "aud": PROVIDER.client_id,
    "iat": AT,
    "exp": AT + 300,
    "auth_time": AT - 60,
    "nonce": nonce_of(STATEMENT),
    "acr": "aal3",
}
DOTTED = st.from_regex(r"[\w-]*\.[\w-]*\.[\w-]*", fullmatch=True)


BEGAN = NOW - timedelta(minutes=2)


def keys_of(published: Published) -> ProviderKeys:
    return ProviderKeys(PROVIDER.keys_url, exchange=published)


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
        began=BEGAN,
        now=NOW,
    )


def test_a_good_token() -> None:
    found = verified(token_of(GOOD))
    assert (found.subject, found.expires) == ("subject", NOW + timedelta(minutes=5))
    assert found.at == NOW
    assert found.token not in repr(found)


@pytest.mark.parametrize("freshness", Freshness)
def test_a_reading_from_before_is_none_for_this(freshness: Freshness) -> None:
    provider = replace(PROVIDER, freshness=freshness)
    latest = int((BEGAN - CLOCK_SKEW).timestamp())
    verified(token_of({**GOOD, "auth_time": latest}), provider)
    with pytest.raises(AppNotFresh):
        verified(token_of({**GOOD, "auth_time": latest - 1}), provider)


def test_who_does_not_tell_when_is_believed_where_the_settings_say_so() -> None:
    silent = token_of({name: value for name, value in GOOD.items() if name != "auth_time"})
    with pytest.raises(AppNotFresh):
        verified(silent)
    for freshness in (Freshness.ASKED, Freshness.TOLD):
        verified(silent, replace(PROVIDER, freshness=freshness))


class TestKept:
    """A token as a record has it, with whatever key the record says."""

    TRUST = TokenTrust(frozenset({(PROVIDER.issuer, PROVIDER.client_id)}), KEYS)

    def proved(
        self, claims: Mapping[str, Any], at: datetime = NOW, trust: TokenTrust = TRUST
    ) -> Witness:
        public = json.dumps(KEY.as_dict(private=False))
        token = token_of(claims)
        return verify_kept_token(token=token, key=public, statement=STATEMENT, at=at, trust=trust)

    def test_names_who_vouched_and_for_whom(self) -> None:
        found = self.proved(GOOD)
        hashes = subject_hashes(issuer=PROVIDER.issuer, subject="subject", keys=KEYS)
        assert found == Witness(PROVIDER.issuer, KEY.thumbprint(), hashes)

    @pytest.mark.parametrize(
        ("changes", "kind"),
        [
            ({"iss": "https://evil.example"}, AppTokenRefused),
            ({"aud": "another site"}, AppTokenRefused),
            ({"azp": "another site"}, AppTokenRefused),
            ({"aud": [PROVIDER.client_id, "another site"]}, AppTokenRefused),
            ({"exp": 1}, AppClock),
            ({"iat": AT + 3600}, AppClock),
            ({"nonce": nonce_of(b"another")}, AppNonceMismatch),
            ({"sub": ""}, AppTokenRefused),
        ],
    )
    def test_a_claim_that_does_not_fit(
        self, changes: dict[str, Any], kind: type[AppRefused]
    ) -> None:
        with pytest.raises(kind):
            self.proved({**GOOD, **changes})

    def test_the_day_of_the_record_counts(self) -> None:
        with pytest.raises(AppClock):
            self.proved(GOOD, at=NOW + timedelta(days=1))

    def test_a_provider_that_was_left_is_still_known_by_name(self) -> None:
        moved = TokenTrust(self.TRUST.clients | {("https://new.example", "new")}, KEYS)
        assert self.proved(GOOD, trust=moved).issuer == PROVIDER.issuer
        with pytest.raises(AppTokenRefused):
            # The parts of two pairs do not make a third.
            crossed = {(PROVIDER.issuer, "new"), ("https://new.example", PROVIDER.client_id)}
            self.proved(GOOD, trust=TokenTrust(frozenset(crossed), KEYS))

    def test_a_key_set_has_thumbprints(self) -> None:
        both = json.dumps({"keys": [jwk(), jwk(OTHER_KEY), {"kty": "EC"}, 1]})
        assert thumbprints_in(both) == {KEY.thumbprint(), OTHER_KEY.thumbprint()}
        for unfit in ("", "[]", "{}", '{"keys": []}', '{"keys": {"kty": "RSA"}}'):
            with pytest.raises(AppTokenRefused):
                thumbprints_in(unfit)


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
    "read in the future": ({"auth_time": AT + SKEW + 1}, AppClock),
    "read at no time": ({"auth_time": None}, AppTokenRefused),
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
