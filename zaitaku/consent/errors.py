"""What can go wrong with a consent."""

from http import HTTPStatus

from zaitaku.core.errors import NotFound, StoreUnavailable, ZaitakuError


class ConsentError(ZaitakuError):
    """The root of this room's failures."""

    code = "consent"
    status = HTTPStatus.CONFLICT


class NotConfirmed(StoreUnavailable):
    """A record is there, but whether it stands wherever it has to could not be made sure."""


class MalformedDocument(ConsentError):
    """A consent document breaks its form, or says what was not asked; ``part`` names where."""

    code = "malformed-document"
    status = HTTPStatus.BAD_REQUEST

    def __init__(self, part: str) -> None:
        super().__init__(part)
        self.part = part


class ForeignDocument(ConsentError):
    """The proof or the URL belongs to another journey, facility or channel than the document."""

    code = "foreign-document"


class VisitDateOver(ConsentError):
    """The online consent would be over before it is recorded: its 受診日 lies too far back."""

    code = "visit-date-over"


class ChallengeReused(ConsentError):
    """The card's answer already stands in the record of another journey."""

    code = "challenge-reused"


class JourneyRegistered(ConsentError):
    """Another statement of this journey stands in the records; what was signed now does not.

    ``reference`` is the number of the one that stands, for the patient's own page alone.
    """

    code = "journey-registered"

    def __init__(self, reference: str) -> None:
        super().__init__()
        self.reference = reference


class EvidenceBroken(ConsentError):
    """A record no longer proves what it says; ``part`` names what does not fit."""

    code = "evidence-broken"

    def __init__(self, part: str) -> None:
        super().__init__(part)
        self.part = part


class NothingToWithdraw(ConsentError):
    """Nothing of what is to be withdrawn stands any more."""

    code = "nothing-to-withdraw"


class UnknownWording(NotFound):
    """No text was ever published under this name, version and language."""

    code = "unknown-wording"
