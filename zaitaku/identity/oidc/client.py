"""The conversation with the provider: where the browser is sent, and what its code is worth."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from zaitaku.core.clock import Clock
from zaitaku.core.openid import Freshness, OpenIdProvider
from zaitaku.identity.oidc.attempts import Attempt, Callback
from zaitaku.identity.oidc.client_keys import ASSERTION_TYPE, ClientKeys
from zaitaku.identity.oidc.errors import (
    AUTHORIZATION_ERRORS,
    TOKEN_ERRORS,
    AppAnswerUnknown,
    AppAway,
    AppForeignIssuer,
    refusal_of,
)
from zaitaku.identity.oidc.exchange import Exchange
from zaitaku.identity.oidc.id_token import VerifiedIdToken, nonce_of, verify_id_token
from zaitaku.identity.oidc.provider_keys import ProviderKeys

SCOPE: Final = "openid"
"""Nothing else is asked for: no name, no address."""
FAILED: Final = 500


@dataclass(frozen=True)
class OpenIdClient:
    """This deployment as a client of one provider."""

    provider: OpenIdProvider
    client_keys: ClientKeys
    provider_keys: ProviderKeys
    exchange: Exchange
    clock: Clock
    redirect_uri: str

    def address(self, attempt: Attempt, state: str) -> str:
        """Return where the browser goes (OpenID Connect Core 1.0 §3.1.2.1, RFC 7636 §4.3)."""
        asked = {
            "response_type": "code",
            "scope": SCOPE,
            "client_id": self.provider.client_id,
            "redirect_uri": self.redirect_uri,
            "state": state,
            "nonce": nonce_of(attempt.challenge.statement),
            "code_challenge": _s256(attempt.verifier),
            "code_challenge_method": "S256",
        }
        if self.provider.freshness is not Freshness.TOLD:
            # §3.1.2.1: the person is asked again, and the token must say when (``auth_time``).
            asked["max_age"] = "0"
        if self.provider.acr_values:
            asked["acr_values"] = " ".join(self.provider.acr_values)
        return f"{self.provider.authorization_url}?{urlencode(asked)}"

    def redeem(self, callback: Callback, attempt: Attempt) -> VerifiedIdToken:
        """Turn the provider's answer into a verified ID token.

        Raises:
            AppRefused: the provider refused, or what it gave is refused; the subclass says why.
        """
        self._check_sender(callback)
        if callback.error:
            raise refusal_of(callback.error, AUTHORIZATION_ERRORS)
        if not callback.code:
            raise AppAnswerUnknown("neither code nor error")
        answer = self._token_answer(callback.code, attempt)
        return verify_id_token(
            token=answer.get("id_token"),
            provider=self.provider,
            keys=self.provider_keys,
            statement=attempt.challenge.statement,
            began=attempt.began,
            now=self.clock.now(),
        )

    def _check_sender(self, callback: Callback) -> None:
        """Before anything of the answer is used, a code or an error (RFC 9207 §2.4)."""
        if callback.is_ambiguous:
            raise AppAnswerUnknown("a parameter came twice")
        is_named = bool(callback.issuer) or self.provider.names_issuer
        if is_named and callback.issuer != self.provider.issuer:
            raise AppForeignIssuer("iss")

    def _token_answer(self, code: str, attempt: Attempt) -> Mapping[str, Any]:
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "client_id": self.provider.client_id,
            "code_verifier": attempt.verifier,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self.client_keys.assertion(self.provider, self.clock.now()),
        }
        reply = self.exchange.post(self.provider.token_url, fields)
        if reply.is_good:
            return reply.body
        error = reply.body.get("error")
        if reply.status >= FAILED and error not in TOKEN_ERRORS:
            raise AppAway(f"status {reply.status}")
        raise refusal_of(error if isinstance(error, str) else "", TOKEN_ERRORS)


def _s256(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
