"""What can go wrong, as types.

Each cause has one exception. It carries a public ``code`` (stable; the edge chooses the words that
people read by it, in their language), the HTTP ``status`` that fits, and ``detail`` for the log.
``detail`` and evidence never hold personal data, a PIN, a token or a certificate.
"""

from http import HTTPStatus
from typing import ClassVar


class ZaitakuError(Exception):
    """The root of all failures that the product foresees."""

    code: ClassVar[str] = "unexpected"
    status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail or self.code)
        self.detail = detail


class SettingsError(ZaitakuError):
    """The deployment's settings are missing, weak or contradict each other: it must not start."""

    code = "settings"


class StoreUnavailable(ZaitakuError):
    """A store is away, locked or full: nothing was written, trying again is right."""

    code = "store-unavailable"
    status = HTTPStatus.SERVICE_UNAVAILABLE


class OutcomeUnknown(StoreUnavailable):
    """What was to be written may stand, and may still be lost: who tries again must look first."""


class EphemeralStoreUnavailable(StoreUnavailable):
    """It is the short-lived store: nobody knows what of it will still be there."""


class TooManyAttempts(ZaitakuError):
    """A limit on attempts is reached; ``retry_after`` says in how many seconds to come back."""

    code = "too-many-attempts"
    status = HTTPStatus.TOO_MANY_REQUESTS

    def __init__(self, detail: str = "", *, retry_after: int) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class TooManyBeginnings(TooManyAttempts):
    """So many journeys began at one URL, or from one address, that they cannot all be patients."""

    code = "too-many-beginnings"


class TooManyReadings(TooManyAttempts):
    """One card, or one journey, was read or asked for more often than any patient does."""

    code = "too-many-readings"


class InvalidField(ZaitakuError):
    """A value that somebody entered breaks its rule; ``field`` and ``rule`` name both."""

    code = "invalid-field"
    status = HTTPStatus.UNPROCESSABLE_ENTITY

    def __init__(self, field: str, rule: str) -> None:
        super().__init__(f"{field}: {rule}")
        self.field = field
        self.rule = rule


class NotFound(ZaitakuError):
    """The named thing does not exist, or not for whoever asks."""

    code = "not-found"
    status = HTTPStatus.NOT_FOUND


class Conflict(ZaitakuError):
    """The thing changed since it was shown, so the act was not done."""

    code = "conflict"
    status = HTTPStatus.CONFLICT
