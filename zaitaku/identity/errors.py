"""What can go wrong with a card's proof: one exception per cause, each with a public code."""

from http import HTTPStatus

from zaitaku.core.errors import ZaitakuError


class IdentityError(ZaitakuError):
    """The root of all failures about who a patient is."""

    code = "identity"
    status = HTTPStatus.BAD_REQUEST


class ChallengeUnknown(IdentityError):
    """No such challenge lives: never made, expired, withdrawn, or answered with another proof."""

    code = "challenge-unknown"
    status = HTTPStatus.GONE


class OutcomeUnknown(IdentityError):
    """No outcome is kept under this one-time code: a wrong code, or one that has expired."""

    code = "outcome-unknown"
    status = HTTPStatus.GONE


class OutcomeForeign(IdentityError):
    """The outcome belongs to another journey than the one that asks, or to a hand-over of it."""

    code = "outcome-foreign"
    status = HTTPStatus.FORBIDDEN


class VerificationFailed(IdentityError):
    """The proof was read and refused; each subclass is one cause."""

    code = "verification-failed"
    status = HTTPStatus.FORBIDDEN


class WrongCertificate(VerificationFailed):
    """Not an authentication certificate that this product takes.

    Unreadable, too long, of another policy, usage, algorithm or key size, an authority's own, or
    with a critical extension that nobody here understands.
    """

    code = "wrong-certificate"


class UnknownAuthority(VerificationFailed):
    """No pinned root signed the certificate, whatever its issuer's name says."""

    code = "unknown-authority"


class CertificateNotYetValid(VerificationFailed):
    """The certificate's (or its root's) period has not begun; or the clock is behind."""

    code = "certificate-not-yet-valid"


class CertificateExpired(VerificationFailed):
    """The certificate's (or its root's) period is over."""

    code = "certificate-expired"


class SignatureMismatch(VerificationFailed):
    """The card's signature does not cover this origin, nonce and document under this key."""

    code = "signature-mismatch"


class CertificateRevoked(VerificationFailed):
    """The authority has revoked the certificate."""

    code = "certificate-revoked"


class RevocationUnknown(VerificationFailed):
    """No revocation source could say whether the certificate is revoked: refused for now."""

    code = "revocation-unknown"
    status = HTTPStatus.SERVICE_UNAVAILABLE


FAILURES: tuple[type[VerificationFailed], ...] = (
    WrongCertificate,
    UnknownAuthority,
    CertificateNotYetValid,
    CertificateExpired,
    SignatureMismatch,
    CertificateRevoked,
    RevocationUnknown,
)
"""Every way in which ``verify_card_proof`` refuses, in the order of its checks."""
