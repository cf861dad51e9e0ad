"""The test authority's OCSP responder (RFC 6960): a small WSGI application.

It answers POST only. The answer is signed by a responder that the asked root appointed, repeats the
nonce, and stands for five minutes.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from zaitaku.sandbox.authority import PINNED, Generation, TestAuthority
from zaitaku.sandbox.profile import digest_for
from zaitaku.sandbox.register import Standing

REQUEST_LIMIT: Final = 4_096
LONGEST_NONCE: Final = 128
"""RFC 9654 §2.1."""
ANSWER_LIFETIME: Final = timedelta(minutes=5)

_STATUSES: Final = {
    Standing.GOOD: ocsp.OCSPCertStatus.GOOD,
    Standing.REVOKED: ocsp.OCSPCertStatus.REVOKED,
    Standing.UNKNOWN: ocsp.OCSPCertStatus.UNKNOWN,
}


class MalformedRequest(Exception):
    """The bytes are not an OCSP request that this responder reads."""


def responder(authority: TestAuthority) -> WSGIApplication:
    """Return the WSGI application that answers for ``authority``."""

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] != "POST":
            start_response("405 Method Not Allowed", [("Allow", "POST")])
            return [b""]
        content = answer(authority, _body(environ))
        headers = [
            ("Content-Type", "application/ocsp-response"),
            ("Content-Length", str(len(content))),
            ("Cache-Control", "no-store"),
        ]
        start_response("200 OK", headers)
        return [content]

    return application


def answer(authority: TestAuthority, content: bytes) -> bytes:
    """Return the DER answer to a DER request; trouble is an answer too (RFC 6960 §2.3)."""
    authority.refresh()  # a demo runs for days, and whoever asks here may read the list next
    try:
        request, nonce = _read(content)
        generation = _asked(authority, request)
    except MalformedRequest:
        return _unsuccessful(ocsp.OCSPResponseStatus.MALFORMED_REQUEST)
    if generation is None:
        return _unsuccessful(ocsp.OCSPResponseStatus.UNAUTHORIZED)
    builder = _builder(authority, generation, request)
    if nonce is not None:
        builder = builder.add_extension(nonce, critical=False)
    key = authority.responders[generation].key
    signed = builder.sign(key, digest_for(key))
    return signed.public_bytes(Encoding.DER)


def _body(environ: WSGIEnvironment) -> bytes:
    try:
        length = int(environ.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return b""
    if not 0 < length <= REQUEST_LIMIT:
        return b""
    body: bytes = environ["wsgi.input"].read(length)
    return body


def _read(content: bytes) -> tuple[ocsp.OCSPRequest, x509.OCSPNonce | None]:
    try:
        request = ocsp.load_der_ocsp_request(content)
        nonce = _nonce(request.extensions)
    except (ValueError, NotImplementedError, UnsupportedAlgorithm) as error:
        raise MalformedRequest from error
    if request.serial_number <= 0:  # RFC 5280 §4.1.2.2; the library writes no answer about it
        raise MalformedRequest
    if nonce is not None and not 0 < len(nonce.nonce) <= LONGEST_NONCE:
        raise MalformedRequest
    return request, nonce


def _nonce(extensions: x509.Extensions) -> x509.OCSPNonce | None:
    try:
        return extensions.get_extension_for_class(x509.OCSPNonce).value
    except x509.ExtensionNotFound:
        return None


def _asked(authority: TestAuthority, request: ocsp.OCSPRequest) -> Generation | None:
    try:
        return next(
            (entry for entry in PINNED if _is_asked(authority.roots[entry].certificate, request)),
            None,
        )
    except (ValueError, UnsupportedAlgorithm) as error:
        raise MalformedRequest from error


def _is_asked(root: x509.Certificate, request: ocsp.OCSPRequest) -> bool:
    builder = ocsp.OCSPRequestBuilder().add_certificate(root, root, request.hash_algorithm)
    own = builder.build()
    return (
        own.issuer_name_hash == request.issuer_name_hash
        and own.issuer_key_hash == request.issuer_key_hash
    )


def _builder(
    authority: TestAuthority, generation: Generation, request: ocsp.OCSPRequest
) -> ocsp.OCSPResponseBuilder:
    register = authority.register_of(generation)
    certificate = authority.responders[generation].certificate
    now = authority.clock.now()
    return (
        ocsp.OCSPResponseBuilder()
        .add_response_by_hash(
            issuer_name_hash=request.issuer_name_hash,
            issuer_key_hash=request.issuer_key_hash,
            serial_number=request.serial_number,
            algorithm=request.hash_algorithm,
            cert_status=_STATUSES[register.standing(request.serial_number)],
            this_update=now,
            next_update=now + ANSWER_LIFETIME,
            revocation_time=register.revoked_since(request.serial_number),
            revocation_reason=None,
        )
        .responder_id(ocsp.OCSPResponderEncoding.HASH, certificate)
        .certificates([certificate])
    )


def _unsuccessful(status: ocsp.OCSPResponseStatus) -> bytes:
    return ocsp.OCSPResponseBuilder.build_unsuccessful(status).public_bytes(Encoding.DER)
