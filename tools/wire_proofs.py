"""Proofs that a site takes, and such that it refuses."""

import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tools.wire_keys import Key, VectorKeys
from tools.wire_requests import ORIGIN, document
from zaitaku import wire
from zaitaku.sdk.proofs import AUTH_POLICY, Challenge
from zaitaku.sdk.trust import TEST_ROOT_OID

NOW = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
CHALLENGE = Challenge("challenge-1", ORIGIN, "5a" * wire.NONCE_BYTES, document())
ORDER_OF_P384 = int(
    "ffffffffffffffffffffffffffffffffffffffffffffffff"
    "c7634d81f4372ddf581a0db248b0a77aecec196accc52973",
    16,
)
"""NIST SP 800-186 §3.2.1.4."""
Builder = x509.CertificateBuilder
Change = Callable[[Builder], Builder]


def build(keys: VectorKeys) -> dict[str, Any]:
    """Return the content of ``proofs.json``."""
    issued = Issued(keys)
    roots = [issued.root("root"), issued.root("root-p384")]
    pem = "".join(root.public_bytes(Encoding.PEM).decode() for root in roots)
    return {
        "challenge": {
            "name": CHALLENGE.name,
            "origin": CHALLENGE.origin,
            "nonce": CHALLENGE.nonce,
            "document": CHALLENGE.document,
        },
        "statement": CHALLENGE.statement.hex(),
        "now": NOW.isoformat(),
        "roots": pem,
        "cases": [*_verified(issued), *_mismatched(issued), *_of_other_certificates(issued)],
        "malformed": list(_malformed()),
    }


class Issued:
    """Certificates over the test keys; each one's serial number follows from its name."""

    def __init__(self, keys: VectorKeys) -> None:
        self.keys = keys.card

    def root(self, name: str) -> x509.Certificate:
        key = self.keys[name]
        builder = _builder(f"{name} root", _authority(), key, 2021, 2036)
        builder = builder.add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        builder = builder.add_extension(_usage(authority=True), critical=True)
        mark = x509.UnrecognizedExtension(x509.ObjectIdentifier(TEST_ROOT_OID), b"\x05\x00")
        return _signed(builder.add_extension(mark, critical=False), key)

    def card(
        self,
        key: str = "card",
        *,
        root: str = "root",
        years: tuple[int, int] = (2025, 2030),
        change: Change = lambda builder: builder,
        signs: bool = True,
        policy: x509.ObjectIdentifier = AUTH_POLICY,
    ) -> bytes:
        name = f"{key} {root} {years} {signs} {policy.dotted_string}"
        builder = _builder(name, _holder(), self.keys[key], *years)
        builder = builder.add_extension(_usage(authority=not signs), critical=True)
        policies = x509.CertificatePolicies([x509.PolicyInformation(policy, None)])
        builder = change(builder.add_extension(policies, critical=True))
        return _signed(builder, self.keys[root]).public_bytes(Encoding.DER)

    def sign(self, key: str = "card", message: bytes = CHALLENGE.statement) -> bytes:
        signer = self.keys[key]
        if isinstance(signer, RSAPrivateKey):
            return signer.sign(message, PKCS1v15(), SHA256())
        return signer.sign(message, ECDSA(SHA384(), deterministic_signing=True))


def _case(
    name: str, verdict: str, certificate: bytes, signature: bytes, revocation: str = "good"
) -> dict[str, str]:
    return {
        "name": name,
        "verdict": verdict,
        "revocation": revocation,
        "certificate": certificate.hex(),
        "signature": signature.hex(),
    }


def _verified(issued: Issued) -> Iterator[dict[str, str]]:
    own = issued.card(), issued.sign()
    curve = issued.sign("card-p384")
    yield _case("the card of today", "verified", *own)
    yield _case("P-384 under an RSA root", "verified", issued.card("card-p384"), curve)
    under = issued.card("card-p384", root="root-p384")
    yield _case("P-384 under a P-384 root", "verified", under, curve)
    other = issued.card("card-p384"), _other_s(curve)
    yield _case("P-384, the other s", "verified", *other)
    yield _case("revoked", "certificate-revoked", *own, "revoked")
    yield _case("nobody knows whether it is revoked", "revocation-unknown", *own, "unknown")


