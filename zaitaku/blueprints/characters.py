"""No control character gets past the edge: into a store, a log, a file or a header."""

import re
from collections.abc import Iterable
from http import HTTPStatus
from itertools import chain
from typing import Final

from flask import Flask, Request
from werkzeug.wrappers import Response

from zaitaku.blueprints.edge import the_request
from zaitaku.core.errors import ZaitakuError

_IN_A_TEXT: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
"""C0 controls (ISO/IEC 6429) without tab, line feed and carriage return."""
_WITHOUT_FORM: Final = frozenset({"GET", "HEAD"})
_ELSEWHERE: Final = b"<!doctype html>\n<title>Redirecting...</title>\n"
_IN_AN_ADDRESS: Final = re.compile(r"[\x00-\x1f\x7f]")


class ControlCharacter(ZaitakuError):
    """A value holds a character that no keyboard types."""

    code = "bad-request"
    status = HTTPStatus.BAD_REQUEST


class StrictFlask(Flask):
    """Never redirects to an address that could end its header's line (RFC 9110 §5.5)."""

    def redirect(self, location: str, code: int = HTTPStatus.FOUND) -> Response:
        """Return the redirection, or refuse the request that asked for such an address."""
        if _IN_AN_ADDRESS.search(location):
            raise ControlCharacter("location")
        # Browsers go on by themselves: a page that names the address is read by nobody.
        answer = self.response_class(_ELSEWHERE, code, mimetype="text/html")
        answer.headers.add("Location", location)
        return answer


def add(app: Flask) -> None:
    """Refuse requests with control characters in their path, query or form."""
    app.before_request(_check)


def _check() -> None:
    present = the_request()
    if _IN_AN_ADDRESS.search(present.path) or any(map(_IN_A_TEXT.search, _texts(present))):
        raise ControlCharacter("request")


def _texts(present: Request) -> Iterable[str]:
    pairs = [*present.args.items(multi=True)] if present.query_string else []
    # Nobody reads a form that comes with a GET.
    if present.method not in _WITHOUT_FORM:
        pairs += present.form.items(multi=True)
    return chain.from_iterable(pairs)
