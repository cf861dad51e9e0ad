"""One question and its answer over HTTP, with a bound on everything."""

import time
from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus
from typing import Final

import urllib3
from urllib3.exceptions import HTTPError

ANSWER_LIMIT: Final = 65_536
"""Bytes; an answer with its responder's certificate has about 2,000."""
CHUNK: Final = 8_192


class SourceAway(Exception):
    """The responder did not give an answer; the text is for the log and names no certificate."""


Exchange = Callable[[bytes], bytes]
"""Sends a DER request and returns the DER response, or raises ``SourceAway``."""


class HttpExchange:
    """An ``Exchange`` by HTTP POST (RFC 6960 A.1). Redirects and retries are not followed."""

    def __init__(self, url: str, *, patience: timedelta = timedelta(seconds=5)) -> None:
        """``patience`` bounds the connection, each wait for bytes, and the answer as a whole."""
        self.url = url
        self.patience = patience.total_seconds()
        timeout = urllib3.Timeout(connect=self.patience, read=self.patience)
        self._pool = urllib3.PoolManager(timeout=timeout, retries=False)

    def __call__(self, question: bytes) -> bytes:
        """Post ``question``; raise ``SourceAway`` for anything but a complete, small answer."""
        deadline = time.monotonic() + self.patience
        try:
            response = self._pool.request(
                "POST",
                self.url,
                body=question,
                headers={
                    "Content-Type": "application/ocsp-request",
                    "Accept": "application/ocsp-response",
                },
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
            try:
                return _read(response, deadline)
            finally:
                response.close()
        except HTTPError as error:
            raise SourceAway(type(error).__name__) from error


def _read(response: urllib3.BaseHTTPResponse, deadline: float) -> bytes:
    if response.status != HTTPStatus.OK:
        raise SourceAway(f"status {response.status}")
    content = b""
    while chunk := response.read1(CHUNK):
        content += chunk
        if len(content) > ANSWER_LIMIT:
            raise SourceAway("answer too long")
        if time.monotonic() > deadline:
            raise SourceAway("answer too slow")
    return content
