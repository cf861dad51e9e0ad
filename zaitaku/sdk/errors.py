"""What can go wrong for a site that asks for a card; each failure has a stable public code.

The codes of refused proofs are those of zaitaku's own site, so that one set of words serves both.
"""

from typing import ClassVar


class SdkError(Exception):
    """The root of everything that this package raises; ``str()`` is for the log, not for people."""

    code: ClassVar[str] = "card"


class KeysUnusable(SdkError):
    """The file of request keys cannot be read or written, or holds something else than them."""

    code = "keys-unusable"


class RootsUnusable(SdkError):
    """A file of root certificates cannot be read, or holds one that must not be trusted."""

    code = "roots-unusable"


class StoreFull(SdkError):
    """The store holds as much as it may; somebody asks for far more cards than there are people."""

    code = "store-full"


class ChallengeUnknown(SdkError):
    """No such challenge lives: it was never made, has expired, or has another proof."""

    code = "challenge-unknown"


class OutcomeUnknown(SdkError):
    """Nothing is kept under this one-time code: a wrong code, a used one, or one that expired."""

    code = "outcome-unknown"


class OutcomeForeign(SdkError):
    """The outcome belongs to another visitor than the one who brings the code; it stays."""

    code = "outcome-foreign"


class ProofRefused(SdkError):
    """The proof was read and refused; each subclass is one cause."""

    code = "verification-failed"


class WrongCertificate(ProofRefused):
    """Not an authentication certificate: unreadable, or of another policy, usage or algorithm."""

    code = "wrong-certificate"


class UnknownAuthority(ProofRefused):
    """None of the given roots signed the certificate, whatever its issuer's name says."""

    code = "unknown-authority"


class CertificateNotYetValid(ProofRefused):
    """The certificate's (or its root's) period has not begun; or the clock is behind."""

    code = "certificate-not-yet-valid"


class CertificateExpired(ProofRefused):
    """The certificate's (or its root's) period is over."""

    code = "certificate-expired"


class SignatureMismatch(ProofRefused):
    """The signature does not cover this origin, nonce and document under this key."""

    code = "signature-mismatch"


class CertificateRevoked(ProofRefused):
    """The authority has revoked the certificate."""

    code = "certificate-revoked"


class RevocationUnknown(ProofRefused):
    """Nobody could say whether the certificate is revoked: refused for now."""

    code = "revocation-unknown"


REFUSALS: tuple[type[ProofRefused], ...] = (
    WrongCertificate,
    UnknownAuthority,
    CertificateNotYetValid,
    CertificateExpired,
    SignatureMismatch,
    CertificateRevoked,
    RevocationUnknown,
)
"""Every way in which ``verify_proof`` refuses, in the order of its checks."""


def refusal_of(code: str) -> ProofRefused:
    """Return the refusal that has this public ``code``; an unknown one is the general refusal."""
    return next((kind() for kind in REFUSALS if kind.code == code), ProofRefused(code))
