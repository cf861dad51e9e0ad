"""What can go wrong when a facility looks at what patients agreed to."""

from enum import StrEnum
from http import HTTPStatus

from zaitaku.core.errors import ZaitakuError


class Refusal(StrEnum):
    """Why medical information is not shown."""

    NOT_GRANTED = "not-granted"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    NOT_OBTAINED = "not-obtained"
    """The eligibility check has not told yet who the patient is."""


class ViewRefused(ZaitakuError):
    """No consent to this stands at this moment; nothing was asked for and nothing recorded."""

    code = "view-refused"
    status = HTTPStatus.FORBIDDEN

    def __init__(self, reason: Refusal) -> None:
        super().__init__(reason)
        self.reason = reason


class TooManyRows(ZaitakuError):
    """A file would have more than the 25,000 rows that it may have (domain.md §6)."""

    code = "too-many-rows"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class RequeryOver(ZaitakuError):
    """A patient is asked about without the card only while a consent holds (domain.md §12).

    At home: while something is granted. Online: until the consent's time is over.
    """

    code = "requery-over"
    status = HTTPStatus.FORBIDDEN
