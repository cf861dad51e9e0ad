"""Who may speak to the bridge, and what its answers allow a browser to do.

The bridge listens on the loopback address only; any page on the web can still make a browser send
it something, and so can any user of this computer. So: the connection must be this user's where the
system tells, the ``Host`` field must be ours (DNS rebinding), pages answer to top-level navigations
only, forms come from our own pages and carry a token, and nothing is ever shared across origins.
"""

import hmac
from typing import Final

from flask import Request, Response

from zaitaku.cardbridge.trust.failures import ForeignCaller, ForeignHost, ForeignUser, StaleForm
from zaitaku.cardbridge.web.peers import Peer, peer_of

HEADERS: Final = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
SAFE_METHODS: Final = frozenset({"GET", "HEAD"})
LOADING_AHEAD: Final = ("Sec-Purpose", "Purpose", "X-Moz", "X-Purpose")
"""Fields by which browsers, older ones too, say that nobody has asked for the page yet."""


def check_user(request: Request) -> None:
    """Let only this user's programs pass, where the system tells whose they are.

    Raises:
        ForeignUser
    """
    if peer_of(request.environ) is Peer.SOMEBODY_ELSE:
        raise ForeignUser


def check_host(request: Request, hosts: frozenset[str]) -> None:
    """Let only requests pass that name this bridge.

    Raises:
        ForeignHost
    """
    if request.environ.get("HTTP_HOST", "").lower() not in hosts:
        raise ForeignHost


def check_page(request: Request) -> None:
    """Let a page be seen only in a window of its own (Fetch Metadata, W3C).

    A browser that sends no ``Sec-Fetch`` fields passes: the framing and opener fields of our
    answers still hold there.

    Raises:
        ForeignCaller
    """
    if request.headers.get("Sec-Fetch-Dest", "document") != "document":
        raise ForeignCaller
    said = " ".join(request.headers.get(name, "") for name in LOADING_AHEAD).lower()
    if any(word in said for word in ("prefetch", "prerender", "preview")):
        raise ForeignCaller


def check_own_use(request: Request) -> None:
    """Let only our own pages, or somebody who typed the address, load what is not a page.

    Raises:
        ForeignCaller
    """
    if request.headers.get("Sec-Fetch-Site", "none") not in {"same-origin", "none"}:
        raise ForeignCaller


def check_post(request: Request) -> None:
    """Let only forms of our own pages pass, in a window of their own; their token is checked too.

    Under ``Referrer-Policy: no-referrer`` browsers send ``Origin: null`` even to ourselves
    (Fetch, "append a request Origin header"), so that value alone says nothing.

    Raises:
        ForeignCaller
    """
    if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        raise ForeignCaller
    if request.headers.get("Sec-Fetch-Dest", "document") != "document":
        raise ForeignCaller
    own = {f"http://{request.environ.get('HTTP_HOST', '')}", "null"}
    if request.headers.get("Origin", "null") not in own:
        raise ForeignCaller


def check_token(given: str, expected: str) -> None:
    """Compare a form's token in constant time.

    Raises:
        StaleForm
    """
    if not hmac.compare_digest(given.encode(), expected.encode()):
        raise StaleForm


def harden(response: Response, form_origin: str | None) -> Response:
    """Add the fields that every answer carries.

    ``form_origin`` is the one site to which this page's forms may lead by redirect: a browser
    checks the whole chain against ``form-action`` (CSP Level 3 §6.4.2).
    """
    form_action = f"'self' {form_origin}" if form_origin else "'self'"
    response.headers.update(HEADERS)
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
        f"form-action {form_action}; frame-ancestors 'none'; base-uri 'none'"
    )
    return response
