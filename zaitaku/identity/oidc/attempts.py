"""The values of one reading by the patient's app, on their way through the short-lived store."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Self

from zaitaku.core.ephemeral import Fields
from zaitaku.core.ids import JourneyId
from zaitaku.identity.model import Challenge

_PARAMETERS: Final = ("state", "code", "error", "iss")


@dataclass(frozen=True)
class Attempt:
    """What was asked of the provider, until its answer comes back."""

    challenge: Challenge
    verifier: str = field(repr=False)
    """The secret half of PKCE (RFC 7636 §4.1)."""
    session: str
    """``mark_of`` the browser session in which the patient began."""
    code: str = field(repr=False)
    """Under which the journey will find the outcome."""
    began: datetime

    def to_fields(self) -> dict[str, str]:
        """Return this attempt as an entry of the short-lived store."""
        return {
            **self.challenge.to_fields(),
            "verifier": self.verifier,
            "session": self.session,
            "code": self.code,
            "began": self.began.isoformat(),
        }

    @classmethod
    def from_fields(cls, fields: Fields) -> Self:
        """Read back what ``to_fields`` wrote."""
        return cls(
            challenge=Challenge.from_fields(fields),
            verifier=fields["verifier"],
            session=fields["session"],
            code=fields["code"],
            began=datetime.fromisoformat(fields["began"]),
        )


@dataclass(frozen=True)
class Callback:
    """What the browser brought back from the provider (RFC 6749 §4.1.2, RFC 9207 §2).

    None may come several times (RFC 6749 §3.1).
    """

    state: str
    code: str = field(default="", repr=False)
    error: str = ""
    issuer: str = ""
    is_ambiguous: bool = False
    """Whether a parameter came several times: then nothing that the answer says counts."""

    @classmethod
    def from_query(cls, query: Mapping[str, list[str]]) -> Self:
        """Read the parameters of the address."""
        return cls(
            state=_single(query, "state"),
            code=_single(query, "code"),
            error=_single(query, "error"),
            issuer=_single(query, "iss"),
            is_ambiguous=any(len(query.get(name, [])) > 1 for name in _PARAMETERS),
        )

    @property
    def mark(self) -> str:
        """What tells this answer from another one to the same ``state``."""
        return mark_of(f"{self.code}\0{self.error}\0{self.issuer}\0{self.is_ambiguous}")


@dataclass(frozen=True)
class Arrival:
    """An answer that was dealt with, and the browser that brought it."""

    journey: JourneyId
    code: str
    """Under which the journey finds the outcome."""
    document: str
    is_own: bool
    """Whether this is the browser in which the patient began."""


@dataclass(frozen=True)
class Elsewhere:
    """An outcome that waits in another browser for somebody to compare the numbers."""

    journey: JourneyId
    code: str
    document: str
    session: str
    """``mark_of`` the session to which the app returned: no other may settle it."""

    def to_fields(self) -> dict[str, str]:
        """Return this as an entry of the short-lived store."""
        return {
            "journey": self.journey,
            "code": self.code,
            "document": self.document,
            "session": self.session,
        }

    @classmethod
    def from_fields(cls, fields: Fields) -> Self:
        """Read back what ``to_fields`` wrote."""
        return cls(
            JourneyId(fields["journey"]), fields["code"], fields["document"], fields["session"]
        )


def mark_of(text: str) -> str:
    """Return a digest that stands for ``text`` in the store: fixed in length, not to be undone."""
    return hashlib.sha256(text.encode(errors="backslashreplace")).hexdigest()


def is_same(one: str, other: str) -> bool:
    """Compare two marks in a time that tells nothing."""
    return hmac.compare_digest(one.encode(), other.encode())


def _single(query: Mapping[str, list[str]], name: str) -> str:
    values = query.get(name, [])
    return values[0] if len(values) == 1 else ""
