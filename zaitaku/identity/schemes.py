"""Signature algorithms that a card may use: each behind one type, so that a new card adds one.

The key in the certificate decides which one it is: a proof does not say, and could not choose.
"""

from typing import ClassVar, Final, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP384R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.x509.oid import SignatureAlgorithmOID


class SignatureScheme(Protocol):
    """One algorithm with its parameters: which keys it takes and how it verifies."""

    name: ClassVar[str]
    """Kept as evidence beside the signature, so that it can be checked years later."""

    def accepts(self, key: CertificatePublicKeyTypes) -> bool:
        """Tell whether ``key`` is of this scheme's kind and size."""
        ...

    def is_valid(self, *, key: CertificatePublicKeyTypes, signature: bytes, message: bytes) -> bool:
        """Tell whether ``signature`` over ``message`` was made with ``key``'s private half."""
        ...


class Rsa2048Sha256:
    """RSASSA-PKCS1-v1_5 with SHA-256 and a 2048-bit key (RFC 8017 §8.2): the card of today."""

    name: ClassVar[str] = "rsa-2048-pkcs1-sha256"
    key_bits: ClassVar[int] = 2048

    def accepts(self, key: CertificatePublicKeyTypes) -> bool:
        """Tell whether ``key`` is an RSA key of 2048 bits."""
        return isinstance(key, RSAPublicKey) and key.key_size == self.key_bits

    def is_valid(self, *, key: CertificatePublicKeyTypes, signature: bytes, message: bytes) -> bool:
        """Tell whether ``signature`` over ``message`` was made with ``key``'s private half."""
        if not isinstance(key, RSAPublicKey):
            return False
        try:
            key.verify(signature, message, PKCS1v15(), SHA256())
        except InvalidSignature:
            return False
        return True


class EcdsaP384Sha384:
    """ECDSA over P-384 with SHA-384 (FIPS 186-5 §6): the card that is planned for 2028.

    The signature is DER (RFC 3279 §2.2.3), in its one encoding. Of a right signature ``(r, s)``,
    ``(r, n - s)`` is one too; both are taken, because cards answer either and nothing here rests on
    there being only one: a challenge takes one proof, whatever it looks like.
    """

    name: ClassVar[str] = "ecdsa-p384-sha384"

    def accepts(self, key: CertificatePublicKeyTypes) -> bool:
        """Tell whether ``key`` lies on P-384."""
        return isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP384R1)

    def is_valid(self, *, key: CertificatePublicKeyTypes, signature: bytes, message: bytes) -> bool:
        """Tell whether ``signature`` over ``message`` was made with ``key``'s private half."""
        if not isinstance(key, EllipticCurvePublicKey):
            return False
        try:
            key.verify(signature, message, ECDSA(SHA384()))
        except InvalidSignature:
            return False
        return True


SCHEMES: Final[tuple[SignatureScheme, ...]] = (Rsa2048Sha256(), EcdsaP384Sha384())

AUTHORITY_ALGORITHMS: Final = frozenset(
    {SignatureAlgorithmOID.RSA_WITH_SHA256, SignatureAlgorithmOID.ECDSA_WITH_SHA384}
)
"""What the authority signs certificates with: that is its root's matter, not the card's, so either
kind of card may come from either kind of root."""


def scheme_for(key: CertificatePublicKeyTypes) -> SignatureScheme | None:
    """Return the scheme that takes ``key``, or ``None``."""
    return next((scheme for scheme in SCHEMES if scheme.accepts(key)), None)
