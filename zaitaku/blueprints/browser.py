"""What a browser carries, signed: its session cookie and the tokens of its forms.

Formats and checks are Flask's and Flask-WTF's own; what either makes anew for every request (the
serializer, the derived key, a compressor for forty characters) is made once here.
"""

import hashlib
import hmac
import os
from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import Any, Final, cast

from flask import Blueprint, Flask, Request, Response
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin
from flask_wtf import CSRFProtect
from flask_wtf.csrf import same_origin
from itsdangerous import (
    BadData,
    BadSignature,
    HMACAlgorithm,
    Serializer,
    Signer,
    TimestampSigner,
    URLSafeTimedSerializer,
)
from itsdangerous.encoding import base64_encode

from zaitaku.blueprints.edge import the_app, the_g, the_request, the_session

_TOKEN_FIELD: Final = "csrf_token"  # noqa: S105 - a name
_TOKEN_SALT: Final = "wtf-csrf-token"  # noqa: S105 - a name
_EXTENSION: Final = "zaitaku.form-tokens"
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""Methods that change nothing (RFC 9110 §9.2.1); Flask-WTF checks no others."""
_REMEMBERED: Final = 256
"""Cookies whose signature need not be verified again; who is under way brings the same one."""
_AHEAD: Final = 120
"""Seconds by which the clock of another instance, which signed a cookie, may be ahead of ours.
Signatures are dated in whole seconds: clocks that are right to a millisecond can be one apart."""

Opened = tuple[dict[str, Any], int]
"""What a cookie holds, and when it was signed (seconds since 1970)."""


class _Hmac(HMACAlgorithm):
    """The same signatures, each in one call of OpenSSL's."""

    @cached_property
    def _digest(self) -> str:
        name: str = self.digest_method().name
        return name

    def get_signature(self, key: bytes, value: bytes) -> bytes:
        return hmac.digest(key, value, self._digest)


class _Signer(TimestampSigner):
    """Derives the key of each secret once."""

    def __init__(self, secret_key: Any, **options: Any) -> None:  # noqa: ANN401 - as its base
        super().__init__(secret_key, **options)
        self.algorithm = _Hmac(self.digest_method)

    @cached_property
    def _derived(self) -> dict[str | bytes | None, bytes]:
        return {}

    def derive_key(self, secret_key: str | bytes | None = None) -> bytes:
        if secret_key not in self._derived:
            self._derived[secret_key] = super().derive_key(secret_key)
        return self._derived[secret_key]


class _Serializer(URLSafeTimedSerializer):
    """Keeps its signer, and packs what is short without trying to compress it."""

    default_signer = _Signer

    @cached_property
    def _signer(self) -> TimestampSigner:
        return cast("TimestampSigner", super().make_signer(self.salt))

    def make_signer(self, salt: str | bytes | None = None) -> Signer:
        return self._signer if salt in {None, self.salt} else super().make_signer(salt)

    @cached_property
    def remembered(self) -> Callable[[str], str]:
        """Sign what a browser brings with each page; the same signature serves for a while."""
        return lru_cache(_REMEMBERED)(self.dumps)

    @cached_property
    def opened(self) -> Callable[[str], Any]:
        """Verify what a browser brings with each form; what was good once need not be again."""
        return lru_cache(_REMEMBERED)(self.loads)

    def now(self) -> int:
        """Return the time by which signatures are dated, in seconds since 1970."""
        return self._signer.get_timestamp()

    def dump_payload(self, obj: Any) -> bytes:  # noqa: ANN401 - as in the base class
        return base64_encode(Serializer.dump_payload(self, obj))


class _CookieSessions(SecureCookieSessionInterface):
    """Flask's sessions with one serializer for the life of the application."""

    def __init__(self, app: Flask) -> None:
        keys = [*reversed(app.config["SECRET_KEY_FALLBACKS"]), app.config["SECRET_KEY"]]
        self._serializer = _Serializer(
            keys,
            salt=self.salt,
            serializer=self.serializer,
            signer_kwargs={
                "key_derivation": self.key_derivation,
                "digest_method": self.digest_method,
            },
        )
        self._lifetime = int(app.permanent_session_lifetime.total_seconds())
        self._opened = lru_cache(_REMEMBERED)(self._open)

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession:
        """Return what the browser's cookie holds; an empty session when it holds nothing good."""
        cookie = request.cookies.get(self.get_cookie_name(app))
        if not cookie:
            return self.session_class()
        try:
            fields, signed_at = self._opened(cookie)
        except BadSignature:
            return self.session_class()
        age = self._serializer.now() - signed_at
        is_living = -_AHEAD <= age <= self._lifetime
        return self.session_class(_copied(fields) if is_living else None)

    def _open(self, cookie: str) -> Opened:
        fields, signed_at = self._serializer.loads(cookie, return_timestamp=True)
        return fields, int(signed_at.timestamp())

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer:
        return self._serializer

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if session.modified:
            super().save_session(app, session, response)
        elif session.accessed:
            response.headers.add("Vary", "Cookie")


class _FormTokens(CSRFProtect):  # type: ignore[misc]
    """Sees quickly what is good; Flask-WTF judges, and refuses, everything else."""

    def protect(self, apply_exemptions: bool = False) -> None:
        present = the_request()
        if present.method in _SAFE or (apply_exemptions and self._is_exempt()):
            return
        token = present.form.get(_TOKEN_FIELD) or self._get_csrf_token()
        if _is_ours(token) and _is_sent_from_here(present):
            the_g().csrf_valid = True
        else:
            super().protect(apply_exemptions)

    def _is_exempt(self) -> bool:
        room = the_request().blueprint
        return room is not None and the_app().blueprints[room] in self._exempt_blueprints


def _is_ours(token: str | None) -> bool:
    known = the_session().get(_TOKEN_FIELD)
    if not (token and known):
        return False
    try:
        brought = the_app().extensions[_EXTENSION].opened(token)
    except BadData:
        return False
    return hmac.compare_digest(known, brought)


def _is_sent_from_here(present: Request) -> bool:
    if not present.is_secure:
        return True
    return bool(present.referrer) and same_origin(present.referrer, f"https://{present.host}/")


def add(app: Flask, *exempt: Blueprint) -> None:
    """Give ``app`` its sessions, and its pages the tokens that their forms must bring.

    Forms for what is ``exempt`` need none: nobody is known there by a cookie.
    """
    tokens = _FormTokens(app)
    for blueprint in exempt:
        tokens.exempt(blueprint)
    app.session_interface = _CookieSessions(app)
    app.extensions[_EXTENSION] = _Serializer(app.config["WTF_CSRF_SECRET_KEY"], salt=_TOKEN_SALT)
    app.jinja_env.globals[_TOKEN_FIELD] = _form_token
    app.context_processor(lambda: {_TOKEN_FIELD: _form_token})


def _form_token() -> str:
    """Return the token that Flask-WTF's ``validate_csrf`` takes from this browser."""
    own = the_g()
    if _TOKEN_FIELD not in own:
        session = the_session()
        if _TOKEN_FIELD not in session:
            session[_TOKEN_FIELD] = hashlib.sha256(os.urandom(64)).hexdigest()
        own.csrf_token = the_app().extensions[_EXTENSION].remembered(session[_TOKEN_FIELD])
    token: str = own.csrf_token
    return token


def _copied(value: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Return a value that may be changed without changing ``value``."""
    if isinstance(value, dict):
        return {
            name: part if isinstance(part, str) else _copied(part) for name, part in value.items()
        }
    return [_copied(part) for part in value] if isinstance(value, list) else value
