"""Requests and answers of all sites of this product (HTTP messages, RFC 9110 §6)."""

import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from http import HTTPStatus
from io import BytesIO
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from flask import Request, Response
from werkzeug.datastructures import FileStorage, ImmutableMultiDict, MultiDict

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

MAX_REQUEST_BYTES: Final = 64 * 1024
"""What a request may bring, unless its view says otherwise (``uploads``)."""

_URL_ENCODED: Final = "application/x-www-form-urlencoded"
_QUOTED: Final = "werkzeug.url_quote"
"""What Werkzeug does with bytes that were written with percent signs and are no UTF-8."""
_WITHOUT_BODY: Final = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})
_PLAIN_PATH: Final = re.compile(r"(?:/[A-Za-z0-9._~%!$&'()*+,:;=@-]+)+")
"""A path that is a URI already (RFC 3986 §3.3)."""


class SiteRequest(Request):
    """A request that knows its limits; Flask looks for them in its configuration each time."""

    max_content_length: int | None = MAX_REQUEST_BYTES
    max_form_memory_size: int | None = 500_000
    """Bytes of one field of a form with files; as is Flask's."""
    max_form_parts: int | None = 1_000

    @cached_property
    def args(self) -> MultiDict[str, str]:
        """The fields of the address; bytes that are no UTF-8 become U+FFFD, as in its path."""
        if not self.query_string:
            return ImmutableMultiDict()
        text = self.query_string.decode(errors="replace")
        return ImmutableMultiDict(parse_qsl(text, keep_blank_values=True, errors=_QUOTED))

    def _load_form_data(self) -> None:
        fields = self._short_form()
        if fields is None:
            super()._load_form_data()
        else:
            files: ImmutableMultiDict[str, FileStorage] = ImmutableMultiDict()
            self.__dict__.update(stream=BytesIO(), form=ImmutableMultiDict(fields), files=files)

    def _short_form(self) -> list[tuple[str, str]] | None:
        """Return the fields of a form as pages send it, when it is there already (``bodies``).

        ``None``: it was read before, or there is something about it that Werkzeug must judge.
        """
        body, environ = self.environ["wsgi.input"], self.environ
        if (
            "form" in self.__dict__
            or environ.get("CONTENT_TYPE") != _URL_ENCODED
            or not isinstance(body, BytesIO)
            or body.tell() != 0
            or environ.get("CONTENT_LENGTH") != str(body.getbuffer().nbytes)
            or body.getbuffer().nbytes > (self.max_content_length or 0)
        ):
            return None
        try:
            text = body.getvalue().decode()
        except UnicodeDecodeError:
            return None
        return parse_qsl(text, keep_blank_values=True, errors=_QUOTED)


class SiteResponse(Response):
    """An answer that is sent as it stands when nothing is left to be worked out."""

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Send the answer (PEP 3333)."""
        headers = list(self.headers)
        body = self._whole_body(dict(headers))
        if body is None:
            return super().__call__(environ, start_response)
        start_response(self.status, headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else body

    def _whole_body(self, headers: Mapping[str, str]) -> list[bytes] | None:
        """Return the body if it and the headers are as they are to be sent; else ``None``.

        The rest is Werkzeug's: bodies that are streamed or whose end somebody waits for, their
        lengths, addresses that are no URIs yet.
        """
        is_whole = (
            isinstance(self.response, list)
            and set(map(type, self.response)) == {bytes}
            and "Content-Length" in headers
            and not self._on_close
            and self.status_code >= HTTPStatus.OK
            and self.status_code not in _WITHOUT_BODY
            and "Content-Location" not in headers
            and _PLAIN_PATH.fullmatch(headers.get("Location", "/-"))
        )
        return self.response if is_whole else None  # type: ignore[return-value]