def _mismatched(issued: Issued) -> Iterator[dict[str, str]]:
    own, code = issued.card(), "signature-mismatch"
    others = {
        "another origin": Challenge("c", "https://x.example", CHALLENGE.nonce, CHALLENGE.document),
        "another nonce": Challenge("c", ORIGIN, "5b" * 32, CHALLENGE.document),
        "another document": Challenge("c", ORIGIN, CHALLENGE.nonce, document(operator="companion")),
    }
    for name, other in others.items():
        yield _case(name, code, own, issued.sign(message=other.statement))
    yield _case("the statement's digest signed", code, own, issued.sign(message=_digest()))
    yield _case("one bit off", code, own, _flipped(issued.sign()))
    yield _case("empty but for a byte", code, own, b"\0")
    yield _case("of another key", code, own, issued.sign("root"))
    yield _case("PSS", code, own, _pss(issued.keys["card"]))
    curve = issued.card("card-p384")
    yield _case("P-384, r and s bare", code, curve, _bare(issued.sign("card-p384")))
    yield _case("P-384 with SHA-256", code, curve, _weak(issued.keys["card-p384"]))


def _of_other_certificates(issued: Issued) -> Iterator[dict[str, str]]:
    own, wrong = issued.sign(), "wrong-certificate"
    foreign = issued.card(root="foreign-root")
    yield _case("another authority of the same name", "unknown-authority", foreign, own)
    yield _case("over", "certificate-expired", issued.card(years=(2021, 2026)), own)
    yield _case("not begun", "certificate-not-yet-valid", issued.card(years=(2027, 2030)), own)
    yield _case("no certificate", wrong, b"certificate", own)
    yield _case("a byte behind it", wrong, issued.card() + b"\0", own)
    other = x509.ObjectIdentifier("1.2.392.200149.8.5.1.1.10")
    yield _case("of another policy", wrong, issued.card(policy=other), own)
    yield _case("of another usage", wrong, issued.card(signs=False), own)
    yield _case("an authority's", wrong, issued.card(change=_as_authority), own)
    yield _case("critical and unknown", wrong, issued.card(change=_with_riddle), own)
    yield _case("RSA of 3072 bits", wrong, issued.card("card-3072"), issued.sign("card-3072"))
    yield _case("P-256", wrong, issued.card("card-p256"), issued.sign("card-p256"))


def _malformed() -> Iterator[dict[str, str]]:
    good = '"challenge":"c","certificate":"ab"'
    for body, member in (
        ("", "body"),
        ("[]", "body"),
        ("null", "body"),
        ("{}", "certificate"),
        (f"{{{good}}}", "signature"),
        (f'{{{good},"signature":""}}', "signature"),
        (f'{{{good},"signature":1}}', "signature"),
        (f'{{{good},"signature":"abc"}}', "hex"),
        (f'{{{good},"signature":"AB"}}', "hex"),
        (f'{{{good},"signature":"ab "}}', "hex"),
        ('{"certificate":"ab","signature":"ab"}', "challenge"),
    ):
        yield {"body": body, "member": member}


def _digest() -> bytes:
    return hashlib.sha256(CHALLENGE.statement).digest()


def _flipped(signature: bytes) -> bytes:
    return signature[:-1] + bytes([signature[-1] ^ 1])


def _pss(key: Key) -> bytes:
    # PSS draws its salt; an empty one makes the vector the same in every run.
    if not isinstance(key, RSAPrivateKey):
        raise TypeError("PSS is for RSA")
    return key.sign(CHALLENGE.statement, PSS(MGF1(SHA256()), 0), SHA256())


def _bare(signature: bytes) -> bytes:
    return b"".join(part.to_bytes(48, "big") for part in decode_dss_signature(signature))


def _other_s(signature: bytes) -> bytes:
    # Of a right (r, s), (r, n - s) is one too; cards answer either.
    r, s = decode_dss_signature(signature)
    return encode_dss_signature(r, ORDER_OF_P384 - s)


def _weak(key: Key) -> bytes:
    if not isinstance(key, EllipticCurvePrivateKey):
        raise TypeError("for P-384")
    return key.sign(CHALLENGE.statement, ECDSA(SHA256(), deterministic_signing=True))


def _as_authority(builder: Builder) -> Builder:
    return builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)


def _with_riddle(builder: Builder) -> Builder:
    riddle = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.25.1"), b"\x05\x00")
    return builder.add_extension(riddle, critical=True)


def _authority() -> x509.Name:
    units = ("JPKI for user authentication", "Japan Agency for Local Authority Information Systems")
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "JP"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "JPKI"),
            *(x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit) for unit in units),
        ]
    )


def _holder() -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "JP"),
            x509.NameAttribute(NameOID.COMMON_NAME, "0123456789ABCDEFGHIJKLMNOP13A"),
        ]
    )


def _builder(name: str, subject: x509.Name, key: Key, begins: int, ends: int) -> Builder:
    serial = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") >> 1 | 1
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(_authority())
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(datetime(begins, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(ends, 1, 1, tzinfo=UTC))
    )


def _signed(builder: Builder, key: Key) -> x509.Certificate:
    if isinstance(key, RSAPrivateKey):
        return builder.sign(key, SHA256())
    return builder.sign(key, SHA384(), ecdsa_deterministic=True)


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
