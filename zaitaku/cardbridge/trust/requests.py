"""From the text in the address to a request that the bridge may show and carry out."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from joserfc import jws
from joserfc.errors import JoseError

from zaitaku import wire
from zaitaku.cardbridge.trust.failures import (
    BridgeError,
    BridgeTooOld,
    ClockWrong,
    MalformedRequest,
    NewerProtocol,
    RequestExpired,
)
from zaitaku.cardbridge.trust.outside import read_json
from zaitaku.cardbridge.trust.pins import Trust, registry
from zaitaku.cardbridge.trust.versions import is_older

LEEWAY_SECONDS: Final = 120
"""How far this computer's clock and the site's may be apart."""
LIFETIME_LIMIT_SECONDS: Final = 3600
TOKEN_LIMIT: Final = 96 * 1024
CANCELLED: Final = "cancelled=1"
"""With this query the browser goes back when nothing was read."""


@dataclass(frozen=True)
class VerifiedRequest:
    """A card request whose signature, origin, form and time were checked."""

    request: wire.CardRequest
    shown: wire.Shown
    is_test: bool
    ends_at: float = field(compare=False)
    """When the site takes no proof for it any more, by this computer's clock, in seconds since
    1970. The same request that comes again may be known a little better or worse."""

    def back(self, query: str) -> str:
        """Return the address at the asking origin to which the browser goes back."""
        return f"{self.request.origin}{self.request.return_path}?{query}"


def verify_request(*, token: str, trust: Trust, now: float, bridge_version: str) -> VerifiedRequest:
    """Return the request in ``token``, a compact JWS (RFC 7515 §7.1).

    Raises:
        MalformedRequest: it is not a card request, or contradicts itself.
        ForeignOrigin, KeyUnreachable, KeyChanged, BadSignature: as ``Trust.verify_signature``.
        NewerProtocol, BridgeTooOld: it needs a newer bridge.
        RequestExpired, ClockWrong: it is not live at ``now`` (seconds since 1970).
    """
    signed, claims = _opened(token)
    origin = claims.get("iss")
    if not isinstance(origin, str):
        raise MalformedRequest
    site_time = trust.verify_signature(origin=origin, signed=signed)
    _check_protocol(claims, bridge_version)
    _check_version(claims, bridge_version)
    request, shown = _read(claims)
    ends_at = _end(request, now, site_time)
    verified = VerifiedRequest(request, shown, trust.is_test(origin), ends_at)
    try:
        _check_period(verified, now, site_time)
    except BridgeError as error:
        error.back = verified.back(CANCELLED)
        raise
    return verified


@dataclass(frozen=True)
class Hint:
    """What an unverified request says of itself: good to choose words and banners by, no more."""

    language: str = ""
    origin: str = ""
    text_size: str = ""


def hint_of(token: str) -> Hint:
    """Return what ``token`` says of itself; nothing when it cannot be read."""
    try:
        claims = _opened(token)[1]
    except MalformedRequest:
        return Hint()
    said = (str(claims.get(name, "")) for name in ("language", "iss", "text_size"))
    return Hint(*said)


def _opened(token: str) -> tuple[jws.CompactSignature, Mapping[str, Any]]:
    if not token or len(token) > TOKEN_LIMIT:
        raise MalformedRequest
    try:
        signed = jws.extract_compact(token.encode(), registry=registry())
        claims = read_json(signed.payload or b"")
    except (JoseError, ValueError) as error:
        raise MalformedRequest from error
    if not isinstance(claims, dict) or signed.headers().get("typ") != wire.REQUEST_TYPE:
        raise MalformedRequest
    return signed, claims


def _check_protocol(claims: Mapping[str, Any], bridge_version: str) -> None:
    protocol = claims.get("protocol")
    if isinstance(protocol, int) and protocol > wire.PROTOCOL:
        raise NewerProtocol(version=bridge_version)


def _check_version(claims: Mapping[str, Any], bridge_version: str) -> None:
    """Look at the wanted version before the rest: what this bridge cannot read may be why."""
    needed = claims.get("bridge")
    if not isinstance(needed, str) or not is_older(bridge_version, needed):
        return
    error = BridgeTooOld(version=bridge_version, needed=needed)
    with suppress(wire.MalformedMessage):
        request = wire.CardRequest.from_claims(claims)
        error.back = f"{request.origin}{request.return_path}?{CANCELLED}"
    raise error


def _read(claims: Mapping[str, Any]) -> tuple[wire.CardRequest, wire.Shown]:
    try:
        request = wire.CardRequest.from_claims(claims)
        shown = request.check_document()
    except wire.MalformedMessage as error:
        raise MalformedRequest from error
    if request.protocol != wire.PROTOCOL:  # a newer one was told apart before
        raise MalformedRequest
    lifetime = request.expires_at - request.issued_at
    if not 0 < lifetime <= LIFETIME_LIMIT_SECONDS:
        raise MalformedRequest
    return request, shown


def _end(request: wire.CardRequest, now: float, site_time: float | None) -> float:
    """Return when, by this computer's clock, the site takes no proof for ``request`` any more.

    The leeway is for clocks that are apart, not a longer life: a PIN that is typed within it would
    be shown to the card for nothing. However far apart they are, a request that is here now was
    made before now. Where the site has told its time, its end is known to the second; a time that
    is far from ours and not the request's either is as likely to be a proxy's old answer.
    """
    latest = now + request.expires_at - request.issued_at
    if site_time is None or not (_is_near(site_time, now) or _confirms(site_time, request)):
        return min(latest, request.expires_at + LEEWAY_SECONDS)
    return min(latest, request.expires_at + now - site_time)


def _is_near(site_time: float, now: float) -> bool:
    return abs(site_time - now) <= LEEWAY_SECONDS


def _confirms(site_time: float | None, request: wire.CardRequest) -> bool:
    """Tell whether the site's time, as told with its keys, lies within what it has signed."""
    if site_time is None:
        return False
    return request.issued_at - LEEWAY_SECONDS <= site_time <= request.expires_at


def _check_period(asked: VerifiedRequest, now: float, site_time: float | None) -> None:
    request = asked.request
    is_early = now < request.issued_at - LEEWAY_SECONDS and not _confirms(site_time, request)
    if not is_early and now <= asked.ends_at:
        return
    if site_time is not None and not _is_near(site_time, now):
        raise ClockWrong(here=_moment(now), there=_moment(site_time))
    if is_early:
        raise ClockWrong(here=_moment(now), there=_moment(request.issued_at))
    raise RequestExpired


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds).astimezone()
