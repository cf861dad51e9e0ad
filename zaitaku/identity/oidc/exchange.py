"""Talking to the provider over HTTP, with a bound on everything."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final, Protocol
from urllib.parse import urlencode

import urllib3

from zaitaku.identity.connection import Address, SourceAway
from zaitaku.identity.oidc.errors import AppAway
from zaitaku.identity.revocation.exchange import read_bounded

ANSWER_LIMIT: Final = 65_536
"""Bytes; an answer of the token endpoint has about 3,000, a key set about 5,000."""
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
        """``patience`` bounds the question and its answer as a whole."""
        self.patience = patience

    def get(self, url: str) -> Reply:
        """Get a JSON object.

        Raises:
            AppAway: no complete, small JSON object came in time.
        """
        return self._request("GET", url, {})

    def post(self, url: str, fields: Mapping[str, str]) -> Reply:
        """Post a form and get a JSON object, whatever the status.

        Raises:
            AppAway: no complete, small JSON object came in time.
        """
        return self._request("POST", url, fields)

    def _request(self, method: str, url: str, fields: Mapping[str, str]) -> Reply:
        body = urlencode(fields).encode() if fields else None
        kind = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
        address = Address(url, each=self.patience, whole=self.patience)
        try:
            status, content = address.ask(
                method, {"Accept": "application/json", **kind}, _read, body
            )
        except SourceAway as error:
            raise AppAway(str(error)) from error
        return Reply(status, _object(content))


def _read(response: urllib3.BaseHTTPResponse) -> tuple[int, bytes]:
    return response.status, read_bounded(response, limit=ANSWER_LIMIT)


def _object(content: bytes) -> Mapping[str, Any]:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise AppAway("answer is no JSON") from error
    if not isinstance(body, dict):
        raise AppAway("answer is no JSON object")
    return body
