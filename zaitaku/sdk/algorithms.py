"""The algorithms of the cards: the certificate's key decides, never the message."""

from typing import ClassVar, Final, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP384R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256, SHA384

RSA_BITS: Final = 2048


class Algorithm(Protocol):
    """One algorithm with its parameters."""

    name: ClassVar[str]

    def accepts(self, key: CertificatePublicKeyTypes) -> bool:
        """Tell whether ``key`` is of this algorithm's kind and size."""
        ...

    def is_valid(self, key: CertificatePublicKeyTypes, signature: bytes, message: bytes) -> bool:
        """Tell whether ``signature`` over ``message`` was made with ``key``'s private half."""
        ...


class Rsa2048Sha256:
    """RSASSA-PKCS1-v1_5 with SHA-256 and a 2048-bit key (RFC 8017 §8.2): the card of today."""

    name: ClassVar[str] = "rsa-2048-pkcs1-sha256"

    def accepts(self, key: CertificatePublicKeyTypes) -> bool:
        """Tell whether ``key`` is an RSA key of 2048 bits."""
        return isinstance(key, RSAPublicKey) and key.key_size == RSA_BITS

    def is_valid(self, key: CertificatePublicKeyTypes, signature: bytes, message: bytes) -> bool:
        """Tell whether ``signature`` over ``message`` was made with ``key``'s private half."""
        if not isinstance(key, RSAPublicKey):
            return False
        try:
            key.verify(signature, message, PKCS1v15(), SHA256())
        except InvalidSignature:
            return False
        return True


class EcdsaP384Sha384:
    """ECDSA on P-384 with SHA-384 (FIPS 186-5 §6.4.2), DER signature: the card to come."""

    name: ClassVar[str] = "ecdsa-p384-sha384"

    def accepts(self, key: CertificatePublicKeyTypes) -> bool:
        """Tell whether ``key`` lies on P-384."""
        return isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP384R1)

    def is_valid(self, key: CertificatePublicKeyTypes, signature: bytes, message: bytes) -> bool:
        """Tell whether ``signature`` over ``message`` was made with ``key``'s private half."""
        if not isinstance(key, EllipticCurvePublicKey):
            return False
        try:
            key.verify(signature, message, ECDSA(SHA384()))
        except InvalidSignature:
            return False
        return True


ALGORITHMS: Final[tuple[Algorithm, ...]] = (Rsa2048Sha256(), EcdsaP384Sha384())


def algorithm_for(key: CertificatePublicKeyTypes) -> Algorithm | None:
    """Return the algorithm that takes ``key``, or ``None``."""
    return next((one for one in ALGORITHMS if one.accepts(key)), None)
