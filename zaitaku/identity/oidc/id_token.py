"""Verification of ID tokens (OpenID Connect Core 1.0 §3.1.3.7), today and years later.

The order of the checks is part of the design: first the form, then the signature by a key that the
provider publishes, and only then what the token says.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from joserfc.util import urlsafe_b64decode

from zaitaku.core.openid import Freshness, OpenIdProvider
from zaitaku.core.signing import Keyring
from zaitaku.identity.oidc.client_keys import ALGORITHM
from zaitaku.identity.oidc.errors import (
    AppClock,
    AppNonceMismatch,
    AppNotFresh,
    AppTokenRefused,
    AppTooWeak,
)
from zaitaku.identity.oidc.provider_keys import ProviderKeys, read_public_key
from zaitaku.identity.oidc.subjects import subject_hashes

LONGEST_TOKEN: Final = 8_192
"""Characters; one with ``openid`` alone has about 900."""
LONGEST_SUBJECT: Final = 255
"""ASCII characters (§2)."""
CLOCK_SKEW: Final = timedelta(minutes=1)
LONGEST_AGE: Final = timedelta(minutes=10)
_LATEST: Final = 253_402_300_799
"""The last second of the year 9999: no clock shows more."""


@dataclass(frozen=True)
class VerifiedIdToken:
    """An ID token of the provider for this statement: made only by ``verify_id_token``."""

    token: str = field(repr=False)
    """As it came: JWS compact serialization (RFC 7515 §7.1)."""
    key: str = field(repr=False)
    """The provider's public key that signed it: a JWK with its required members alone, as JSON."""
    subject: str = field(repr=False)
    expires: datetime
    at: datetime
    """When it was verified."""


@dataclass(frozen=True)
class TokenTrust:
    """What a deployment trusts when it proves a kept ID token again."""

    clients: frozenset[tuple[str, str]]
    """Issuer and our name there, of each provider that this deployment has had."""
    subject_keys: Keyring
    provider_keys: frozenset[str] | None = None
    """Thumbprints (RFC 7638) of the keys that were the providers', from somewhere else than the
    records; ``None``: the record's own word is taken for its key."""


@dataclass(frozen=True)
class Witness:
    """Who vouches in a kept ID token, by which key, and for whom."""

    issuer: str
    thumbprint: str
    """Of the key (RFC 7638)."""
    subject_hashes: tuple[str, ...] = field(repr=False)


def nonce_of(statement: bytes) -> str:
    """Return the ``nonce`` that binds a statement: its SHA-256, base64url (43 characters)."""
    digest = hashlib.sha256(statement).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def verify_id_token(
    *,
    token: object,
    provider: OpenIdProvider,
    keys: ProviderKeys,
    statement: bytes,
    began: datetime,
    now: datetime,
) -> VerifiedIdToken:
    """Verify that ``token`` is the provider's word for ``statement``, given just now.

    ``began``: when the person was sent to the provider; what was read before was not read for this.

    Raises:
        AppTokenRefused: malformed, not signed by the named key, or not from or for whom it must be.
        AppKeyUnknown, AppAway: the named key is not to be had.
        AppClock: its times do not fit ``now``, give or take ``CLOCK_SKEW``.
        AppNonceMismatch: it is about another statement.
        AppTooWeak: it names none of the ways of authentication that are asked for.
        AppNotFresh: the card was read before ``began``, or it does not tell when and must.
    """
    if not isinstance(token, str):
        raise AppTokenRefused("no token")
    key = keys.find(_key_name(_header(token)))
    claims = _signed_claims(token, key)
    _check_parties(claims, provider.issuer, provider.client_id)
    expires = _check_times(claims, now)
    _check_nonce(claims, statement)
    if provider.acr_values and claims.get("acr") not in provider.acr_values:
        raise AppTooWeak("acr")
    _check_fresh(claims, provider, began, now)
    return VerifiedIdToken(token, _jwk(key), _subject(claims), expires, now)


def verify_kept_token(
    *, token: str, key: str, statement: bytes, at: datetime, trust: TokenTrust
) -> Witness:
    """Verify an ID token as a record has it, whatever the provider publishes by now.

    ``at``: when it was verified, as the record says. That ``key`` was the provider's and that the
    record is about the witness's subject is for the caller to compare.

    Raises:
        AppTokenRefused: the key does not read, or did not sign it, or it is from or for somebody
            else.
        AppClock: it was not good at that moment.
        AppNonceMismatch: it is about another statement.
    """
    public = _public(key)
    _header(token)
    claims = _signed_claims(token, public)
    issuer = _check_client(claims, trust)
    _check_times(claims, at)
    _check_nonce(claims, statement)
    hashes = subject_hashes(issuer=issuer, subject=_subject(claims), keys=trust.subject_keys)
    return Witness(issuer, public.thumbprint(), hashes)


