"""The keys behind the test vectors."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    SECP384R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from joserfc.jwk import OKPKey

Key = RSAPrivateKey | EllipticCurvePrivateKey
SITE_KEYS = ("oldest", "older", "newest", "stranger")
CARD_KEYS = {
    "root": 2048,
    "root-p384": SECP384R1(),
    "foreign-root": 2048,
    "card": 2048,
    "card-p384": SECP384R1(),
    "card-3072": 3072,
    "card-p256": SECP256R1(),
}


@dataclass(frozen=True)
class VectorKeys:
    """Ed25519 keys of the site, and keys of roots and cards."""

    site: dict[str, OKPKey]
    card: dict[str, Key]

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read the keys of ``path``, or make them."""
        if not path.exists():
            return cls.make()
        body = json.loads(path.read_text("utf-8"))
        site = {name: OKPKey.import_key(key) for name, key in body["site"].items()}
        return cls(site, {name: _read(pem) for name, pem in body["card"].items()})

    @classmethod
    def make(cls) -> Self:
        """Make all keys."""
        site = {name: OKPKey.generate_key("Ed25519") for name in SITE_KEYS}
        return cls(site, {name: _new(kind) for name, kind in CARD_KEYS.items()})

    def to_mapping(self) -> dict[str, Any]:
        """Return private JWKs (RFC 7517) and PKCS #8 PEM texts."""
        return {
            "site": {
                name: {
                    member: key.as_dict(private=True)[member] for member in ("kty", "crv", "x", "d")
                }
                for name, key in self.site.items()
            },
            "card": {name: _pem(key) for name, key in self.card.items()},
        }


def _new(kind: object) -> Key:
    if isinstance(kind, int):
        return generate_rsa(65537, kind)
    return generate_private_key(SECP256R1() if isinstance(kind, SECP256R1) else SECP384R1())


def _pem(key: Key) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _read(pem: str) -> Key:
    key = load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, RSAPrivateKey | EllipticCurvePrivateKey):
        raise TypeError("not a key of a card")
    return key
