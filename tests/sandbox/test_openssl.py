"""OpenSSL as an independent judge of what the test authority makes."""

import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.verification import Criticality, ExtensionPolicy, PolicyBuilder, Store

from tests.conftest import NOW
from tests.identity.world import anchors_of
from tests.sandbox.loopback import serving
from zaitaku.core.clock import SystemClock
from zaitaku.sandbox.authority import Generation, TestAuthority
from zaitaku.sandbox.ocsp import responder
from zaitaku.sandbox.profile import AUTH_POLICY, Signer

AT = ("-attime", str(int(NOW.timestamp())))


def _openssl(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = ["openssl", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def _pem(folder: Path, certificate: x509.Certificate) -> Path:
    path = folder / f"{certificate.serial_number:x}.pem"
    path.write_bytes(certificate.public_bytes(Encoding.PEM))
    return path


@pytest.fixture
def present(authority: TestAuthority, revoked_card: Signer, tmp_path: Path) -> TestAuthority:
    """The same authority under the machine's clock: ``openssl ocsp`` knows no other."""
    folder = shutil.copytree(authority.folder, tmp_path / "authority")
    copied = TestAuthority.open(folder, SystemClock())
    copied.refresh(force=True)
    return copied


def test_path_of_every_pinned_generation_is_accepted(
    authority: TestAuthority, card: Signer, old_root_card: Signer, tmp_path: Path
) -> None:
    for one in (card, old_root_card):
        judged = _openssl(
            "verify",
            *("-x509_strict", "-explicit_policy", "-policy", AUTH_POLICY.dotted_string, *AT),
            *("-CAfile", authority.roots_file, "-crl_check", "-CRLfile", authority.crl_bundle),
            _pem(tmp_path, one.certificate),
        )
        assert judged.returncode == 0, judged.stderr
        assert judged.stdout.endswith(": OK\n")


def test_revoked_and_foreign_cards_are_refused(
    authority: TestAuthority, revoked_card: Signer, foreign_card: Signer, tmp_path: Path
) -> None:
    refused = {revoked_card: "certificate revoked", foreign_card: "unable to get local issuer"}
    for one, reason in refused.items():
        judged = _openssl(
            "verify",
            *("-CAfile", authority.roots_file, "-crl_check", "-CRLfile", authority.crl_bundle, *AT),
            _pem(tmp_path, one.certificate),
        )
        assert judged.returncode != 0
        assert reason in judged.stderr


def test_list_is_verified_by_its_root_and_by_no_namesake(
    authority: TestAuthority, tmp_path: Path
) -> None:
    for generation, verdict in ((Generation.SECOND, "verify OK"), (Generation.FOREIGN, "failure")):
        root = _pem(tmp_path, authority.roots[generation].certificate)
        judged = _openssl(
            *("crl", "-verify", "-inform", "DER", "-in", authority.crl_file),
            *("-CAfile", root, "-noout"),
        )
        assert verdict in judged.stderr


@pytest.mark.enable_socket
@pytest.mark.parametrize("digest", ["-sha1", "-sha256"])
def test_responder_is_understood(
    present: TestAuthority,
    card: Signer,
    revoked_card: Signer,
    digest: str,
    tmp_path: Path,
) -> None:
    root = _pem(tmp_path, present.roots[Generation.SECOND].certificate)
    for one, standing in ((card, "good"), (revoked_card, "revoked")):
        path = _pem(tmp_path, one.certificate)
        with serving(responder(present)) as url:
            judged = _openssl(
                *("ocsp", "-issuer", root, digest, "-cert", path),
                *("-url", url, "-CAfile", present.roots_file, "-timeout", "20"),
            )
        assert judged.returncode == 0, judged.stderr
        assert "Response verify OK" in judged.stderr
        assert "nonce" not in judged.stderr.lower()
        assert f"{path}: {standing}" in judged.stdout


@pytest.mark.enable_socket
def test_responder_knows_nothing_of_what_it_never_issued(
    present: TestAuthority, tmp_path: Path
) -> None:
    root = _pem(tmp_path, present.roots[Generation.SECOND].certificate)
    stranger = _pem(tmp_path, present.responders[Generation.SECOND].certificate)
    with serving(responder(present)) as url:
        judged = _openssl(
            *("ocsp", "-issuer", root, "-cert", stranger),
            *("-url", url, "-CAfile", present.roots_file, "-timeout", "20"),
        )
    assert "Response verify OK" in judged.stderr
    assert f"{stranger}: unknown" in judged.stdout


def test_general_path_builder_agrees(
    authority: TestAuthority, card: Signer, old_root_card: Signer, foreign_card: Signer
) -> None:
    """``x509.verification`` with the one extension that its default policy refuses as critical."""
    leaf = ExtensionPolicy.permit_all().require_present(
        x509.CertificatePolicies, Criticality.CRITICAL, None
    )
    builder = PolicyBuilder().store(Store(list(anchors_of(authority).roots))).time(NOW)
    verifier = builder.extension_policies(
        ca_policy=ExtensionPolicy.webpki_defaults_ca(), ee_policy=leaf
    ).build_client_verifier()
    for one, generation in (
        (card, Generation.SECOND),
        (old_root_card, Generation.FIRST),
    ):
        root = authority.roots[generation].certificate
        assert verifier.verify(one.certificate, []).chain == [one.certificate, root]
    with pytest.raises(x509.verification.VerificationError):
        verifier.verify(foreign_card.certificate, [])
