"""The bridge's own conversation with the asking site: its keys, and the proof.

TLS with certificate check, no redirects, no retries, no proxies, bounded time, size and number:
whoever makes a browser open the bridge again and again does not make it hammer a site.
"""

import re
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import urllib3

from zaitaku import wire
from zaitaku.cardbridge.trust.failures import KeyUnreachable, SiteRefused, SiteUnreachable, TooOften
from zaitaku.cardbridge.trust.limits import UNLIMITED, Limiter, Paces
from zaitaku.cardbridge.trust.outside import read_json

CONNECT_SECONDS: Final = 5.0
READ_SECONDS: Final = 10.0
TOTAL_SECONDS: Final = 20.0
"""A server that sends a byte now and then is given up after this."""
BODY_LIMIT: Final = 64 * 1024
TRANSIENT: Final = frozenset(
    {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
)
_CODE: Final = re.compile(r"[A-Za-z0-9_\-]{16,200}")
_REASON: Final = re.compile(r"[a-z][a-z-]{0,39}")


@dataclass(frozen=True)
class PublishedKeys:
    """What stands under ``wire.KEYS_PATH``, and the site's clock when it answered."""

    keys: tuple[Mapping[str, Any], ...]
    endorsements: tuple[str, ...]
    site_time: float | None
    """Seconds since 1970, from the ``Date`` field (RFC 9110 §6.6.1)."""


class _BadAnswer(Exception):
    """The answer is too long, too slow, or not what was asked for."""


_FAILURES: Final = (urllib3.exceptions.HTTPError, OSError, ValueError, _BadAnswer)


class SiteClient:
    """Speaks with the asking site, as often as ``paces`` allow."""

    def __init__(self, ca_file: Path | None = None, paces: Paces = UNLIMITED) -> None:
        self._keys = Limiter(paces.keys_of_a_site)
        self._keys_in_all = Limiter(paces.keys_in_all)
        self._proofs = Limiter(paces.proofs)
        self._pool = urllib3.PoolManager(
            ssl_context=_tls(ca_file),
            retries=False,
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
        )

    def fetch_keys(self, origin: str) -> PublishedKeys:
        """Return the keys that ``origin`` publishes (RFC 7517 §5).

        Raises:
            TooOften: this was done too often of late.
            KeyUnreachable: the site, its certificate or its answer is not as it must be.
        """
        self._keys.take(origin)
        self._keys_in_all.take()
        try:
            response, body = self._ask("GET", origin + wire.KEYS_PATH)
            return _published(response.status, body, response.headers.get("Date"))
        except _FAILURES as error:
            raise KeyUnreachable(origin=origin) from error

    def send_proof(self, origin: str, proof: wire.CardProof) -> str:
        """Post ``proof`` and return the one-time code.

        Raises:
            SiteUnreachable: the network or the site failed, or it was sent to too often of late;
                sending again is right.
            SiteRefused: the site does not take the proof; sending again is of no use.
        """
        try:
            self._proofs.take(origin)
            response, body = self._ask("POST", origin + wire.PROOF_PATH, proof.to_json())
            return _code(response.status, body)
        except (*_FAILURES, TooOften) as error:
            raise SiteUnreachable from error

    def _ask(
        self, method: str, url: str, body: str | None = None
    ) -> tuple[urllib3.BaseHTTPResponse, bytes]:
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        response = self._pool.request(
            method, url, body=body, headers=headers, redirect=False, preload_content=False
        )
        try:
            return response, _read_bounded(response)
        finally:
            response.close()


def _tls(ca_file: Path | None) -> ssl.SSLContext:
    # Not ``ssl.create_default_context``: that writes the session keys where SSLKEYLOGFILE says.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file is None:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    else:
        context.load_verify_locations(ca_file)
    return context


def _read_bounded(response: urllib3.BaseHTTPResponse) -> bytes:
    deadline = time.monotonic() + TOTAL_SECONDS
    body = bytearray()
    while chunk := response.read1(BODY_LIMIT, decode_content=False):
        body += chunk
        if len(body) > BODY_LIMIT or time.monotonic() > deadline:
            raise _BadAnswer
    return bytes(body)


def _published(status: int, body: bytes, date: str | None) -> PublishedKeys:
    document = read_json(body) if status == HTTPStatus.OK else None
    if not isinstance(document, dict):
        raise _BadAnswer
    keys, endorsements = document.get("keys"), document.get("endorsements", [])
    if not isinstance(keys, list) or not isinstance(endorsements, list):
        raise _BadAnswer
    return PublishedKeys(
        keys=tuple(key for key in keys if isinstance(key, dict)),
        endorsements=tuple(text for text in endorsements if isinstance(text, str)),
        site_time=_site_time(date),
    )


def _site_time(date: str | None) -> float | None:
    try:
        moment = parsedate_to_datetime(date).timestamp() if date else None
    except (ValueError, OverflowError):
        return None
    return moment if moment is not None and 0 <= moment <= wire.LAST_MOMENT else None


def _code(status: int, body: bytes) -> str:
    is_refusal = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    if is_refusal and status not in TRANSIENT:
        raise SiteRefused(_reason(body) or str(status))
    if status != HTTPStatus.OK:
        raise _BadAnswer
    answer = read_json(body)
    code = answer.get("code") if isinstance(answer, dict) else None
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        raise _BadAnswer
    return code


def _reason(body: bytes) -> str:
    try:
        answer = read_json(body)
    except ValueError:
        return ""
    reason = answer.get("error") if isinstance(answer, dict) else None
    return reason if isinstance(reason, str) and _REASON.fullmatch(reason) else ""
