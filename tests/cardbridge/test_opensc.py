"""OpenSC as the judge of the virtual card: it knows the real one's applet."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.cardbridge.cards import PIN, WRONG_PIN, Material, make_card
from tests.pcscd import READER, card_in_pcscd, pcscd
from zaitaku.cardbridge.virtual.cardfile import CardFile
from zaitaku.cardbridge.virtual.reader import VirtualReader

pytestmark = [pytest.mark.pcscd, pytest.mark.enable_socket]

MODULE = "opensc-pkcs11.so"


def run(*command: str, succeeds: bool = True) -> str:
    """Run a tool and return all that it says."""
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"}
    )
    said = done.stdout + done.stderr
    assert (done.returncode == 0) is succeeds, said
    return said


@pytest.fixture
def plugged(virtual_reader: VirtualReader) -> Iterator[VirtualReader]:
    """The ordinary card, in the running daemon's reader."""
    with pcscd(), card_in_pcscd(virtual_reader):
        yield virtual_reader


def test_the_jpki_driver_recognises_it(plugged: VirtualReader) -> None:
    said = run("opensc-tool", "--reader", READER, "--name")
    assert "jpki" in said


def test_the_certificates_and_keys_are_listed(plugged: VirtualReader) -> None:
    said = run("pkcs15-tool", "--reader", READER, "--dump")
    assert "JPKI" in said
    for line in ("User Authentication Certificate", "User Authentication PIN"):
        assert f"[{line}]" in said
    assert "[User Authentication Key]" in said
    listed = run("pkcs15-tool", "--reader", READER, "--list-certificates")
    assert "X.509 Certificate [User Authentication Certificate]" in listed


@pytest.mark.parametrize(("number", "own"), [("1", True), ("3", False)])
def test_the_certificates_are_read_without_filler(
    plugged: VirtualReader, material: Material, number: str, own: bool
) -> None:
    pem = run("pkcs15-tool", "--reader", READER, "--read-certificate", number)
    begin = pem.index("-----BEGIN CERTIFICATE-----")
    certificate = x509.load_pem_x509_certificate(pem[begin:].encode())
    expected = material.certificate if own else material.ca_certificate
    assert certificate.public_bytes(Encoding.DER) == expected


def _sign(folder: Path, pin: str, *, succeeds: bool = True) -> str:
    (folder / "data").write_bytes(b"what the patient agreed to")
    return run(
        *("pkcs11-tool", "--module", MODULE, "--login", "--pin", pin, "--id", "01"),
        *("--sign", "--mechanism", "SHA256-RSA-PKCS"),
        *("--input-file", str(folder / "data"), "--output-file", str(folder / "signature")),
        succeeds=succeeds,
    )


def test_it_signs_and_openssl_verifies(
    plugged: VirtualReader, material: Material, tmp_path: Path
) -> None:
    _sign(tmp_path, PIN)
    public = tmp_path / "public.pem"
    pem = material.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    public.write_bytes(pem)
    verify = ["openssl", "dgst", "-sha256", "-verify", str(public), "-signature"]
    assert "Verified OK" in run(*verify, str(tmp_path / "signature"), str(tmp_path / "data"))
    (tmp_path / "data").write_bytes(b"something else")
    run(*verify, str(tmp_path / "signature"), str(tmp_path / "data"), succeeds=False)


def test_a_wrong_pin_is_refused_and_counted(plugged: VirtualReader, tmp_path: Path) -> None:
    assert "CKR_PIN_INCORRECT" in _sign(tmp_path, WRONG_PIN, succeeds=False)
    assert CardFile.load(tmp_path / "card.json").tries == 2


def test_another_kind_of_card_is_not_taken_for_jpki(tmp_path: Path, material: Material) -> None:
    reader = VirtualReader()
    reader.insert(make_card(tmp_path / "other.json", material, kind="other"))
    with pcscd(), card_in_pcscd(reader):
        said = run("pkcs15-tool", "--reader", READER, "--list-certificates", succeeds=False)
    assert "User Authentication" not in said
