"""Fetching a file over HTTP only when it has changed, with a bound on time and size."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Final

import urllib3

from zaitaku.identity.connection import Address, SourceAway
from zaitaku.identity.revocation.exchange import read_bounded

FILE_LIMIT: Final = 64 * 1024 * 1024
"""Bytes; a revoked certificate takes about 40 of them in a list."""
WHOLE: Final = timedelta(seconds=60)
EACH_WAIT: Final = timedelta(seconds=10)

_TOLD: Final = {"etag": "If-None-Match", "last-modified": "If-Modified-Since"}
"""What a server says of a file, and how it is given back (RFC 9110 §13.1)."""
_HEADER_VALUE: Final = re.compile(r"[\x20-\x7e]{1,200}")

Validators = Mapping[str, str]
"""What the server said of the file that is there; empty: fetch it in any case."""


@dataclass(frozen=True)
class Download:
    """What came of asking for a file."""

    content: bytes | None
    """``None``: it has not changed."""
    validators: Validators


Fetch = Callable[[Validators], Download]
"""Fetches the file, or raises ``SourceAway``."""


class HttpFetch:
    """A ``Fetch`` by HTTP GET. Redirects and retries are not followed."""

    def __init__(
        self,
        url: str,
        *,
        limit: int = FILE_LIMIT,
        patience: timedelta = EACH_WAIT,
        whole: timedelta = WHOLE,
    ) -> None:
        """``patience`` bounds each wait for bytes, ``whole`` all of them together."""
        self.limit = limit
        self._address = Address(url, each=patience, whole=whole)

    def __call__(self, validators: Validators) -> Download:
        """Ask for the file; raise ``SourceAway`` for anything but all of it or no change."""
        conditions = {_TOLD[name]: value for name, value in validators.items() if name in _TOLD}
        headers = {"Accept": "application/pkix-crl, application/x-pem-file, */*;q=0.1"}
        return self._address.ask(
            "GET", headers | conditions, lambda response: self._read(response, validators)
        )

    def _read(self, response: urllib3.BaseHTTPResponse, validators: Validators) -> Download:
        if response.status == HTTPStatus.NOT_MODIFIED and validators:
            return Download(None, validators)
        if response.status != HTTPStatus.OK:
            raise SourceAway(f"status {response.status}")
        content = read_bounded(response, limit=self.limit)
        return Download(content, _validators(response))


def _validators(response: urllib3.BaseHTTPResponse) -> Validators:
    said = {name: response.headers.get(name, "") for name in _TOLD}
    return {name: value for name, value in said.items() if _HEADER_VALUE.fullmatch(value)}
