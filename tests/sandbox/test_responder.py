"""The test authority's OCSP responder, as a WSGI application."""

import io
from collections.abc import Callable
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from tests.conftest import NOW
from zaitaku.sandbox.authority import Generation, TestAuthority
from zaitaku.sandbox.ocsp import ANSWER_LIFETIME, REQUEST_LIMIT, responder
from zaitaku.sandbox.profile import Signer

MALFORMED = ocsp.OCSPResponseStatus.MALFORMED_REQUEST
UNAUTHORIZED = ocsp.OCSPResponseStatus.UNAUTHORIZED


def _post(
    authority: TestAuthority, body: bytes, *, method: str = "POST", length: str | None = None
) -> tuple[str, dict[str, str], bytes]:
    answered: list[tuple[str, dict[str, str]]] = []

    def start_response(
        status: str, headers: list[tuple[str, str]], exc_info: object = None, /
    ) -> Callable[[bytes], object]:
        answered.append((status, dict(headers)))
        return bytes  # the old way of writing, which nobody calls

    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "CONTENT_LENGTH": str(len(body)) if length is None else length,
        "wsgi.input": io.BytesIO(body),
    }
    setup_testing_defaults(environ)
    content = b"".join(responder(authority)(environ, start_response))
    status, headers = answered[0]
    return status, headers, content


def _request(
    certificate: x509.Certificate,
    issuer: x509.Certificate,
    *,
    nonce: bytes | None = None,
    algorithm: HashAlgorithm | None = None,
) -> bytes:
    builder = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, algorithm or SHA256())
    if nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    return builder.build().public_bytes(Encoding.DER)


def _asked(authority: TestAuthority, body: bytes) -> ocsp.OCSPResponse:
    status, headers, content = _post(authority, body)
    assert status == "200 OK"
    assert headers["Content-Type"] == "application/ocsp-response"
    assert headers["Content-Length"] == str(len(content))
    return ocsp.load_der_ocsp_response(content)


@pytest.fixture
def root(authority: TestAuthority) -> x509.Certificate:
    return authority.roots[Generation.SECOND].certificate


def test_good_revoked_and_unknown(
    authority: TestAuthority, card: Signer, revoked_card: Signer, root: x509.Certificate
) -> None:
    stranger = authority.responders[Generation.SECOND]
    expected = {
        card.certificate: ocsp.OCSPCertStatus.GOOD,
        revoked_card.certificate: ocsp.OCSPCertStatus.REVOKED,
        stranger.certificate: ocsp.OCSPCertStatus.UNKNOWN,
    }
    for certificate, status in expected.items():
        response = _asked(authority, _request(certificate, root))
        assert response.certificate_status is status
        assert response.serial_number == certificate.serial_number
        assert response.this_update_utc == NOW
        assert response.next_update_utc == NOW + ANSWER_LIFETIME


def test_nonce_comes_back(authority: TestAuthority, card: Signer, root: x509.Certificate) -> None:
    nonce = bytes(range(32))
    response = _asked(authority, _request(card.certificate, root, nonce=nonce))
    assert response.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == nonce


def test_without_a_nonce_none_comes_back(
    authority: TestAuthority, card: Signer, root: x509.Certificate
) -> None:
    assert not _asked(authority, _request(card.certificate, root)).extensions


def test_answer_is_under_the_hash_that_was_asked_with(
    authority: TestAuthority, card: Signer, root: x509.Certificate
) -> None:
    response = _asked(authority, _request(card.certificate, root, algorithm=SHA384()))
    assert response.hash_algorithm.name == "sha384"
    assert response.certificate_status is ocsp.OCSPCertStatus.GOOD


def test_responder_of_the_asked_generation_signs(
    authority: TestAuthority, old_root_card: Signer
) -> None:
    first = authority.roots[Generation.FIRST].certificate
    response = _asked(authority, _request(old_root_card.certificate, first))
    assert response.certificates == [authority.responders[Generation.FIRST].certificate]
    assert response.certificate_status is ocsp.OCSPCertStatus.GOOD


def test_serial_number_of_another_generation_is_unknown(
    authority: TestAuthority, card: Signer
) -> None:
    first = authority.roots[Generation.FIRST].certificate
    response = _asked(authority, _request(card.certificate, first))
    assert response.certificate_status is ocsp.OCSPCertStatus.UNKNOWN


def test_foreign_authority_is_not_answered_for(
    authority: TestAuthority, foreign_card: Signer
) -> None:
    foreign = authority.roots[Generation.FOREIGN].certificate
    response = _asked(authority, _request(foreign_card.certificate, foreign))
    assert response.response_status is UNAUTHORIZED


@pytest.mark.parametrize("body", [b"", b"hello", b"\x30\x00", bytes(100), bytes(REQUEST_LIMIT + 1)])
def test_malformed_request_is_said_to_be(authority: TestAuthority, body: bytes) -> None:
    assert _asked(authority, body).response_status is MALFORMED


@pytest.mark.parametrize("length", ["", "x", "-1", "99999999"])
def test_strange_length_is_malformed(
    authority: TestAuthority, card: Signer, root: x509.Certificate, length: str
) -> None:
    _, _, content = _post(authority, _request(card.certificate, root), length=length)
    assert ocsp.load_der_ocsp_response(content).response_status is MALFORMED


@pytest.mark.parametrize("size", [0, 129])
def test_nonce_of_a_forbidden_length_is_malformed(
    authority: TestAuthority, card: Signer, root: x509.Certificate, size: int
) -> None:
    body = _request(card.certificate, root, nonce=bytes(size))
    assert _asked(authority, body).response_status is MALFORMED


@pytest.mark.parametrize("serial", [0, -1, -(2**64)])
def test_serial_number_that_no_certificate_has_is_malformed(
    authority: TestAuthority, card: Signer, root: x509.Certificate, serial: int
) -> None:
    asked = ocsp.load_der_ocsp_request(_request(card.certificate, root))
    size = max(1, (serial.bit_length() + 8) // 8)
    strange = _tlv(0x02, serial.to_bytes(size, "big", signed=True))
    named = _tlv(0x30, bytes.fromhex("06096086480165030402010500"))
    hashes = _tlv(0x04, asked.issuer_name_hash) + _tlv(0x04, asked.issuer_key_hash)
    body = _tlv(0x30, named + hashes + strange)
    for _ in range(4):  # CertID, Request, requestList, TBSRequest: OCSPRequest (RFC 6960 §4.1.1)
        body = _tlv(0x30, body)
    assert ocsp.load_der_ocsp_request(body).serial_number == serial
    assert _asked(authority, body).response_status is MALFORMED


def _tlv(tag: int, content: bytes) -> bytes:
    """Return DER of up to 255 bytes of content (X.690 §8.1)."""
    length = bytes([len(content)]) if len(content) < 128 else bytes([0x81, len(content)])
    return bytes([tag]) + length + content


def test_only_post_is_answered(authority: TestAuthority) -> None:
    status, headers, content = _post(authority, b"", method="GET")
    assert status.startswith("405")
    assert headers["Allow"] == "POST"
    assert content == b""
