"""An authenticator in software: makes passkeys and proofs as a browser hands them to the site."""

import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

USER_PRESENT = 0x01
USER_VERIFIED = 0x04
ATTESTED = 0x40


@dataclass
class SoftwareKey:
    """One passkey of one person, and the browser around it."""

    origin: str
    rp_id: str = "localhost"
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    user_handle: bytes = b""
    count: int = 0
    verifies_user: bool = True

    def __post_init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())

    def create(self, options: str) -> str:
        """Answer ``navigator.credentials.create``."""
        asked = json.loads(options)
        self.user_handle = base64url_to_bytes(asked["user"]["id"])
        data = self._data(ATTESTED) + self._attested()
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        return self._answer(
            {
                "clientDataJSON": _text(self._client("webauthn.create", asked["challenge"])),
                "attestationObject": _text(attestation),
                "transports": ["internal", "hybrid", "of-the-future"],
            }
        )

    def get(self, options: str) -> str:
        """Answer ``navigator.credentials.get``."""
        client = self._client("webauthn.get", json.loads(options)["challenge"])
        data = self._data(0)
        signed = data + hashlib.sha256(client).digest()
        return self._answer(
            {
                "clientDataJSON": _text(client),
                "authenticatorData": _text(data),
                "signature": _text(self._key.sign(signed, ec.ECDSA(hashes.SHA256()))),
                "userHandle": _text(self.user_handle),
            }
        )

    def _answer(self, response: dict[str, Any]) -> str:
        name = _text(self.credential_id)
        return json.dumps({"id": name, "rawId": name, "type": "public-key", "response": response})

    def _client(self, act: str, challenge: str) -> bytes:
        said = {"type": act, "challenge": challenge, "origin": self.origin, "crossOrigin": False}
        return json.dumps(said).encode()

    def _data(self, more_flags: int) -> bytes:
        flags = USER_PRESENT | more_flags | (USER_VERIFIED if self.verifies_user else 0)
        rp = hashlib.sha256(self.rp_id.encode()).digest()
        return rp + bytes([flags]) + self.count.to_bytes(4, "big")

    def _attested(self) -> bytes:
        numbers = self._key.public_key().public_numbers()
        # COSE: kty EC2, alg ES256, crv P-256, x, y (RFC 9053 §7.1.1).
        cose = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32)}
        length = len(self.credential_id).to_bytes(2, "big")
        return bytes(16) + length + self.credential_id + cbor2.dumps(cose)


def _text(value: bytes) -> str:
    return bytes_to_base64url(value)
