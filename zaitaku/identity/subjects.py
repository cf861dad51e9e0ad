"""How a certificate is known here: by a keyed hash, never by its serial number."""

import hashlib

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from zaitaku.core.signing import Keyring

SUBJECT_PURPOSE = "card-subject"


def public_key_bytes(certificate: x509.Certificate) -> bytes:
    """Return the certificate's SubjectPublicKeyInfo (RFC 5280 §4.1), DER."""
    key = certificate.public_key()
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def issuer_key_id(issuer: x509.Certificate) -> bytes:
    """Return SHA-256 of the issuer's public key: roots share a name, never a key."""
    return hashlib.sha256(public_key_bytes(issuer)).digest()


def subject_hashes(
    *, certificate: x509.Certificate, issuer: x509.Certificate, keys: Keyring
) -> tuple[str, ...]:
    """Return the keyed hashes that stand for ``certificate``, newest key first.

    A serial number is unique only with its issuer (RFC 5280 §4.1.2.2), so both go in.
    """
    return serial_hashes(certificate.serial_number, issuer=issuer, keys=keys)


def serial_hashes(serial: int, *, issuer: x509.Certificate, keys: Keyring) -> tuple[str, ...]:
    """Return what ``subject_hashes`` does, for a serial number that was typed."""
    value = issuer_key_id(issuer) + b"\0" + _serial_bytes(serial)
    return tuple(keys.keyed_hashes(SUBJECT_PURPOSE, value))


def _serial_bytes(serial: int) -> bytes:
    return serial.to_bytes(max(1, (serial.bit_length() + 7) // 8), "big")
