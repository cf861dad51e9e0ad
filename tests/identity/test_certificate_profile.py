"""Certificates that a pinned root signed and that are still no authentication certificates."""

from collections.abc import Callable, Iterable
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256, SHA512
from cryptography.x509.oid import ExtensionOID

from tests.conftest import NOW
from tests.identity.world import der, verify
from zaitaku.identity.errors import WrongCertificate
from zaitaku.sandbox.authority import Generation, TestAuthority
from zaitaku.sandbox.profile import AUTH_POLICY, Signer

Extensions = list[x509.Extension[x509.ExtensionType]]
Change = Callable[[Extensions], Iterable[x509.Extension[x509.ExtensionType]]]

PRIVATE = x509.ObjectIdentifier("1.3.6.1.4.1.55555.1")
OTHER_POLICY = x509.PolicyInformation(x509.ObjectIdentifier("1.2.392.200149.8.5.1.1.10"), None)


def _usage(*, digital_signature: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=not digital_signature,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _without(oid: x509.ObjectIdentifier) -> Change:
    return lambda extensions: [entry for entry in extensions if entry.oid != oid]


def _with(value: x509.ExtensionType, *, critical: bool) -> Change:
    added = x509.Extension(value.oid, critical, value)
    return lambda extensions: [*_without(value.oid)(extensions), added]


def _remade(
    authority: TestAuthority,
    card: Signer,
    change: Change = lambda extensions: extensions,
    *,
    key: CertificatePublicKeyTypes | None = None,
    algorithm: SHA256 | SHA512 | None = None,
) -> bytes:
    """Return ``card``'s certificate with a change, signed by the same root."""
    old = card.certificate
    builder = (
        x509.CertificateBuilder()
        .subject_name(old.subject)
        .issuer_name(old.issuer)
        .public_key(key or old.public_key())
        .serial_number(old.serial_number)
        .not_valid_before(old.not_valid_before_utc)
        .not_valid_after(old.not_valid_after_utc)
    )
    for entry in change(list(old.extensions)):
        builder = builder.add_extension(entry.value, critical=entry.critical)
    root = authority.roots[Generation.SECOND].key
    return der(builder.sign(root, algorithm or SHA256()))


def _accepted(authority: TestAuthority, card: Signer, certificate: bytes) -> None:
    verified = verify(authority, card, certificate=certificate)
    assert verified.subject_hashes == verify(authority, card).subject_hashes


def _refused(authority: TestAuthority, card: Signer, certificate: bytes, reason: str) -> None:
    with pytest.raises(WrongCertificate, match=reason):
        verify(authority, card, certificate=certificate)


def test_unchanged_copy_is_accepted(authority: TestAuthority, card: Signer) -> None:
    _accepted(authority, card, _remade(authority, card))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_without(ExtensionOID.CERTIFICATE_POLICIES), "policy"),
        (_with(x509.CertificatePolicies([OTHER_POLICY]), critical=True), "policy"),
        (_without(ExtensionOID.KEY_USAGE), "key usage"),
        (_with(_usage(digital_signature=False), critical=True), "key usage"),
        (_with(x509.BasicConstraints(ca=True, path_length=None), critical=True), "authority's own"),
        (_with(x509.UnrecognizedExtension(PRIVATE, b"\x05\x00"), critical=True), "critical"),
        (_with(x509.InhibitAnyPolicy(0), critical=True), "critical"),
    ],
)
def test_certificate_of_another_kind_is_refused(
    authority: TestAuthority, card: Signer, change: Change, reason: str
) -> None:
    _refused(authority, card, _remade(authority, card, change), reason)


@pytest.mark.parametrize(
    "change",
    [
        _with(x509.UnrecognizedExtension(PRIVATE, b"\x05\x00"), critical=False),
        _with(x509.BasicConstraints(ca=False, path_length=None), critical=True),
        _with(
            x509.CertificatePolicies([OTHER_POLICY, x509.PolicyInformation(AUTH_POLICY, None)]),
            critical=False,
        ),
        _without(ExtensionOID.CRL_DISTRIBUTION_POINTS),
    ],
)
def test_what_the_profile_leaves_open_is_accepted(
    authority: TestAuthority, card: Signer, change: Change
) -> None:
    _accepted(authority, card, _remade(authority, card, change))


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP256R1()).public_key(),
        ec.generate_private_key(ec.SECP521R1()).public_key(),
        rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key(),
    ],
    ids=["p-256", "p-521", "rsa-1024"],
)
def test_other_key_is_refused(
    authority: TestAuthority, card: Signer, key: CertificatePublicKeyTypes
) -> None:
    _refused(authority, card, _remade(authority, card, key=key), "algorithm")


def test_other_signature_algorithm_is_refused(authority: TestAuthority, card: Signer) -> None:
    _refused(authority, card, _remade(authority, card, algorithm=SHA512()), "algorithm")


def test_responders_certificate_is_no_card(authority: TestAuthority, card: Signer) -> None:
    responder = authority.responders[Generation.SECOND].certificate
    _refused(authority, card, der(responder), "policy")


def test_root_itself_is_no_card(authority: TestAuthority) -> None:
    root = authority.roots[Generation.SECOND]
    with pytest.raises(WrongCertificate, match="authority's own"):
        verify(authority, root, now=NOW + timedelta(days=1))