def thumbprints_in(key_set: str) -> frozenset[str]:
    """Return the thumbprints (RFC 7638) of the RSA keys in a JWK Set (RFC 7517 §5).

    Raises:
        AppTokenRefused: it is no JWK Set with a usable key.
    """
    entries = _object(key_set, "key set").get("keys")
    several = entries if isinstance(entries, list) else []
    keys = [read_public_key(entry) for entry in several if isinstance(entry, dict)]
    found = frozenset(key.thumbprint() for key in keys if key is not None)
    if not found:
        raise AppTokenRefused("key set")
    return found


def signature_of(token: str) -> bytes:
    """Return the signature's bytes of a token in compact serialization."""
    return urlsafe_b64decode(token.rpartition(".")[2].encode())


def public_key_of(key: str) -> bytes:
    """Return the SubjectPublicKeyInfo (RFC 5280 §4.1.2.7, DER) of a JWK as JSON.

    Raises:
        AppTokenRefused: it is not a public RSA key of 2,048 bits.
    """
    return _public(key).as_der(private=False)


def _public(key: str) -> RSAKey:
    public = read_public_key(_object(key, "key"))
    if public is None:
        raise AppTokenRefused("key")
    return public


def _header(token: str) -> Mapping[str, Any]:
    if len(token) > LONGEST_TOKEN or not token.isascii():
        raise AppTokenRefused("length")
    try:
        header: Mapping[str, Any] = jws.extract_compact(token.encode()).headers()
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise AppTokenRefused("form") from error
    if header.get("alg") != ALGORITHM or {"crit", "b64"} & header.keys():
        raise AppTokenRefused("header")
    return header


def _key_name(header: Mapping[str, Any]) -> str | None:
    name = header.get("kid")
    if name is not None and not isinstance(name, str):
        raise AppTokenRefused("kid")
    return name


def _signed_claims(token: str, key: RSAKey) -> Mapping[str, Any]:
    try:
        signed = jws.deserialize_compact(token, key, algorithms=[ALGORITHM])
    except (JoseError, ValueError) as error:
        raise AppTokenRefused("signature") from error
    return _object(signed.payload, "claims")


def _object(text: str | bytes, part: str) -> Mapping[str, Any]:
    try:
        body = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise AppTokenRefused(part) from error
    if not isinstance(body, dict):
        raise AppTokenRefused(part)
    return body


def _check_client(claims: Mapping[str, Any], trust: TokenTrust) -> str:
    """Return the issuer, if the token is for us there."""
    for issuer, client_id in trust.clients:
        with suppress(AppTokenRefused):
            _check_parties(claims, issuer, client_id)
            return issuer
    raise AppTokenRefused("iss or aud")


def _check_parties(claims: Mapping[str, Any], issuer: str, client_id: str) -> None:
    if claims.get("iss") != issuer:
        raise AppTokenRefused("iss")
    audiences = claims.get("aud")
    several = audiences if isinstance(audiences, list) else [audiences]
    if client_id not in several:
        raise AppTokenRefused("aud")
    if claims.get("azp", client_id) != client_id:
        raise AppTokenRefused("azp")
    # A token that others may use as well could have been obtained by them.
    if len(several) > 1 and "azp" not in claims:
        raise AppTokenRefused("aud")


def _check_times(claims: Mapping[str, Any], now: datetime) -> datetime:
    expires, issued = _moment(claims, "exp"), _moment(claims, "iat")
    if now - CLOCK_SKEW >= expires:
        raise AppClock("exp")
    if issued > now + CLOCK_SKEW or issued < now - LONGEST_AGE - CLOCK_SKEW:
        raise AppClock("iat")
    if "nbf" in claims and _moment(claims, "nbf") > now + CLOCK_SKEW:
        raise AppClock("nbf")
    return expires


def _check_fresh(
    claims: Mapping[str, Any], provider: OpenIdProvider, began: datetime, now: datetime
) -> None:
    if "auth_time" not in claims:
        if provider.freshness is Freshness.PROVED:
            raise AppNotFresh("no auth_time")
        return
    read = _moment(claims, "auth_time")
    if read < began - CLOCK_SKEW:
        raise AppNotFresh("auth_time")
    if read > now + CLOCK_SKEW:
        raise AppClock("auth_time")


def _moment(claims: Mapping[str, Any], name: str) -> datetime:
    value = claims.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= _LATEST:
        raise AppTokenRefused(name)
    return datetime.fromtimestamp(value, UTC)


def _check_nonce(claims: Mapping[str, Any], statement: bytes) -> None:
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not hmac.compare_digest(
        nonce.encode(errors="backslashreplace"), nonce_of(statement).encode()
    ):
        raise AppNonceMismatch("nonce")


def _subject(claims: Mapping[str, Any]) -> str:
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT:
        raise AppTokenRefused("sub")
    if not subject.isascii() or not subject.isprintable():
        raise AppTokenRefused("sub")
    return subject


def _jwk(key: RSAKey) -> str:
    public = key.as_dict(private=False)
    members = {name: public[name] for name in ("e", "kty", "n")}
    return json.dumps(members, separators=(",", ":"))
