"""What can go wrong with reception URLs."""

from http import HTTPStatus

from zaitaku.core.errors import Conflict, ZaitakuError
from zaitaku.reception.model import ReceptionContext


class UnknownUrl(ZaitakuError):
    """The token or number was never issued here, or is damaged."""

    code = "unknown-url"
    status = HTTPStatus.NOT_FOUND


class _Closed(ZaitakuError):
    def __init__(self, context: ReceptionContext) -> None:
        super().__init__()
        self.context = context


class UrlRetired(_Closed):
    """The URL was replaced by another; ``context`` still tells whose it was."""

    code = "url-retired"
    status = HTTPStatus.GONE


class ChannelOff(_Closed):
    """The facility has not set the channel's function to 利用する."""

    code = "channel-off"
    status = HTTPStatus.NOT_FOUND


class ReceptionNotBegun(_Closed):
    """The facility's 利用開始日 has not come (domain.md §2); ``context`` tells it."""

    code = "reception-not-begun"
    status = HTTPStatus.NOT_FOUND


class UrlChanged(Conflict):
    """The URL was changed while its files were made, so they must not be handed out."""

    code = "url-changed"


class CannotRevert(Conflict):
    """The first version is current: there is nothing before it."""

    code = "cannot-revert"


class CannotReset(Conflict):
    """The first version is already current."""

    code = "cannot-reset"
