"""What can go wrong with an account."""

from enum import StrEnum
from http import HTTPStatus

from zaitaku.accounts.model import Account
from zaitaku.core.errors import Conflict, InvalidField, NotFound, ZaitakuError


class LoginRefused(ZaitakuError):
    """Facility, user ID or password is wrong, or the account is locked: never told which."""

    code = "login-refused"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class AccountNotUsable(ZaitakuError):
    """The password is right, but the account is outside its period, off or not for people."""

    code = "account-not-usable"
    status = HTTPStatus.FORBIDDEN


class InitialPasswordOver(ZaitakuError):
    """The initial password is right but older than 30 days: it must be reset again."""

    code = "initial-password-over"
    status = HTTPStatus.FORBIDDEN


class WrongPassword(ZaitakuError):
    """The present password, asked for once more, is not right; the try was counted.

    ``is_locked`` tells whether it was one too many.
    """

    code = "wrong-password"
    status = HTTPStatus.UNPROCESSABLE_ENTITY

    def __init__(self, *, is_locked: bool) -> None:
        super().__init__()
        self.is_locked = is_locked


class AccountExists(Conflict):
    """The facility has, or once had, an account with this user ID."""

    code = "account-exists"


class AccountChanged(Conflict):
    """Somebody else managed the account since it was shown; ``account`` is what it is now."""

    code = "account-changed"

    def __init__(self, account: Account) -> None:
        super().__init__()
        self.account = account


class LastAdministrator(Conflict):
    """Without this 管理 account nobody could manage the facility: it stays as it is."""

    code = "last-administrator"


class InvalidEntry(ZaitakuError):
    """Values break their rules; ``mistakes`` holds every one of them."""

    code = "invalid-entry"
    status = HTTPStatus.UNPROCESSABLE_ENTITY

    def __init__(self, mistakes: tuple[InvalidField, ...]) -> None:
        super().__init__(", ".join(mistake.detail for mistake in mistakes))
        self.mistakes = mistakes


class PasswordsLost(ZaitakuError):
    """Initial passwords were sealed under a key that the deployment has no more."""

    code = "passwords-lost"
    status = HTTPStatus.GONE


class PasswordsNotTold(Conflict):
    """Initial passwords that nobody has fetched yet are not thrown away."""

    code = "passwords-not-told"


class SubmitterGone(ZaitakuError):
    """Whoever handed work in may not do it any more; nothing was done."""

    code = "submitter-gone"
    status = HTTPStatus.FORBIDDEN


class AccountUnknown(NotFound):
    """The facility has no living account with this user ID."""

    code = "account-unknown"


class SessionEnd(StrEnum):
    """Why a console session is over."""

    NONE = "none"
    """There was none."""
    IDLE = "idle"
    """Nobody did anything for 30 minutes, or the session was logged out elsewhere."""
    TOO_LONG = "too-long"
    """It is 12 hours old."""
    CHANGED = "changed"
    """Settings of the facility, the password or the account changed."""
    LOCKED = "locked"
    """The present password, or the second step of a login, was wrong too often."""
    UNFINISHED = "unfinished"
    """The second step of a login did not follow within ten minutes."""


class SessionEnded(ZaitakuError):
    """The console session does not live (any more); ``reason`` says why."""

    code = "session-ended"
    status = HTTPStatus.UNAUTHORIZED

    def __init__(self, reason: SessionEnd) -> None:
        super().__init__(reason)
        self.reason = reason


class NotPermitted(ZaitakuError):
    """The account's role does not allow what was asked for."""

    code = "not-permitted"
    status = HTTPStatus.FORBIDDEN
