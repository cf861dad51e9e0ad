"""What can go wrong with the patient's app: one exception per cause, each with a public code.

Those under ``VerificationFailed`` are outcomes: they are kept under the one-time code, and the
journey meets them where it asks what came of its reading.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from zaitaku.identity.errors import IdentityError, VerificationFailed


class AppReturnUnknown(IdentityError):
    """Nobody waits for this return: its ``state`` was never given out, or has expired."""

    code = "app-return-unknown"
    status = HTTPStatus.GONE


class AppReturnUsed(IdentityError):
    """This ``state`` has come back before: with another answer, or to another browser."""

    code = "app-return-used"
    status = HTTPStatus.CONFLICT


class AppInProgress(IdentityError):
    """The same return is being dealt with at this moment; asking again is right."""

    code = "app-in-progress"
    status = HTTPStatus.CONFLICT


class AppRefused(VerificationFailed):
    """The provider gave no ID token, or one that is not taken; each subclass is one cause."""

    code = "app-refused"


class AppCancelled(AppRefused):
    """The patient stopped in the app (``access_denied``)."""

    code = "app-cancelled"
    status = HTTPStatus.OK


class AppNotFinished(AppRefused):
    """The app was not opened or its reading not finished in time (``login_required`` …)."""

    code = "app-not-finished"
    status = HTTPStatus.OK


class AppBusy(AppRefused):
    """The provider has too much to do, or rests (``temporarily_unavailable``)."""

    code = "app-busy"
    status = HTTPStatus.SERVICE_UNAVAILABLE


class AppServerError(AppRefused):
    """The provider met a failure of its own (``server_error``)."""

    code = "app-server-error"
    status = HTTPStatus.BAD_GATEWAY


class AppUnmetRequirements(AppRefused):
    """The reading cannot be as strong as is asked (``unmet_authentication_requirements``)."""

    code = "app-unmet-requirements"


class AppRequestRefused(AppRefused):
    """The provider does not take this deployment's request: its registration must be mended."""

    code = "app-request-refused"
    status = HTTPStatus.BAD_GATEWAY


class AppAnswerUnknown(AppRefused):
    """The provider's answer has an error that nobody here knows, or neither code nor error."""

    code = "app-answer-unknown"
    status = HTTPStatus.BAD_GATEWAY


class AppForeignIssuer(AppRefused):
    """The return names another provider than the one that was asked (RFC 9207 §2.4)."""

    code = "app-foreign-issuer"


class AppCodeRefused(AppRefused):
    """The provider no longer takes its own code: it is too old, or was used (``invalid_grant``)."""

    code = "app-code-refused"
    status = HTTPStatus.GONE


class AppClientRefused(AppRefused):
    """The provider does not know this deployment's key or name (``invalid_client`` …)."""

    code = "app-client-refused"
    status = HTTPStatus.BAD_GATEWAY


class AppAway(AppRefused):
    """The provider did not answer in time, or not in the way of OpenID Connect."""

    code = "app-away"
    status = HTTPStatus.SERVICE_UNAVAILABLE


class AppKeyUnknown(AppRefused):
    """The provider's published keys have none that this ID token names."""

    code = "app-key-unknown"
    status = HTTPStatus.BAD_GATEWAY


class AppTokenRefused(AppRefused):
    """The ID token is malformed, not signed by that key, or made by or for somebody else."""

    code = "app-token-refused"


class AppClock(AppRefused):
    """The ID token's times do not fit the clock here."""

    code = "app-clock"


class AppNonceMismatch(AppRefused):
    """The ID token was made for another consent document than this journey's."""

    code = "app-nonce-mismatch"


class AppTooWeak(AppRefused):
    """The ID token tells of another way of authentication than those that are asked for."""

    code = "app-too-weak"


class AppRejected(AppRefused):
    """In the browser to which the app returned, somebody said that the numbers differ."""

    code = "app-rejected"


class AppNotFresh(AppRefused):
    """The provider vouches for a reading that is older than the attempt, or tells no time."""

    code = "app-not-fresh"


class AppAnswersChanged(AppRefused):
    """The app read the card for answers that the patient has changed since then."""

    code = "app-answers-changed"
    status = HTTPStatus.CONFLICT


APP_FAILURES: Final[tuple[type[AppRefused], ...]] = (
    AppCancelled,
    AppNotFinished,
    AppBusy,
    AppServerError,
    AppUnmetRequirements,
    AppRequestRefused,
    AppAnswerUnknown,
    AppForeignIssuer,
    AppCodeRefused,
    AppClientRefused,
    AppAway,
    AppKeyUnknown,
    AppTokenRefused,
    AppClock,
    AppNonceMismatch,
    AppTooWeak,
    AppNotFresh,
    AppRejected,
    AppAnswersChanged,
)
"""Every outcome of the app that is no consent."""

AUTHORIZATION_ERRORS: Final[Mapping[str, type[AppRefused]]] = {
    "access_denied": AppCancelled,
    "login_required": AppNotFinished,
    "interaction_required": AppNotFinished,
    "account_selection_required": AppNotFinished,
    "consent_required": AppNotFinished,
    "temporarily_unavailable": AppBusy,
    "server_error": AppServerError,
    "unmet_authentication_requirements": AppUnmetRequirements,
    "invalid_request": AppRequestRefused,
    "unauthorized_client": AppRequestRefused,
    "unsupported_response_type": AppRequestRefused,
    "invalid_scope": AppRequestRefused,
    "invalid_request_uri": AppRequestRefused,
    "invalid_request_object": AppRequestRefused,
    "request_not_supported": AppRequestRefused,
    "request_uri_not_supported": AppRequestRefused,
    "registration_not_supported": AppRequestRefused,
}
"""RFC 6749 §4.1.2.1, OpenID Connect Core 1.0 §3.1.2.6, OpenID Connect Core Unmet Authentication
Requirements 1.0."""

TOKEN_ERRORS: Final[Mapping[str, type[AppRefused]]] = {
    "invalid_grant": AppCodeRefused,
    "invalid_client": AppClientRefused,
    "unauthorized_client": AppClientRefused,
    "invalid_request": AppRequestRefused,
    "unsupported_grant_type": AppRequestRefused,
    "invalid_scope": AppRequestRefused,
    "temporarily_unavailable": AppBusy,
    "server_error": AppServerError,
}
"""RFC 6749 §5.2; the last two are no errors of that section, but providers send them."""


def refusal_of(error: str, known: Mapping[str, type[AppRefused]]) -> AppRefused:
    """Return the failure that a provider's error word means; only known words reach the log."""
    failure = known.get(error)
    return failure(error) if failure else AppAnswerUnknown("error word")
