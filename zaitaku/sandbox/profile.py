"""The certificate profile of the authority, as far as its public descriptions tell it.

Subjects of authentication certificates have a country and an opaque common name: no name, no
address. All root generations share one name.
"""

import secrets
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from zaitaku.core.clock import JST
from zaitaku.core.markers import TEST_ROOT_OID

KEY_BITS: Final = 2048
AUTH_POLICY: Final = x509.ObjectIdentifier("1.2.392.200149.8.5.1.3.30")
YEARS_OF_VALIDITY: Final = 5
_MARK_TEXT: Final = b"NOT FOR REAL PATIENTS"
_MARK: Final = bytes([0x0C, len(_MARK_TEXT)]) + _MARK_TEXT
"""A DER UTF8String."""


@dataclass(frozen=True)
class Period:
    """When a certificate is valid, both ends included."""

    begins: datetime
    ends: datetime


PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey


class KeyKind(StrEnum):
    """What kind of key signs, and with it the digest."""

    RSA_2048 = "rsa-2048"
    """With SHA-256: the cards and roots of today."""
    P_384 = "p-384"
    """With SHA-384: what is planned for the next generation."""


@dataclass(frozen=True)
class Signer:
    """A certificate and its private key."""

    certificate: x509.Certificate
    key: PrivateKey

    @property
    def kind(self) -> KeyKind:
        """What kind of key it is."""
        return kind_of(self.key)

    def sign(self, message: bytes) -> bytes:
        """Sign as a card does: PKCS#1 v1.5, or DER of the two numbers on P-384."""
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(message, PKCS1v15(), SHA256())
        return self.key.sign(message, ec.ECDSA(SHA384()))

    def pem(self) -> str:
        """Return the private key as PKCS #8, PEM."""
        text = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return text.decode()


def kind_of(key: PrivateKey) -> KeyKind:
    """Return the kind of a key that was made here."""
    return KeyKind.RSA_2048 if isinstance(key, rsa.RSAPrivateKey) else KeyKind.P_384


def digest_for(key: PrivateKey) -> SHA256 | SHA384:
    """Return what certificates, lists and answers are digested with before ``key`` signs them."""
    return SHA256() if isinstance(key, rsa.RSAPrivateKey) else SHA384()


def new_key(kind: KeyKind = KeyKind.RSA_2048) -> PrivateKey:
    """Make a key of the kind that the card has (RSA takes a tenth of a second)."""
    if kind is KeyKind.P_384:
        return ec.generate_private_key(ec.SECP384R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)


def new_serial() -> int:
    """Return a random positive serial number of 63 bits (8 bytes, RFC 5280 §4.1.2.2)."""
    return 1 << 62 | secrets.randbits(62)


def authority_name() -> x509.Name:
    """Return the name that all root generations share."""
    return _name(
        "JPKI",
        "JPKI for user authentication",
        "Japan Agency for Local Authority Information Systems",
    )


def distribution_point() -> x509.DirectoryName:
    """Return the directory name under which the authority keeps its revocation list."""
    return x509.DirectoryName(
        _name("JPKI", "JPKI for user authentication", "CRL Distribution Points", "Sandbox")
    )


def card_period(issued_on: date, birth_date: date) -> Period:
    """Return the period of a card issued on a day in Japan: to the fifth birthday after it."""
    years = range(issued_on.year, issued_on.year + YEARS_OF_VALIDITY + 1)
    later = [day for year in years if (day := birthday_in(year, birth_date)) > issued_on]
    last = later[YEARS_OF_VALIDITY - 1]
    return Period(
        datetime.combine(issued_on, time(0, 0), JST), datetime.combine(last, time(23, 59, 59), JST)
    )


def birthday_in(year: int, birth_date: date) -> date:
    """Return the birthday in ``year``; one of 29 February is the 28th in common years."""
    try:
        return birth_date.replace(year=year)
    except ValueError:
        return date(year, 2, 28)


def new_root(period: Period, kind: KeyKind = KeyKind.RSA_2048) -> Signer:
    """Make a self-signed root that carries the mark of the test authority."""
    key = new_key(kind)
    name = authority_name()
    builder = (
        _builder(name, name, key.public_key(), period, key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .add_extension(
            x509.UnrecognizedExtension(x509.ObjectIdentifier(TEST_ROOT_OID), _MARK), critical=False
        )
    )
    return Signer(builder.sign(key, digest_for(key)), key)


def new_card(root: Signer, period: Period, kind: KeyKind = KeyKind.RSA_2048) -> Signer:
    """Make a key and its authentication certificate; ``root`` may be of another kind."""
    key = new_key(kind)
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "JP"),
            x509.NameAttribute(NameOID.COMMON_NAME, secrets.token_hex(16).upper()),
        ]
    )
    builder = card_builder(root, subject, key.public_key(), period)
    return Signer(builder.sign(root.key, digest_for(root.key)), key)


def card_builder(
    root: Signer, subject: x509.Name, public_key: PublicKey, period: Period
) -> x509.CertificateBuilder:
    """Return an authentication certificate that is ready to be signed with the root's key."""
    point = x509.DistributionPoint([distribution_point()], None, None, None)
    policy = x509.PolicyInformation(AUTH_POLICY, None)
    issuer = root.certificate.subject
    return (
        _builder(subject, issuer, public_key, period, root.key.public_key())
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.CertificatePolicies([policy]), critical=True)
        .add_extension(x509.CRLDistributionPoints([point]), critical=False)
    )


def new_responder(root: Signer, period: Period) -> Signer:
    """Make an OCSP responder of its kind that ``root`` appoints (RFC 6960 §4.2.2.2)."""
    key = new_key(root.kind)
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "JP"),
            x509.NameAttribute(NameOID.COMMON_NAME, "Sandbox OCSP Responder"),
        ]
    )
    builder = (
        _builder(subject, root.certificate.subject, key.public_key(), period, root.key.public_key())
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), critical=False)
        .add_extension(x509.OCSPNoCheck(), critical=False)
    )
    return Signer(builder.sign(root.key, digest_for(root.key)), key)


def new_revocation_list(
    root: Signer, revoked: dict[int, datetime], now: datetime, lifetime: timedelta
) -> x509.CertificateRevocationList:
    """Make the complete revocation list of ``root``: serial numbers and since when."""
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(root.key.public_key())
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(root.certificate.subject)
        .last_update(now)
        .next_update(now + lifetime)
        .add_extension(identifier, critical=False)
        .add_extension(x509.CRLNumber(int(now.timestamp())), critical=False)
    )
    for serial, since in revoked.items():
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(since)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(root.key, digest_for(root.key))


def _name(organization: str, *units: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "JP"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            *(x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit) for unit in units),
        ]
    )


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: PublicKey,
    period: Period,
    issuer_key: PublicKey,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(new_serial())
        .not_valid_before(period.begins)
        .not_valid_after(period.ends)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False
        )
    )


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )
