"""What can go wrong on the patient's way."""

from http import HTTPStatus

from zaitaku.core.errors import ZaitakuError


class JourneyGone(ZaitakuError):
    """No journey lives under this name in this session: too old, or begun in another browser."""

    code = "journey-gone"
    status = HTTPStatus.NOT_FOUND


class JourneyFinished(ZaitakuError):
    """The journey's consent is registered: it cannot be answered again."""

    code = "journey-finished"
    status = HTTPStatus.CONFLICT


class CardCancelled(ZaitakuError):
    """The patient stopped the reading in the bridge; nothing was registered."""

    code = "card-cancelled"
    status = HTTPStatus.OK
