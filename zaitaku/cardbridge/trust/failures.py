"""Why the bridge does not do what it was asked; each reason has a page of its own.

``page`` names the page's words in the catalogue and is stable. Nothing here ever holds a PIN, a
certificate, a request or a consent document.
"""

from http import HTTPStatus
from typing import ClassVar


class BridgeError(Exception):
    """The root of the bridge's own refusals; ``facts`` are shown inside the page's words."""

    page: ClassVar[str] = "unexpected"
    status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR

    def __init__(self, **facts: object) -> None:
        super().__init__(self.page)
        self.facts = facts
        self.back: str | None = None
        """Where to go back to; known only once the request's signature was checked."""


class MalformedRequest(BridgeError):
    """What arrived is not a card request, or was cut off on its way."""

    page = "malformed"
    status = HTTPStatus.BAD_REQUEST


class ForeignOrigin(BridgeError):
    """A site asks that this bridge was not told to serve; fact: ``origin``."""

    page = "foreign-origin"
    status = HTTPStatus.FORBIDDEN


class BadSignature(BridgeError):
    """The request is not signed by a key that the asking site publishes; fact: ``origin``."""

    page = "bad-signature"
    status = HTTPStatus.FORBIDDEN


class KeyUnreachable(BridgeError):
    """The asking site's keys could not be fetched; fact: ``origin``."""

    page = "key-unreachable"
    status = HTTPStatus.BAD_GATEWAY


class KeyChanged(BridgeError):
    """The site signs with a key that no known key of its vouches for; fact: ``origin``."""

    page = "key-changed"
    status = HTTPStatus.FORBIDDEN


class StateUnusable(BridgeError):
    """The pinned keys cannot be read or written; fact: ``file``, where they are."""

    page = "state-unusable"

    def __init__(self, file: str) -> None:
        super().__init__(file=file)
        self.file = file

    def __str__(self) -> str:
        return self.file


class RequestExpired(BridgeError):
    """Too much time has passed since the site asked."""

    page = "expired"
    status = HTTPStatus.GONE


class ClockWrong(BridgeError):
    """This computer's clock and the site's are apart; facts: ``here``, ``there``."""

    page = "clock"
    status = HTTPStatus.CONFLICT


class RequestUsed(BridgeError):
    """The card was already read for this request."""

    page = "used"
    status = HTTPStatus.CONFLICT


class NewerProtocol(BridgeError):
    """The site speaks a newer protocol than this bridge; fact: ``version`` of the bridge."""

    page = "newer-protocol"
    status = HTTPStatus.BAD_REQUEST


class BridgeTooOld(BridgeError):
    """The site no longer serves this bridge; facts: ``version`` of the bridge, ``needed``."""

    page = "too-old"
    status = HTTPStatus.BAD_REQUEST


class ReadingGone(BridgeError):
    """There is no such reading: it ran out of time, or the bridge was started anew."""

    page = "gone"
    status = HTTPStatus.NOT_FOUND


class ForeignHost(BridgeError):
    """The request was meant for another host name (RFC 9110 §15.5.20): DNS rebinding."""

    page = "foreign-host"
    status = HTTPStatus.MISDIRECTED_REQUEST


class ForeignCaller(BridgeError):
    """Another page embeds the bridge, fetches from it, or posts to it."""

    page = "foreign-caller"
    status = HTTPStatus.FORBIDDEN


class ForeignUser(BridgeError):
    """Another user of this computer speaks to this user's bridge."""

    page = "foreign-user"
    status = HTTPStatus.FORBIDDEN


class TooOften(BridgeError):
    """The same was asked too often; fact: ``wait``, seconds until it may be asked again."""

    page = "too-often"
    status = HTTPStatus.TOO_MANY_REQUESTS


class StaleForm(BridgeError):
    """A form without the token that its page carries."""

    page = "stale-form"
    status = HTTPStatus.FORBIDDEN


class PageMissing(BridgeError):
    """No page has this address."""

    page = "not-found"
    status = HTTPStatus.NOT_FOUND


class SiteUnreachable(BridgeError):
    """The proof did not reach the site, or the site could not answer: sending again is right."""

    page = "send-failed"
    status = HTTPStatus.BAD_GATEWAY


class SiteRefused(BridgeError):
    """The site looked at the proof and does not take it; ``reason`` is its code, for the log."""

    page = "send-refused"
    status = HTTPStatus.CONFLICT

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason
