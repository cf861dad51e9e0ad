"""Talking to the provider over HTTP, with a bound on everything."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final, Protocol
from urllib.parse import urlencode

import urllib3
from urllib3.exceptions import HTTPError

from zaitaku.identity.oidc.errors import AppAway

ANSWER_LIMIT: Final = 65_536
"""Bytes; an answer of the token endpoint has about 3,000, a key set about 5,000."""
CHUNK: Final = 8_192
PATIENCE: Final = timedelta(seconds=5)


@dataclass(frozen=True)
class Reply:
    """A complete answer in JSON."""

    status: int
    body: Mapping[str, Any]

    @property
    def is_good(self) -> bool:
        """Whether the status is 200."""
        return self.status == HTTPStatus.OK


class Exchange(Protocol):
    """Gets JSON objects; raises ``AppAway`` when none comes."""

    def get(self, url: str) -> Reply:
        """Get a JSON object."""
        ...

    def post(self, url: str, fields: Mapping[str, str]) -> Reply:
        """Post a form and get a JSON object."""
        ...


class HttpExchange:
    """An ``Exchange`` that follows no redirect and tries nothing twice."""

    def __init__(self, *, patience: timedelta = PATIENCE) -> None:
        """``patience`` bounds the connection, each wait for bytes, and the answer as a whole."""
        self.patience = patience.total_seconds()
        timeout = urllib3.Timeout(connect=self.patience, read=self.patience)
        self._pool = urllib3.PoolManager(timeout=timeout, retries=False)

    def get(self, url: str) -> Reply:
        """Get a JSON object.

        Raises:
            AppAway: no complete, small JSON object came in time.
        """
        return self._request("GET", url, b"")

    def post(self, url: str, fields: Mapping[str, str]) -> Reply:
        """Post a form and get a JSON object, whatever the status.

        Raises:
            AppAway: no complete, small JSON object came in time.
        """
        return self._request("POST", url, urlencode(fields).encode())

    def _request(self, method: str, url: str, body: bytes) -> Reply:
        deadline = time.monotonic() + self.patience
        kind = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
        try:
            response = self._pool.request(
                method,
                url,
                body=body or None,
                headers={"Accept": "application/json", **kind},
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
            try:
                return Reply(response.status, _object(_read(response, deadline)))
            finally:
                response.close()
        except HTTPError as error:
            raise AppAway(type(error).__name__) from error


def _read(response: urllib3.BaseHTTPResponse, deadline: float) -> bytes:
    content = b""
    while chunk := response.read1(CHUNK):
        content += chunk
        if len(content) > ANSWER_LIMIT:
            raise AppAway("answer too long")
        if time.monotonic() > deadline:
            raise AppAway("answer too slow")
    return content


def _object(content: bytes) -> Mapping[str, Any]:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise AppAway("answer is no JSON") from error
    if not isinstance(body, dict):
        raise AppAway("answer is no JSON object")
    return body
