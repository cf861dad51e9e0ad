"""A hand-over as a value: how far it is, and until when."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Final, NewType, Self
from uuid import UUID

from zaitaku.core.errors import ZaitakuError
from zaitaku.core.ids import ChallengeId, JourneyId, UrlVersionId

HandOverId = NewType("HandOverId", str)
"""A secret name (128 random bits): whoever has it may offer a computer, once."""


class HandOverGone(ZaitakuError):
    """No such hand-over lives: it was never begun, or its time is over."""

    code = "handover-gone"
    status = HTTPStatus.GONE


class HandOverClaimed(ZaitakuError):
    """Another computer than the one that asks has taken the hand-over."""

    code = "handover-claimed"
    status = HTTPStatus.CONFLICT


class HandOverSameBrowser(ZaitakuError):
    """The browser that began the hand-over tries to take it as well."""

    code = "handover-same-browser"
    status = HTTPStatus.CONFLICT


class HandOverCancelled(ZaitakuError):
    """One of the two sides has ended the hand-over; nothing was registered by it."""

    code = "handover-cancelled"
    status = HTTPStatus.CONFLICT


class HandOverNotReady(ZaitakuError):
    """Something was asked for that has to wait until both sides have compared the numbers."""

    code = "handover-not-ready"
    status = HTTPStatus.CONFLICT


class Side(StrEnum):
    """The two screens of a hand-over; the value is the field that keeps its agreement."""

    PHONE = "phone"
    """The browser in which the journey was begun, whatever it runs on."""
    COMPUTER = "computer"
    """The browser beside the card reader."""


class Ending(StrEnum):
    """What ended a hand-over; of the two exactly one happens."""

    ANSWERED = "answered"
    """The card has answered: from here on nobody can cancel."""
    CANCELLED = "cancelled"


class Stage(StrEnum):
    """How far a hand-over is."""

    SHOWN = "shown"
    """The phone shows the code; no computer has come."""
    PAIRING = "pairing"
    """One computer has come; not both sides have said yet that the numbers are the same."""
    READING = "reading"
    """Both have: the computer may carry the card request to the bridge."""
    LATE = "late"
    """No card is read any more, but one that was read in time may still come back."""
    FINISHING = "finishing"
    """The card has signed and was found good; the record is being written."""
    REGISTERED = "registered"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    """Not both have agreed in time: no card was to be asked."""

    @property
    def is_over(self) -> bool:
        """Whether nothing more can come of it."""
        return self in _OVER


_OVER: Final = frozenset({Stage.REGISTERED, Stage.REFUSED, Stage.CANCELLED, Stage.EXPIRED})


@dataclass(frozen=True)
class HandOver:
    """One attempt to have the card of a journey read at a computer."""

    id: HandOverId
    journey: JourneyId
    version: UrlVersionId
    language: str
    owner: str
    """Digest of the phone's session."""
    number: str
    """Nine digits that lead here as well, for a computer without a camera."""
    expires_at: datetime
    """Until then both sides must have agreed."""
    computer: str = ""
    """Digest of the computer's session; empty before it came."""
    pairing_code: str = ""
    """Four digits that both screens show, drawn when the computer came."""
    agreed: frozenset[Side] = frozenset()
    token: str = ""
    """The signed card request, once the phone has agreed."""
    token_expires: datetime | None = None
    challenge: ChallengeId | None = None
    """What that request asks the card to sign."""
    ending: Ending | None = None
    outcome: str = ""
    """The one-time code of what the card answered."""
    is_registered: bool = False
    failure: str = ""
    """The public code of what kept the answer from being registered."""
    certificate_expires: str = ""
    """ISO 8601, once registered; the phone's last page tells when it is near."""

    @property
    def deadline(self) -> datetime:
        """When it expires as it stands."""
        if self.is_agreed and self.token_expires:
            return self.token_expires
        return self.expires_at

    @property
    def is_agreed(self) -> bool:
        """Whether both sides have said that the numbers are the same."""
        return self.agreed == frozenset(Side)

    def stage(self, now: datetime) -> Stage:
        """Return how far it is at ``now``."""
        if self.ending:
            return self._stage_after(self.ending)
        if now >= self.deadline:
            return Stage.LATE if self.is_agreed else Stage.EXPIRED
        if self.is_agreed:
            return Stage.READING
        return Stage.PAIRING if self.computer else Stage.SHOWN

    def _stage_after(self, ending: Ending) -> Stage:
        if ending is Ending.CANCELLED:
            return Stage.CANCELLED
        if self.is_registered:
            return Stage.REGISTERED
        return Stage.REFUSED if self.failure else Stage.FINISHING

    @classmethod
    def from_fields(cls, fields: Mapping[str, str]) -> Self:
        """Read an entry of the short-lived store."""
        given = fields.get
        ending, token_expires = given("ending"), given("token_expires")
        challenge = given("challenge")
        return cls(
            id=HandOverId(fields["id"]),
            journey=JourneyId(fields["journey"]),
            version=UrlVersionId(UUID(fields["version"])),
            language=fields["language"],
            owner=fields["owner"],
            number=fields["number"],
            expires_at=datetime.fromisoformat(fields["expires_at"]),
            computer=given("computer", ""),
            pairing_code=given("pairing_code", ""),
            agreed=frozenset(side for side in Side if given(f"agreed.{side}") == "yes"),
            token=given("token", ""),
            token_expires=datetime.fromisoformat(token_expires) if token_expires else None,
            challenge=ChallengeId(challenge) if challenge else None,
            ending=Ending(ending) if ending else None,
            outcome=given("outcome", ""),
            is_registered=given("registered") == "yes",
            failure=given("failure", ""),
            certificate_expires=given("certificate_expires", ""),
        )
