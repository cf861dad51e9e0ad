"""Questions over HTTP, with a bound on everything: time, size, and where they go."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Final

import urllib3

from zaitaku.identity.connection import Address, SourceAway

ANSWER_LIMIT: Final = 65_536
"""Bytes; an answer with its responder's certificate has about 2,000."""
CHUNK: Final = 65_536


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
        """``patience`` bounds the question and its answer as a whole."""
        self.line = line
        self._address = Address(url, each=patience, whole=patience, ca_file=line.ca_file)

    def __call__(self, question: bytes) -> bytes:
        """Post ``question``; raise ``SourceAway`` for anything but a complete, small answer."""
        return self._address.ask("POST", self.line.headers, _answer, question)


def read_bounded(response: urllib3.BaseHTTPResponse, *, limit: int) -> bytes:
    """Read a body of at most ``limit`` bytes.

    Raises:
        SourceAway: it is longer.
    """
    content = bytearray()
    while chunk := response.read1(CHUNK):
        content += chunk
        if len(content) > limit:
            raise SourceAway("answer too long")
    return bytes(content)


def _answer(response: urllib3.BaseHTTPResponse) -> bytes:
    if response.status != HTTPStatus.OK:
        raise SourceAway(f"status {response.status}")
    return read_bounded(response, limit=ANSWER_LIMIT)
