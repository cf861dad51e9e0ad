"""How a card signs: one class for each generation, chosen by the key in the card's certificate.

RSA is how the open readers do it (OpenSC ``card-jpki.c``). The cards that are planned for 2028 are
to sign by ECDSA over P-384; nothing is published yet on their commands, so that part is provisional
and follows what other cards do: the card is given the digest and answers both numbers.
"""

import hashlib
from typing import ClassVar, Final, Protocol

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP384R1,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.utils import CryptographyDeprecationWarning

_UNREADABLE: Final = (
    ValueError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    CryptographyDeprecationWarning,
)


class UnknownAlgorithm(Exception):
    """The certificate cannot be read, or its key is of no kind that is known here."""


class SignatureMalformed(Exception):
    """What the card answered is no signature of this kind; the text names the length, no data."""


class SignatureAlgorithm(Protocol):
    """What goes to the card to be signed, and what its answer means."""

    def suits(self, key: CertificatePublicKeyTypes) -> bool:
        """Tell whether cards with this public key sign this way."""
        ...

    def block(self, data: bytes) -> bytes:
        """Return what the card is given to sign ``data``."""
        ...

    def signature(self, answer: bytes) -> bytes:
        """Return the signature in the form in which a site takes it.

        Raises:
            SignatureMalformed: the answer is none.
        """
        ...


class Rsa2048Sha256:
    """RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 §8.2): the card pads, and gives 256 bytes."""

    digest_info: ClassVar[bytes] = bytes.fromhex("3031300d060960864801650304020105000420")
    """DER before the digest (RFC 8017 §9.2, note 1)."""
    key_bits: ClassVar[int] = 2048

    def suits(self, key: CertificatePublicKeyTypes) -> bool:
        """Tell whether ``key`` is an RSA key of 2048 bits."""
        return isinstance(key, RSAPublicKey) and key.key_size == self.key_bits

    def block(self, data: bytes) -> bytes:
        """Return the DigestInfo of ``data``."""
        return self.digest_info + hashlib.sha256(data).digest()

    def signature(self, answer: bytes) -> bytes:
        """Return ``answer`` as it is, if it has the key's length."""
        if len(answer) != self.key_bits // 8:
            raise SignatureMalformed(f"{len(answer)} bytes")
        return answer


class EcdsaP384Sha384:
    """ECDSA over P-384 with SHA-384 (FIPS 186-5 §6): provisional, as the module's head says.

    The two numbers may come bare, 48 bytes each, or as DER (RFC 3279 §2.2.3); a site gets DER.
    """

    number_bytes: ClassVar[int] = 48
    order: ClassVar[int] = int(
        "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"
        "C7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973",
        16,
    )
    """Both numbers are below it and above zero (SP 800-186 §3.2.1.4)."""

    def suits(self, key: CertificatePublicKeyTypes) -> bool:
        """Tell whether ``key`` lies on P-384."""
        return isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP384R1)

    def block(self, data: bytes) -> bytes:
        """Return the digest of ``data``."""
        return hashlib.sha384(data).digest()

    def signature(self, answer: bytes) -> bytes:
        """Return the two numbers of ``answer`` as DER."""
        numbers = self._numbers(answer)
        if not all(0 < number < self.order for number in numbers):
            raise SignatureMalformed(f"{len(answer)} bytes, out of range")
        return encode_dss_signature(*numbers)

    def _numbers(self, answer: bytes) -> tuple[int, int]:
        # DER of 96 bytes would need numbers that begin with three empty bytes: never seen.
        if len(answer) == 2 * self.number_bytes:
            first, second = answer[: self.number_bytes], answer[self.number_bytes :]
            return int.from_bytes(first), int.from_bytes(second)
        try:
            return decode_dss_signature(answer)
        except ValueError as error:
            raise SignatureMalformed(f"{len(answer)} bytes") from error


RSA_2048_SHA256: Final = Rsa2048Sha256()
ECDSA_P384_SHA384: Final = EcdsaP384Sha384()
ALGORITHMS: Final[tuple[SignatureAlgorithm, ...]] = (RSA_2048_SHA256, ECDSA_P384_SHA384)


def algorithm_of(certificate: bytes) -> SignatureAlgorithm:
    """Return how the card with this certificate (DER) signs.

    Raises:
        UnknownAlgorithm: the certificate cannot be read, or no algorithm takes its key.
    """
    try:
        key = x509.load_der_x509_certificate(certificate).public_key()
    except _UNREADABLE as error:
        raise UnknownAlgorithm("unreadable certificate") from error
    found = next((algorithm for algorithm in ALGORITHMS if algorithm.suits(key)), None)
    if found is None:
        raise UnknownAlgorithm("kind of key")
    return found


def check_signature(certificate: bytes, signature: bytes, data: bytes) -> None:
    """Look whether the key of ``certificate`` (DER) has signed ``data``, before a site is asked.

    Raises:
        SignatureMalformed: it has not: the card, or the way to it, has changed something.
        UnknownAlgorithm: the certificate cannot be read.
    """
    try:
        key = x509.load_der_x509_certificate(certificate).public_key()
    except _UNREADABLE as error:
        raise UnknownAlgorithm("unreadable certificate") from error
    try:
        if isinstance(key, RSAPublicKey):
            key.verify(signature, data, PKCS1v15(), SHA256())
        elif isinstance(key, EllipticCurvePublicKey):
            key.verify(signature, data, ECDSA(SHA384()))
    except InvalidSignature as error:
        raise SignatureMalformed("does not fit the certificate") from error
