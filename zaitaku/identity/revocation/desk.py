"""Revocation by an operator's own service: one JSON question and answer over HTTPS.

An accredited operator may hold the authority's data where this deployment may not reach. The
question names the certificate and nothing else: no patient, facility, journey or document goes
with it, and what the service learns is that this card was read somewhere at this time.
"""

import base64
import binascii
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Self

from cryptography import x509

from zaitaku.identity.revocation.answer import AnswerRefused, VerifiedAnswer
from zaitaku.identity.revocation.exchange import Exchange, HttpExchange, Line
from zaitaku.identity.revocation.memory import AnswerMemory
from zaitaku.identity.revocation.online import Online
from zaitaku.identity.revocation.source import RevocationStatus
from zaitaku.identity.revocation.stapled import verify_stapled
from zaitaku.identity.subjects import issuer_key_id
from zaitaku.sdk.certificates import CLOCK_SKEW

MEDIA_TYPE: Final = "application/json"
QUESTION_BYTES: Final = 16
FRESHNESS: Final = timedelta(days=1)
"""How far back what the service knows may lie unless the operator says otherwise."""


def desk_line(key: str, ca_file: Path | None = None) -> Line:
    """Return how questions go to the service: as JSON, with a bearer key (RFC 6750 §2.1)."""
    return Line(MEDIA_TYPE, MEDIA_TYPE, f"Bearer {key}", ca_file)


@dataclass(frozen=True)
class _Said:
    """What the service answered, readable but not yet believed."""

    question: str
    status: RevocationStatus
    this_update: datetime
    next_update: datetime
    stapled: bytes | None

    @classmethod
    def read(cls, content: bytes) -> Self:
        try:
            body = json.loads(content)
            return cls(
                question=_text(body, "question"),
                status=RevocationStatus(_text(body, "status")),
                this_update=_moment(body, "this_update"),
                next_update=_moment(body, "next_update"),
                stapled=_stapled(body),
            )
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            # The values name a certificate: they must not travel with the cause.
            raise AnswerRefused(f"unreadable: {type(error).__name__}") from None


class RevocationDesk:
    """An operator's service that knows about revocations.

    Where it hands over the authority's own OCSP answer, that is verified and counts; where
    ``is_stapled`` is set it must, so that the service can keep silent but never lie.
    """

    def __init__(
        self,
        exchange: Exchange,
        *,
        freshness: timedelta = FRESHNESS,
        is_stapled: bool = False,
        memory: AnswerMemory | None = None,
    ) -> None:
        self.exchange = exchange
        self.freshness = freshness
        self.is_stapled = is_stapled
        self._online = Online("revocation service", self._ask, memory=memory)

    @classmethod
    def at(cls, url: str, line: Line, *, freshness: timedelta, is_stapled: bool) -> Self:
        """Return the service at an address."""
        exchange = HttpExchange(url, line=line)
        return cls(exchange, freshness=freshness, is_stapled=is_stapled)

    def status(
        self, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime
    ) -> RevocationStatus:
        """Ask the service, unless its last answer still stands at ``now``.

        ``UNKNOWN`` when it is away, or its answer is refused or says so.
        """
        return self._online.status(certificate, issuer, now)

    def _ask(
        self, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime
    ) -> VerifiedAnswer:
        question = secrets.token_hex(QUESTION_BYTES)
        said = _Said.read(self.exchange(_question(question, certificate, issuer)))
        if not hmac.compare_digest(said.question.encode(), question.encode()):
            raise AnswerRefused("for another question")
        if said.stapled is None:
            return self._own_word(said, now)
        answer = verify_stapled(
            content=said.stapled,
            certificate=certificate,
            issuer=issuer,
            freshness=self.freshness,
            now=now,
        )
        if answer.status is not said.status:
            raise AnswerRefused("not what it has stapled")
        return answer

    def _own_word(self, said: _Said, now: datetime) -> VerifiedAnswer:
        if self.is_stapled:
            raise AnswerRefused("nothing stapled")
        if said.this_update > now + CLOCK_SKEW:
            raise AnswerRefused("from the future")
        ends = min(said.next_update, said.this_update + self.freshness)
        if now > ends:
            raise AnswerRefused("out of date")
        return VerifiedAnswer(said.status, ends)


def _question(question: str, certificate: x509.Certificate, issuer: x509.Certificate) -> bytes:
    body = {
        "question": question,
        "issuer_key_sha256": issuer_key_id(issuer).hex(),
        "serial": f"{certificate.serial_number:x}",
    }
    return json.dumps(body).encode()


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body[name]
    if not isinstance(value, str):
        raise TypeError(name)
    value.encode()  # JSON can bring half a surrogate pair, and no UTF-8 text can hold it
    return value


def _moment(body: Mapping[str, Any], name: str) -> datetime:
    moment = datetime.fromisoformat(_text(body, name))
    if moment.utcoffset() is None:
        raise ValueError(name)
    return moment


def _stapled(body: Mapping[str, Any]) -> bytes | None:
    if body.get("ocsp") is None:
        return None
    try:
        return base64.b64decode(_text(body, "ocsp"), validate=True)
    except binascii.Error as error:
        raise ValueError("ocsp") from error
