"""Against an independent provider: it takes what is sent here, and what it sends is taken."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit, urlunsplit

import pytest

from tests.identity.asking import DOCUMENT, JOURNEY
from tests.identity.oidc.conftest import REDIRECT_URI, Opener
from tests.identity.world import KEYS, ORIGIN
from tests.provider.running import (
    CLIENT_ID,
    RunningProvider,
    SignedOut,
    new_signing_key,
    running_provider,
)
from zaitaku import wire
from zaitaku.core.clock import FixedClock
from zaitaku.core.openid import Freshness
from zaitaku.identity.errors import VerificationFailed
from zaitaku.identity.model import VerifiedToken
from zaitaku.identity.oidc.attempts import Attempt, Callback
from zaitaku.identity.oidc.client_keys import ClientKeys, new_key
from zaitaku.identity.oidc.errors import (
    AUTHORIZATION_ERRORS,
    AppAway,
    AppClientRefused,
    AppClock,
    AppCodeRefused,
    AppForeignIssuer,
    AppNotFresh,
    AppRefused,
    AppTooWeak,
)
from zaitaku.identity.oidc.id_token import TokenTrust, Witness, nonce_of, verify_kept_token
from zaitaku.identity.oidc.service import OpenIdService
from zaitaku.identity.oidc.subjects import subject_hashes

SESSION = "session-1"


def callback_in(address: str) -> Callback:
    parts = urlsplit(address)
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == REDIRECT_URI
    return Callback.from_query(parse_qs(parts.query))


def begin(app: OpenIdService) -> str:
    return app.begin(journey=JOURNEY, document=DOCUMENT, session=SESSION)


def signed_in(app: OpenIdService, **values: str) -> Callback:
    answers = {"login": "taro", "acr": "aal3", **values}
    return callback_in(SignedOut().answer(begin(app), **answers))


def outcome(app: OpenIdService, callback: Callback) -> VerifiedToken:
    arrival = app.receive(callback, SESSION)
    verified = app.outcomes.of(arrival.code, arrival.journey)
    assert isinstance(verified, VerifiedToken)
    return verified


def refusal(app: OpenIdService, callback: Callback) -> VerificationFailed:
    with pytest.raises(VerificationFailed) as caught:
        outcome(app, callback)
    return caught.value


def proved(verified: VerifiedToken, provider: RunningProvider) -> Witness:
    """Prove a token again, from what a record keeps of it."""
    return verify_kept_token(
        token=verified.token,
        key=verified.key,
        statement=wire.statement(origin=ORIGIN, nonce=verified.nonce, document=DOCUMENT),
        at=verified.verified_at,
        trust=TokenTrust(frozenset({(provider.issuer, CLIENT_ID)}), KEYS),
    )


def changed(address: str, **values: str | None) -> str:
    """Return an address with other parameters; ``None`` takes one away."""
    parts = urlsplit(address)
    query: Mapping[str, str | None] = {**dict(parse_qsl(parts.query)), **values}
    kept = {name: value for name, value in query.items() if value is not None}
    return urlunsplit(parts._replace(query=urlencode(kept)))


def test_an_id_token_binds_the_document(app: OpenIdService, provider: RunningProvider) -> None:
    verified = outcome(app, signed_in(app))
    assert (verified.journey, verified.document, verified.origin) == (JOURNEY, DOCUMENT, ORIGIN)
    expected = subject_hashes(issuer=provider.issuer, subject="taro", keys=KEYS)
    assert verified.subject_hashes == expected
    witness = proved(verified, provider)
    assert (witness.issuer, witness.subject_hashes) == (provider.issuer, expected)


def test_two_journeys_of_one_person_have_one_subject_and_two_challenges(
    app: OpenIdService,
) -> None:
    first, second = (outcome(app, signed_in(app)) for _ in range(2))
    assert first.subject_hashes == second.subject_hashes
    assert first.challenge != second.challenge
    assert first.nonce != second.nonce


@pytest.mark.parametrize("error", sorted(AUTHORIZATION_ERRORS))
def test_every_error_of_the_authorization_endpoint(app: OpenIdService, error: str) -> None:
    found = refusal(app, signed_in(app, error=error))
    assert type(found) is AUTHORIZATION_ERRORS[error]


def test_an_error_that_nobody_knows(app: OpenIdService) -> None:
    assert refusal(app, signed_in(app, error="moon_is_full")).code == "app-answer-unknown"


def test_the_provider_insists_on_the_challenge(app: OpenIdService) -> None:
    address = changed(begin(app), code_challenge=None, code_challenge_method=None)
    found = refusal(app, callback_in(SignedOut().answer(address)))
    assert found.code == "app-request-refused"


def test_the_provider_insists_on_the_verifier(app: OpenIdService) -> None:
    other = app.client.address(_attempt_with_other_verifier(app), "a-state")
    challenge = dict(parse_qsl(urlsplit(other).query))["code_challenge"]
    address = changed(begin(app), code_challenge=challenge)
    callback = callback_in(SignedOut().answer(address, login="taro", acr="aal3"))
    assert type(refusal(app, callback)) is AppCodeRefused


def test_no_two_attempts_share_a_secret(app: OpenIdService) -> None:
    asked = [dict(parse_qsl(urlsplit(begin(app)).query)) for _ in range(3)]
    for name in ("state", "nonce", "code_challenge"):
        assert len({query[name] for query in asked}) == 3


def test_a_subject_is_another_one_at_another_issuer() -> None:
    one, other = (
        subject_hashes(issuer=issuer, subject="taro", keys=KEYS)
        for issuer in ("https://one.example", "https://other.example")
    )
    assert not set(one) & set(other)


def test_a_code_is_worth_something_once(app: OpenIdService) -> None:
    callback = signed_in(app)
    outcome(app, callback)
    again = replace(callback, state=_state_of(begin(app)))
    assert type(refusal(app, again)) is AppCodeRefused


def test_a_token_for_another_document_is_refused(app: OpenIdService) -> None:
    address = changed(begin(app), nonce=nonce_of(b"another statement"))
    callback = callback_in(SignedOut().answer(address, login="taro", acr="aal3"))
    assert refusal(app, callback).code == "app-nonce-mismatch"


def test_a_weaker_way_of_authentication_is_refused(app: OpenIdService) -> None:
    assert type(refusal(app, signed_in(app, acr="password"))) is AppTooWeak


def test_who_signed_in_before_is_asked_again_for_the_next_consent(
    app: OpenIdService, provider: RunningProvider, key_file: Path, opened_with: Opener
) -> None:
    browser, answers = SignedOut(), {"login": "taro", "acr": "aal3"}
    outcome(app, callback_in(browser.answer(begin(app), **answers)))
    assert browser.opens(begin(app)).startswith(f"{provider.issuer}/interaction/")
    # A provider that is asked for nothing lets her pass, which is what the setting is about.
    quiet = opened_with(replace(provider.profile(key_file), freshness=Freshness.TOLD))
    callback_in(browser.opens(begin(quiet)))


def test_a_browser_that_leaves_the_question_out_gains_nothing(app: OpenIdService) -> None:
    browser, answers = SignedOut(), {"login": "taro", "acr": "aal3"}
    browser.answer(begin(app), **answers)
    found = refusal(app, callback_in(browser.opens(changed(begin(app), max_age=None))))
    assert type(found) is AppNotFresh


@pytest.mark.parametrize("issuer", ["", "https://evil.example"])
def test_a_provider_that_always_names_itself_must(
    provider: RunningProvider, key_file: Path, opened_with: Opener, issuer: str
) -> None:
    app = opened_with(replace(provider.profile(key_file), names_issuer=True))
    outcome(app, signed_in(app))
    found = refusal(app, replace(signed_in(app), issuer=issuer))
    assert type(found) is AppForeignIssuer


@pytest.mark.parametrize("name", ["iss", "code", "error"])
def test_a_parameter_that_came_twice_makes_the_answer_worthless(
    app: OpenIdService, name: str
) -> None:
    address = SignedOut().answer(begin(app), login="taro", acr="aal3")
    twice = callback_in(f"{address}&{name}=first&{name}=second")
    assert refusal(app, twice).code == "app-answer-unknown"


def test_a_clock_that_is_far_away(app: OpenIdService, clock: FixedClock) -> None:
    callback = signed_in(app)
    clock.advance(timedelta(minutes=-5))
    assert type(refusal(app, callback)) in {AppClock, AppClientRefused}


def test_a_key_that_the_provider_does_not_know(
    provider: RunningProvider, opened_with: Opener, tmp_path: Path
) -> None:
    foreign = tmp_path / "foreign.pem"
    foreign.write_bytes(new_key())
    app = opened_with(provider.profile(foreign))
    assert type(refusal(app, signed_in(app))) is AppClientRefused


def test_an_address_where_no_provider_answers(
    provider: RunningProvider, opened_with: Opener, key_file: Path
) -> None:
    profile = provider.profile(key_file)
    for broken in (
        replace(profile, token_url="http://127.0.0.1:9/token"),
        replace(profile, token_url=f"{provider.issuer}/auth"),
        replace(profile, keys_url=f"{provider.issuer}/nothing-here"),
    ):
        app = opened_with(broken)
        assert type(refusal(app, signed_in(app))) in {AppAway, AppRefused, AppClientRefused}


def test_the_provider_changes_its_key(
    key_file: Path, tmp_path: Path, opened_with: Opener, clock: FixedClock
) -> None:
    """Records made before stay provable, and the new key is found without a restart."""
    first, second = new_signing_key("first"), new_signing_key("second")
    runs = partial(
        running_provider,
        tmp_path,
        client_keys=ClientKeys.load(key_file).published(),
        redirect_uri=REDIRECT_URI,
    )
    with runs(signing_key=first) as before:
        app = opened_with(before.profile(key_file))
        old = outcome(app, signed_in(app))
        port = urlsplit(before.issuer).port
    with runs(signing_key=second, port=port):
        new = outcome(app, signed_in(app))
    assert old.key != new.key
    thumbprints = {proved(verified, before).thumbprint for verified in (old, new)}
    assert thumbprints == {first.thumbprint(), second.thumbprint()}


def _state_of(address: str) -> str:
    return dict(parse_qsl(urlsplit(address).query))["state"]


def _attempt_with_other_verifier(app: OpenIdService) -> Attempt:
    challenge = app._new_challenge(JOURNEY, DOCUMENT)
    verifier = "another-verifier-of-forty-three-characters-"
    return Attempt(challenge, verifier, "mark", "code", app.client.clock.now())
