"""Questions over HTTP, with a bound on everything: time, size, and where they go."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Final

import urllib3
from urllib3.exceptions import HTTPError

ANSWER_LIMIT: Final = 65_536
"""Bytes; an answer with its responder's certificate has about 2,000."""
CHUNK: Final = 65_536


class SourceAway(Exception):
    """The source did not give an answer; the text is for the log and names no certificate."""


Exchange = Callable[[bytes], bytes]
"""Sends a question and returns the answer, or raises ``SourceAway``."""


@dataclass(frozen=True)
class Line:
    """How questions of one kind are sent."""

    sent: str
    """Media type of the question."""
    wanted: str
    """Media type of the answer."""
    authorization: str = field(default="", repr=False)
    ca_file: Path | None = None
    """Certificate authorities to trust instead of the system's (PEM)."""

    @property
    def headers(self) -> dict[str, str]:
        """The request's headers."""
        headers = {"Content-Type": self.sent, "Accept": self.wanted}
        return headers | ({"Authorization": self.authorization} if self.authorization else {})


OCSP_LINE: Final = Line("application/ocsp-request", "application/ocsp-response")


class HttpExchange:
    """An ``Exchange`` by HTTP POST (RFC 6960 A.1). Redirects and retries are not followed."""

    def __init__(
        self, url: str, *, patience: timedelta = timedelta(seconds=5), line: Line = OCSP_LINE
    ) -> None:
        """``patience`` bounds the connection, each wait for bytes, and the answer as a whole."""
        self.url = url
        self.patience = patience
        self.line = line
        self._pool = new_pool(patience, line.ca_file)

    def __call__(self, question: bytes) -> bytes:
        """Post ``question``; raise ``SourceAway`` for anything but a complete, small answer."""
        deadline = time.monotonic() + self.patience.total_seconds()
        try:
            response = send(self._pool, "POST", self.url, headers=self.line.headers, body=question)
            try:
                return _answer(response, deadline)
            finally:
                response.close()
        except HTTPError as error:
            raise SourceAway(type(error).__name__) from error


def new_pool(patience: timedelta, ca_file: Path | None = None) -> urllib3.PoolManager:
    """Return connections that wait ``patience`` at most, each time."""
    seconds = patience.total_seconds()
    timeout = urllib3.Timeout(connect=seconds, read=seconds)
    authorities = str(ca_file) if ca_file else None
    return urllib3.PoolManager(timeout=timeout, retries=False, ca_certs=authorities)


def send(
    pool: urllib3.PoolManager,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes | None = None,
) -> urllib3.BaseHTTPResponse:
    """Send a request whose answer is read by ``read_bounded``; it goes to ``url`` or nowhere."""
    return pool.request(
        method,
        url,
        body=body,
        headers=dict(headers),
        redirect=False,
        preload_content=False,
        decode_content=False,
    )


def read_bounded(response: urllib3.BaseHTTPResponse, *, limit: int, deadline: float) -> bytes:
    """Read a body of at most ``limit`` bytes until ``deadline`` (``time.monotonic``).

    Raises:
        SourceAway: it is longer or slower.
    """
    content = bytearray()
    while chunk := response.read1(CHUNK):
        content += chunk
        if len(content) > limit:
            raise SourceAway("answer too long")
        if time.monotonic() > deadline:
            raise SourceAway("answer too slow")
    return bytes(content)


def _answer(response: urllib3.BaseHTTPResponse, deadline: float) -> bytes:
    if response.status != HTTPStatus.OK:
        raise SourceAway(f"status {response.status}")
    return read_bounded(response, limit=ANSWER_LIMIT, deadline=deadline)
