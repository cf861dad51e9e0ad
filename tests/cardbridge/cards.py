"""Virtual My Number Cards for the tests of this room, with their own small authority."""

import datetime as dt
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from zaitaku.cardbridge.card.finding import found_card
from zaitaku.cardbridge.card.jpki import CERTIFICATE_HEAD, READ_AT_ONCE, JpkiCard
from zaitaku.cardbridge.card.transport import ReaderService
from zaitaku.cardbridge.virtual.card import VirtualCard
from zaitaku.cardbridge.virtual.cardfile import CardFile

PIN: Final = "8264"
WRONG_PIN: Final = "1397"
POLICY: Final = x509.ObjectIdentifier("1.2.392.200149.8.5.1.3.30")
NOT_BEFORE: Final = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
NOT_AFTER: Final = dt.datetime(2030, 12, 31, tzinfo=dt.UTC)


def typed(pin: str = PIN) -> bytearray:
    """Return a PIN as the bridge holds it."""
    return bytearray(pin, "ascii")


def _name(*parts: tuple[x509.ObjectIdentifier, str]) -> x509.Name:
    return x509.Name([x509.NameAttribute(kind, text) for kind, text in parts])


CA_NAME: Final = _name(
    (NameOID.COUNTRY_NAME, "JP"),
    (NameOID.ORGANIZATION_NAME, "JPKI"),
    (NameOID.ORGANIZATIONAL_UNIT_NAME, "JPKI for user authentication"),
    (
        NameOID.ORGANIZATIONAL_UNIT_NAME,
        "Japan Agency for Local Authority Information Systems",
    ),
)
CARD_NAME: Final = _name(
    (NameOID.COUNTRY_NAME, "JP"), (NameOID.COMMON_NAME, "0123456789ABCDEFGHIJKLMNOP13A")
)


@dataclass(frozen=True)
class Material:
    """What a card is made from."""

    key: rsa.RSAPrivateKey
    certificate: bytes
    ca_certificate: bytes

    @property
    def public_key(self) -> rsa.RSAPublicKey:
        """The key that the card's signatures are checked with."""
        return self.key.public_key()


def make_material() -> Material:
    """Make fresh keys and certificates of the JPKI profile."""
    ca_key = rsa.generate_private_key(65537, 2048)
    key = rsa.generate_private_key(65537, 2048)
    ca = _builder(CA_NAME, ca_key.public_key()).add_extension(
        x509.BasicConstraints(ca=True, path_length=0), critical=True
    )
    points = [x509.DistributionPoint([x509.DirectoryName(CA_NAME)], None, None, None)]
    leaf = (
        _builder(CARD_NAME, key.public_key())
        .add_extension(x509.CertificatePolicies([_policy()]), critical=True)
        .add_extension(x509.CRLDistributionPoints(points), critical=False)
    )
    return Material(
        key=key,
        certificate=leaf.sign(ca_key, hashes.SHA256()).public_bytes(Encoding.DER),
        ca_certificate=ca.sign(ca_key, hashes.SHA256()).public_bytes(Encoding.DER),
    )


def _policy() -> x509.PolicyInformation:
    return x509.PolicyInformation(POLICY, None)


def _builder(subject: x509.Name, key: rsa.RSAPublicKey) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(CA_NAME)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOT_BEFORE)
        .not_valid_after(NOT_AFTER)
    )


def write_card(path: Path, material: Material, **changes: object) -> Path:
    """Write a card file; ``changes`` replace members."""
    pem = material.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    body = {
        "name": "ordinary",
        "description": "an ordinary card",
        "kind": "jpki",
        "pin": PIN,
        "tries": 3,
        "certificate": material.certificate.hex(),
        "ca_certificate": material.ca_certificate.hex(),
        "key": pem.decode(),
        "person": {"name": "架空 花子", "kana": "カクウ　ハナコ", "birth_date": "1941-05-03"},
        "serial": "1234567890",
    }
    path.write_text(json.dumps(body | changes, ensure_ascii=False), "utf-8")
    return path


def make_card(path: Path, material: Material, **changes: object) -> VirtualCard:
    """Return a card that lives in the file ``path``."""
    return VirtualCard(CardFile.load(write_card(path, material, **changes)))


def verify_number(certificate: bytes) -> int:
    """Return the number of VERIFY among the commands of a signature, from 1.

    Before it: applet, PIN and its tries; the certificate's file, head and parts; the PIN again.
    """
    parts = -(-(len(certificate) - CERTIFICATE_HEAD) // READ_AT_ONCE)
    return 3 + 2 + parts + 1 + 1


@contextmanager
def my_number_card(service: ReaderService) -> Iterator[JpkiCard]:
    """Hold the one My Number Card of all readers alone."""
    with found_card(service) as found:
        yield found.card
