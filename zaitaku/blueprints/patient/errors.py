"""What can go wrong on the patient's way."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from zaitaku.core.errors import StoreUnavailable, ZaitakuError
from zaitaku.identity.errors import ChallengeUnknown


class JourneyGone(ZaitakuError):
    """No journey lives under this name in this session: too old, or begun in another browser."""

    code = "journey-gone"
    status = HTTPStatus.NOT_FOUND


class JourneyFinished(ZaitakuError):
    """The journey's consent is registered: it cannot be answered again."""

    code = "journey-finished"
    status = HTTPStatus.CONFLICT


class RegistrationUnknown(ZaitakuError):
    """A store went away while a consent was registered or its record read.

    It may or may not stand in the records; opening the same address again tells.
    """

    code = "registration-unknown"
    status = HTTPStatus.SERVICE_UNAVAILABLE


class CardCancelled(ZaitakuError):
    """The patient stopped the reading in the bridge; nothing was registered."""

    code = "card-cancelled"
    status = HTTPStatus.OK


class CardTooLate(CardCancelled):
    """The bridge came back with nothing once the request's time was over: nobody stopped it."""

    code = ChallengeUnknown.code
    status = ChallengeUnknown.status


@contextmanager
def recorded_or_unknown() -> Iterator[None]:
    """Where a record may stand already, a store that is away leaves it open whether it does.

    Raises:
        RegistrationUnknown: in place of ``StoreUnavailable``.
    """
    try:
        yield
    except StoreUnavailable as error:
        raise RegistrationUnknown(error.detail) from error
