"""The stand-in's pages and endpoints."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from flask import Flask, Response, jsonify, redirect, render_template, request
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, RSAKey
from werkzeug.wrappers import Response as Answer

from zaitaku.core.clock import Clock, SystemClock
from zaitaku.core.files import write_once
from zaitaku.sandbox.people import Person
from zaitaku.sandbox.provider.grants import (
    ASSERTION_LIFETIME,
    CODE_LIFETIME,
    REQUEST_LIFETIME,
    Assertions,
    BadRequest,
    Grant,
    Request,
    Shelf,
    read_request,
)

ALGORITHM: Final = "RS256"
ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
TOKEN_LIFETIME: Final = timedelta(minutes=5)
SKEW: Final = timedelta(seconds=30)
ACR: Final = "aal3"


@dataclass(frozen=True)
class Client:
    """The one site that may ask."""

    id: str
    redirect_uri: str
    keys: Mapping[str, Any]
    """Its public keys, a JWK Set."""

    @property
    def origin(self) -> str:
        """Where the site is."""
        parts = urlsplit(self.redirect_uri)
        return f"{parts.scheme}://{parts.netloc}"


@dataclass
class StandIn:
    """One stand-in provider."""

    issuer: str
    key: RSAKey
    client: Client
    people: Mapping[str, Person]
    """Who can be chosen, by subject."""
    clock: Clock = field(default_factory=SystemClock)

    def __post_init__(self) -> None:
        self.requests = Shelf[Request](REQUEST_LIFETIME)
        self.codes = Shelf[Grant](CODE_LIFETIME)
        self.assertions = Assertions()

    def is_known_client(self, form: Mapping[str, str]) -> bool:
        """Tell whether the form carries a fresh assertion of the client (RFC 7523 §3)."""
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            return False
        try:
            keys = KeySet.import_key_set({"keys": list(self.client.keys["keys"])})
            token = jwt.decode(form.get("client_assertion", ""), keys, algorithms=[ALGORITHM])
        except (JoseError, ValueError):
            return False
        return self._is_fresh(token.claims)

    def _is_fresh(self, claims: Mapping[str, Any]) -> bool:
        now = self.clock.now()
        name, ends = claims.get("jti"), claims.get("exp")
        is_ours = claims.get("iss") == claims.get("sub") == self.client.id
        if not is_ours or claims.get("aud") not in (f"{self.issuer}/token", self.issuer):
            return False
        if not isinstance(name, str) or not isinstance(ends, int):
            return False
        # Seconds since 1970 are compared as such: not every number is a moment.
        latest = (now + ASSERTION_LIFETIME).timestamp()
        if not (now - SKEW).timestamp() < ends <= latest:
            return False
        return self.assertions.use(name, datetime.fromtimestamp(ends, UTC) + SKEW, now)

    def redeem(self, form: Mapping[str, str]) -> Grant | None:
        """Return what the form's code stands for, if it may be redeemed with this form."""
        grant = self.codes.take(form.get("code", ""), self.clock.now())
        if grant is None or form.get("redirect_uri") != self.client.redirect_uri:
            return None
        return grant if grant.is_proved_by(form.get("code_verifier", "")) else None

    def id_token(self, grant: Grant) -> str:
        """Return the ID token of a grant (OpenID Connect Core 1.0 §2)."""
        now = self.clock.now()
        claims = {
            "iss": self.issuer,
            "sub": grant.subject,
            "aud": self.client.id,
            "iat": int(now.timestamp()),
            "exp": int((now + TOKEN_LIFETIME).timestamp()),
            "auth_time": int(grant.at.timestamp()),
            "nonce": grant.request.nonce,
            "acr": ACR,
        }
        header = {"alg": ALGORITHM, "kid": self.key.thumbprint()}
        return jwt.encode(header, claims, self.key, algorithms=[ALGORITHM])


def open_key(path: Path) -> RSAKey:
    """Return the stand-in's signing key at ``path``, made there at the first time."""
    return RSAKey.import_key(path.read_bytes() if path.exists() else write_once(path, _new_pem()))


def _new_pem() -> bytes:
    fresh = generate_private_key(65_537, 2048)
    return fresh.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def stand_in_app(provider: StandIn) -> Flask:
    """Return the WSGI application of ``provider``."""
    app = Flask("zaitaku.sandbox.provider", root_path=str(Path(__file__).parent))
    app.config["MAX_CONTENT_LENGTH"] = 16_384
    pages = Pages(provider)
    app.add_url_rule("/", view_func=pages.about)
    app.add_url_rule("/authorize", view_func=pages.ask)
    app.add_url_rule("/authorize/<string:name>", view_func=pages.answer, methods=["POST"])
    app.add_url_rule("/token", view_func=pages.token, methods=["POST"])
    app.add_url_rule("/keys", view_func=pages.keys)
    app.add_url_rule("/provider.css", view_func=pages.style)
    app.after_request(pages.secure)
    return app


@dataclass(frozen=True)
class Pages:
    """The views."""

    provider: StandIn

    def about(self) -> str:
        """Tell who opens the printed address by hand what it is for."""
        return render_template("about.html")

    def ask(self) -> str | tuple[str, int]:
        """Let the person choose who they are."""
        client = self.provider.client
        try:
            asked = read_request(request.args, client.id, client.redirect_uri)
        except BadRequest as error:
            return render_template("refused.html", parameter=str(error)), 400
        name = self.provider.requests.put(asked, self.provider.clock.now())
        return render_template("choose.html", name=name, people=self.provider.people)

    def answer(self, name: str) -> Answer | str | tuple[str, int]:
        """Send the browser back with a code, or with an error; once."""
        now = self.provider.clock.now()
        asked = self.provider.requests.take(name, now)
        if asked is None:
            return render_template("refused.html", parameter="request"), 410
        subject = request.form.get("person", "")
        if subject in self.provider.people:
            answer = {"code": self.provider.codes.put(Grant(asked, subject, now), now)}
        else:
            answer = {"error": "access_denied"}
        query = urlencode({**answer, "state": asked.state, "iss": self.provider.issuer})
        address = f"{self.provider.client.redirect_uri}?{query}"
        if "elsewhere" in request.form:
            return render_template("elsewhere.html", address=address)
        return redirect(address, 303)

    def token(self) -> tuple[Response, int]:
        """Give an ID token for a code."""
        form = request.form
        if form.get("grant_type") != "authorization_code":
            return jsonify(error="unsupported_grant_type"), 400
        if not self.provider.is_known_client(form):
            return jsonify(error="invalid_client"), 401
        grant = self.provider.redeem(form)
        if grant is None:
            return jsonify(error="invalid_grant"), 400
        body = {"id_token": self.provider.id_token(grant), "token_type": "Bearer"}
        return jsonify(body), 200

    def keys(self) -> Response:
        """Publish the public key."""
        keys = KeySet([self.provider.key])
        return jsonify(keys.as_dict(private=False, alg=ALGORITHM, use="sig"))

    def style(self) -> Response:
        """Return how the pages look."""
        return Response(render_template("provider.css"), mimetype="text/css")

    def secure(self, response: Response) -> Response:
        """Keep what passes here out of caches, frames and referrers."""
        targets = f"'self' {self.provider.client.origin}"
        response.headers["Content-Security-Policy"] = (
            f"default-src 'none'; style-src 'self'; form-action {targets}; base-uri 'none'; "
            "frame-ancestors 'none'"
        )
        response.headers["Cache-Control"] = "no-store"
        response.headers["Referrer-Policy"] = "no-referrer"
        return response
