"""A tiny site that publishes keys and takes proofs, for trying the bridge against."""

import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from joserfc import jws
from joserfc.jwk import OKPKey
from werkzeug.serving import BaseWSGIServer, make_server
from werkzeug.wrappers import Request, Response

from zaitaku import wire

ALGORITHM = "Ed25519"
CODE = "one-time-code-0123456789"


PATIENCE_SECONDS = 30


@dataclass
class FakeSite:
    """What the site answers, and what it was told."""

    origin: str = ""
    key: OKPKey = field(default_factory=lambda: OKPKey.generate_key("Ed25519"))
    published: list[OKPKey] = field(default_factory=list)
    endorsements: list[str] = field(default_factory=list)
    keys_status: int = 200
    keys_body: bytes | None = None
    proof_status: int = 200
    proof_body: bytes = json.dumps({"code": CODE}).encode()
    proof_delay: float = 0
    holds_proofs: threading.Event | None = None
    """Until it is set, proofs are not answered."""
    location: str = ""
    proofs: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.published = [self.key]

    def sign(
        self, claims: dict[str, Any], *, typ: str = wire.REQUEST_TYPE, key: OKPKey | None = None
    ) -> str:
        """Return a compact JWS over ``claims``."""
        signer = key or self.key
        header = {"alg": ALGORITHM, "typ": typ, "kid": signer.thumbprint()}
        payload = json.dumps(claims)
        return jws.serialize_compact(header, payload, signer, algorithms=[ALGORITHM])

    def endorse(self, *, older: OKPKey, newer: OKPKey) -> str:
        """Return the older key's word for the newer."""
        claims = {"iss": self.origin, "sub": newer.thumbprint()}
        return self.sign(claims, typ="zaitaku-key-endorsement+jwt", key=older)

    def __call__(self, environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        self.asked.append(request.path)
        return self._answer(request)(environ, start_response)

    def _answer(self, request: Request) -> Response:
        if self.location:
            return Response(status=302, headers={"Location": self.location})
        if request.path == wire.KEYS_PATH:
            return Response(self._keys(), self.keys_status, mimetype="application/json")
        if request.path == wire.PROOF_PATH:
            return self._take(request)
        page = "<!doctype html><html lang=ja><title>site</title><h1>site</h1>"
        return Response(page, mimetype="text/html")

    def _keys(self) -> bytes:
        if self.keys_body is not None:
            return self.keys_body
        keys = [key.as_dict(private=False) for key in self.published]
        return json.dumps({"keys": keys, "endorsements": self.endorsements}).encode()

    def _take(self, request: Request) -> Response:
        time.sleep(self.proof_delay)
        if self.holds_proofs is not None:
            assert self.holds_proofs.wait(PATIENCE_SECONDS)
        self.proofs.append(json.loads(request.get_data()))
        return Response(self.proof_body, self.proof_status, mimetype="application/json")


@contextmanager
def serving(site: FakeSite, *, tls: tuple[Path, Path] | None = None) -> Iterator[FakeSite]:
    """Serve ``site`` on a free loopback port; ``tls`` names a certificate and its key."""
    context = None
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
    server: BaseWSGIServer = make_server("127.0.0.1", 0, site, threaded=True, ssl_context=context)
    site.origin = f"{'https' if tls else 'http'}://127.0.0.1:{server.port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
