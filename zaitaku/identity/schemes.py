"""Signature algorithms that a card may use: each behind one type, so that a new card adds one.

The next generation of the card is planned with ECDSA P-384: it becomes a second class here and a
second entry in ``SCHEMES``; nothing else changes.
"""

from typing import ClassVar, Final, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import ObjectIdentifier
from cryptography.x509.oid import SignatureAlgorithmOID


class SignatureScheme(Protocol):
    """One algorithm with its parameters: which keys it takes and how it verifies."""

    name: ClassVar[str]
    """Kept as evidence beside the signature, so that it can be checked years later."""
    certificate_algorithm: ClassVar[ObjectIdentifier]
    """With which algorithm the authority signs certificates of such keys."""

    def accepts(self, key: CertificatePublicKeyTypes) -> bool:
        """Tell whether ``key`` is of this scheme's kind and size."""
        ...

    def is_valid(self, *, key: CertificatePublicKeyTypes, signature: bytes, message: bytes) -> bool:
        """Tell whether ``signature`` over ``message`` was made with ``key``'s private half."""
        ...


class Rsa2048Sha256:
    """RSASSA-PKCS1-v1_5 with SHA-256 and a 2048-bit key (RFC 8017 §8.2): the card of today."""

    name: ClassVar[str] = "rsa-2048-pkcs1-sha256"
    certificate_algorithm: ClassVar[ObjectIdentifier] = SignatureAlgorithmOID.RSA_WITH_SHA256
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


SCHEMES: Final[tuple[SignatureScheme, ...]] = (Rsa2048Sha256(),)


def scheme_for(key: CertificatePublicKeyTypes) -> SignatureScheme | None:
    """Return the scheme that takes ``key``, or ``None``."""
    return next((scheme for scheme in SCHEMES if scheme.accepts(key)), None)
