"""What can go wrong with activation codes and devices."""

from http import HTTPStatus

from zaitaku.core.errors import Conflict, ZaitakuError


class HomeVisitOff(ZaitakuError):
    """訪問診療等機能 is set to 利用しない: there are no devices at the bedside (domain.md §7)."""

    code = "home-visit-off"
    status = HTTPStatus.CONFLICT


class CodeInvalidated(Conflict):
    """The activation code was invalidated, which is final."""

    code = "activation-code-invalidated"


class CodeUnknown(ZaitakuError):
    """The facility has no such activation code; another facility's is answered the same."""

    code = "activation-code-unknown"
    status = HTTPStatus.FORBIDDEN


class CodeTooYoung(ZaitakuError):
    """The code was issued less than ten minutes ago; ``retry_after`` is in seconds."""

    code = "activation-code-not-yet"
    status = HTTPStatus.FORBIDDEN

    def __init__(self, *, retry_after: int) -> None:
        super().__init__()
        self.retry_after = retry_after


class CodeUsed(Conflict):
    """The code has registered another device: one code, one device."""

    code = "activation-code-used"


class KeyUsed(Conflict):
    """The device's key registered a device before: each registration needs a key of its own."""

    code = "device-key-used"


class AccountUnfit(ZaitakuError):
    """The account may not register a device: not a person's, or it never logged in (§5)."""

    code = "account-unfit-for-devices"
    status = HTTPStatus.FORBIDDEN


class DeviceRefused(ZaitakuError):
    """The device's key is unknown, or its code was invalidated: it must be set up anew."""

    code = "device-refused"
    status = HTTPStatus.UNAUTHORIZED
