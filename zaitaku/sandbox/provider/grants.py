"""What the stand-in has been asked and has given out: in memory, for a short time, once each."""

import base64
import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Final, Generic, TypeVar

REQUEST_LIFETIME: Final = timedelta(minutes=10)
CODE_LIFETIME: Final = timedelta(minutes=1)
ASSERTION_LIFETIME: Final = timedelta(minutes=10)
"""No assertion may end later than that: its name has to be kept so long."""
MOST: Final = 1_000


@dataclass(frozen=True)
class Request:
    """An authorization request that was found good (OpenID Connect Core 1.0 §3.1.2.1)."""

    state: str
    nonce: str
    challenge: str
    """``code_challenge``, S256 (RFC 7636 §4.2)."""


@dataclass(frozen=True)
class Grant:
    """What a code stands for."""

    request: Request
    subject: str
    at: datetime

    def is_proved_by(self, verifier: str) -> bool:
        """Tell whether ``verifier`` is the secret half of the request's challenge."""
        digest = hashlib.sha256(verifier.encode()).digest()
        made = base64.urlsafe_b64encode(digest).rstrip(b"=")
        return hmac.compare_digest(made, self.request.challenge.encode())


class BadRequest(Exception):
    """The request is not of the profile; the text names the parameter."""


def read_request(query: Mapping[str, str], client_id: str, redirect_uri: str) -> Request:
    """Read an authorization request.

    Raises:
        BadRequest: a parameter is missing, or not what the profile wants.
    """
    fixed = {
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "response_type": "code",
        "scope": "openid",
        "code_challenge_method": "S256",
    }
    for name, value in fixed.items():
        if query.get(name) != value:
            raise BadRequest(name)
    for name in ("state", "nonce", "code_challenge"):
        if not 0 < len(query.get(name, "")) <= 255:  # noqa: PLR2004 - as the profile says
            raise BadRequest(name)
    return Request(query["state"], query["nonce"], query["code_challenge"])


class Assertions:
    """The names of the assertions that were used: each is good once, until it ends."""

    def __init__(self) -> None:
        self._used: dict[str, datetime] = {}
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._used)

    def use(self, name: str, ends: datetime, now: datetime) -> bool:
        """Tell whether ``name`` may be used, once; when too many are alive, none may."""
        with self._lock:
            self._used = {known: end for known, end in self._used.items() if now < end}
            if name in self._used or len(self._used) >= MOST:
                return False
            self._used[name] = ends
            return True


Kept = TypeVar("Kept")


class Shelf(Generic[Kept]):
    """Things under random names: each is taken once, and the oldest leave when it is full."""

    def __init__(self, lifetime: timedelta) -> None:
        self._lifetime = lifetime
        self._kept: OrderedDict[str, tuple[Kept, datetime]] = OrderedDict()
        self._lock = Lock()

    def put(self, thing: Kept, now: datetime) -> str:
        """Keep ``thing`` and return its name."""
        name = secrets.token_urlsafe(24)
        with self._lock:
            self._kept[name] = (thing, now + self._lifetime)
            while len(self._kept) > MOST:
                self._kept.popitem(last=False)
        return name

    def take(self, name: str, now: datetime) -> Kept | None:
        """Give out what lives under ``name``, once."""
        with self._lock:
            thing, ends = self._kept.pop(name, (None, now))
        return thing if now < ends else None
