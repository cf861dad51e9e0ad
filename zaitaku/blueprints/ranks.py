"""How urgent a request is, and whether whoever sends it may claim so.

An address of the site can be asked for by anybody. While turns are free that is all the same; who
has to wait for one is looked at: a journey's own pages are urgent for the browser that has begun
one, and the rest wait with those who are new. One browser, and all who bring none from one network
address, have only so many urgent requests at a time: the others wait with those who are new, too.
"""

from collections import Counter
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final

from flask import Flask
from werkzeug.wrappers import Request

from zaitaku.blueprints.waiting import LINE_PATH, SHOWN_FORM
from zaitaku.core.addresses import address_bucket
from zaitaku.core.gate import ACTIVE, Rank
from zaitaku.wire import KEYS_PATH

SHARE: Final = ACTIVE - 1
"""Urgent requests of one holder at a time: a turn is always left to others."""

_JOURNEY: Final = ("/j/", "/h/")
_LAST: Final = ("/card", "/return", "/done", "/receipt", "/receipt/text")
_FILES: Final = "/static/"
_UNGUARDED: Final = frozenset({"/healthz", "/readyz", LINE_PATH})
_CARD: Final = ("/api/card/", KEYS_PATH, "/app/")
"""What comes without the session of the browser that began: from the bridge, or from an app."""
_CONSOLE: Final = ("/console", "/api/")
_BROWSER_FIELD: Final = "sid"
"""A browser's secret name in its session: it has begun a journey, or reads a card for one."""


def rank_of(method: str, path: str) -> Rank | None:
    """Return what a request is for; ``None``: it passes without a turn."""
    if path.startswith(_JOURNEY):
        return Rank.REGISTERING if path.endswith(_LAST) else Rank.UNDER_WAY
    if path in _UNGUARDED or path.startswith(_FILES):
        return None
    if path.startswith(_CARD):
        return Rank.REGISTERING
    if path.startswith(_CONSOLE):
        return Rank.CONSOLE
    return Rank.UNDER_WAY if method == "POST" else Rank.ENTERING


def session_of(app: Flask, request: Request) -> dict[str, Any]:
    """Return what the browser's session holds; nothing where it is not of this site."""
    kept = app.session_interface.open_session(app, request)  # type: ignore[arg-type]
    return dict(kept or {})


@dataclass(frozen=True)
class Claim:
    """The rank that somebody has; to be ended once with their request."""

    rank: Rank
    holder: str = ""
    """Whose share it is of; empty: of nobody's."""


class Claims:
    """The urgent requests that have waited for their turn, or still do, by who sent them."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._lock = Lock()
        self._held: Counter[str] = Counter()

    def of(self, rank: Rank, environ: dict[str, Any]) -> Claim:
        """Return what is granted to a request that claims ``rank``."""
        if rank > Rank.UNDER_WAY:
            return Claim(rank)
        holder = self._holder(Request(environ))
        with self._lock:
            if not holder or self._held[holder] >= SHARE:
                return Claim(Rank.ENTERING)
            self._held[holder] += 1
        return Claim(rank, holder)

    def end(self, claim: Claim) -> None:
        """Give back what a claim holds."""
        if claim.holder:
            with self._lock:
                self._held[claim.holder] -= 1
                self._held += Counter()  # forgets those at zero

    def _holder(self, request: Request) -> str:
        kept = session_of(self._app, request)
        if request.path.startswith(_JOURNEY):
            return str(kept.get(_BROWSER_FIELD, ""))
        known = str(kept.get(_BROWSER_FIELD) or kept.get(SHOWN_FORM, ""))
        is_without = not known and request.path.startswith(_CARD)
        return address_bucket(request.remote_addr or "") if is_without else known
