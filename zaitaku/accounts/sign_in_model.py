"""Ways to sign in beside the password: passkeys, recovery codes, the facility's own rule."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, auto
from http import HTTPStatus
from types import MappingProxyType
from typing import Final, NewType
from uuid import UUID

from zaitaku.core.errors import Conflict, InvalidField, NotFound, ZaitakuError
from zaitaku.core.ids import AccountId
from zaitaku.core.texts import has_control_characters

PasskeyId = NewType("PasskeyId", UUID)
SessionId = NewType("SessionId", UUID)
"""What a session is called in lists. Its name, which opens it, is known to its browser alone."""

MOST_PASSKEYS: Final = 10
PASSKEY_NAME_CHARACTERS: Final = 40
RECOVERY_CODES: Final = 10


class Stage(StrEnum):
    """How far a login has come."""

    FULL = "full"
    """Everything was shown: the session opens what the role may open."""
    SECOND_STEP = "second-step"
    """The password was right; one of the account's passkeys or recovery codes is still due."""
    FIRST_PASSKEY = "first-passkey"
    """The password was right; the facility asks for a passkey and the account has none yet."""


class Method(StrEnum):
    """What somebody logged in with."""

    PASSWORD = auto()
    PASSKEY = auto()
    PASSWORD_AND_PASSKEY = auto()
    PASSWORD_AND_CODE = auto()


METHOD_NAMES: Final = MappingProxyType(
    {
        Method.PASSWORD: "パスワード",
        Method.PASSKEY: "パスキー",
        Method.PASSWORD_AND_PASSKEY: "パスワードとパスキー",
        Method.PASSWORD_AND_CODE: "パスワードと回復コード",
    }
)


@dataclass(frozen=True)
class Passkey:
    """One passkey of an account (W3C Web Authentication Level 3 §4, "passkey")."""

    id: PasskeyId
    account_id: AccountId
    name: str
    """What its owner calls it."""
    credential_id: bytes
    public_key: bytes
    """COSE key (RFC 9052 §7)."""
    sign_count: int
    transports: tuple[str, ...]
    is_backed_up: bool
    """Whether the authenticator's maker keeps a copy for the owner's other devices."""
    created_at: datetime
    used_at: datetime | None
    suspended_at: datetime | None
    """When its counter went backwards, as a copy's would: it opens nothing since then."""

    @property
    def is_usable(self) -> bool:
        """Whether it still opens something."""
        return self.suspended_at is None


@dataclass(frozen=True)
class SignInPolicy:
    """Whether a facility asks all its people for a second factor."""

    revision: int
    """Counts from 1 with each change; 0: nobody has ever decided."""
    needs_second_factor: bool
    changed_by: str = ""
    changed_at: datetime | None = None


@dataclass(frozen=True)
class OwnSignIn:
    """How an account may sign in, as its owner sees it."""

    passkeys: tuple[Passkey, ...]
    codes_left: int
    policy: SignInPolicy

    @property
    def has_usable_passkey(self) -> bool:
        """Whether one of the passkeys still opens something."""
        return any(passkey.is_usable for passkey in self.passkeys)


def check_passkey_name(typed: str) -> str:
    """Return the name of a passkey without needless spaces, at most 40 characters.

    Raises:
        InvalidField: empty, too long, or with characters that no keyboard types.
    """
    if has_control_characters(typed):
        raise InvalidField("name", "characters")
    name = " ".join(typed.split())
    if not name:
        raise InvalidField("name", "missing")
    if len(name) > PASSKEY_NAME_CHARACTERS:
        raise InvalidField("name", "too-long")
    return name


class PasskeyRefused(ZaitakuError):
    """The browser's answer proves nothing; ``detail`` says what was wrong with it, for the log.

    Also when no account has the passkey, or its account is locked: never told which.
    """

    code = "passkey-refused"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class RecoveryCodeRefused(ZaitakuError):
    """No unused recovery code of the account is like this."""

    code = "recovery-code-refused"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class SecondStepLocked(ZaitakuError):
    """The second step failed once too often: the account is locked."""

    code = "second-step-locked"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class PasskeyUnknown(NotFound):
    """The account has no such passkey."""

    code = "passkey-unknown"


class PasskeyTaken(Conflict):
    """This passkey is registered already."""

    code = "passkey-taken"


class TooManyPasskeys(Conflict):
    """The account has as many passkeys as it may have."""

    code = "too-many-passkeys"


class ProofNeeded(ZaitakuError):
    """The session has not proved lately who sits before it: it must, before this is done."""

    code = "proof-needed"
    status = HTTPStatus.FORBIDDEN


class LastPasskey(Conflict):
    """The facility asks for a second factor, and this is the account's last one."""

    code = "last-passkey"


class NeedsOwnPasskey(Conflict):
    """Whoever asks others for a passkey must have one that works."""

    code = "needs-own-passkey"


class PolicyChanged(Conflict):
    """Somebody else decided meanwhile; ``present`` is what holds now."""

    code = "policy-changed"

    def __init__(self, present: SignInPolicy) -> None:
        super().__init__()
        self.present = present


@dataclass(frozen=True)
class VerifiedPasskey:
    """A new passkey that the browser has proved to hold."""

    credential_id: bytes
    public_key: bytes
    sign_count: int
    transports: tuple[str, ...]
    is_backed_up: bool


@dataclass(frozen=True)
class VerifiedUse:
    """A proof with a known passkey."""

    sign_count: int
    is_backed_up: bool


@dataclass(frozen=True)
class ShownPasskey:
    """What an answer says of itself; nothing of it is verified."""

    credential_id: bytes
    user_handle: bytes | None
