"""This deployment's own keys towards the provider: ``private_key_jwt`` (RFC 7523 §2.2, §3).

One PEM file holds one or several RSA keys, the newest first. The newest signs; all are told to the
provider, so that it still takes the older one while a new one is being registered.
"""

import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Self

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from zaitaku.core.errors import SettingsError
from zaitaku.core.openid import OpenIdProvider

ALGORITHM: Final = "RS256"
ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_LIFETIME: Final = timedelta(minutes=1)
LEAST_BITS: Final = 2048
_PUBLIC_EXPONENT: Final = 65_537
_PEM_BLOCK: Final = re.compile(rb"-----BEGIN [A-Z ]+-----.+?-----END [A-Z ]+-----\n?", re.DOTALL)


@dataclass(frozen=True)
class ClientKeys:
    """The keys of one deployment, newest first."""

    keys: tuple[RSAKey, ...] = field(repr=False)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the PEM file.

        Raises:
            SettingsError: it cannot be read, has no key, or one that is not RSA of 2,048 bits.
        """
        try:
            blocks = _PEM_BLOCK.findall(path.read_bytes())
        except OSError as error:
            raise SettingsError(f"OpenID key file {path} cannot be read") from error
        if not blocks:
            raise SettingsError(f"OpenID key file {path} has no PEM key")
        return cls(tuple(_read(block, path) for block in blocks))

    def assertion(self, provider: OpenIdProvider, now: datetime) -> str:
        """Return the JWT by which the token endpoint knows this deployment, good for one use."""
        newest = self.keys[0]
        claims = {
            "iss": provider.client_id,
            "sub": provider.client_id,
            "aud": provider.token_url,
            "jti": secrets.token_urlsafe(16),
            "iat": int(now.timestamp()),
            "exp": int((now + ASSERTION_LIFETIME).timestamp()),
        }
        header = {"alg": ALGORITHM, "kid": newest.thumbprint()}
        return jwt.encode(header, claims, newest, algorithms=[ALGORITHM])

    def published(self) -> dict[str, Any]:
        """Return the JWK Set to register at the provider: public halves, named by thumbprint."""
        body: dict[str, Any] = dict(
            KeySet(list(self.keys)).as_dict(private=False, alg=ALGORITHM, use="sig")
        )
        return body


def new_key() -> bytes:
    """Return a new private key as PEM, for the file that ``ClientKeys.load`` reads."""
    key = generate_private_key(_PUBLIC_EXPONENT, LEAST_BITS)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _read(block: bytes, path: Path) -> RSAKey:
    try:
        key = load_pem_private_key(block, password=None)
    except (ValueError, TypeError) as error:
        raise SettingsError(f"OpenID key file {path} has an unreadable key") from error
    if not isinstance(key, RSAPrivateKey) or key.key_size < LEAST_BITS:
        raise SettingsError(f"OpenID key file {path} has a key that is not RSA of 2048 bits")
    return RSAKey.import_key(block)
