"""An OpenID provider as a deployment's settings name it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, Self
from urllib.parse import urlsplit

from zaitaku.core.errors import SettingsError

_NAMES: Final = {
    "issuer": "ZAITAKU_OIDC_ISSUER",
    "authorization_url": "ZAITAKU_OIDC_AUTHORIZATION_URL",
    "token_url": "ZAITAKU_OIDC_TOKEN_URL",
    "keys_url": "ZAITAKU_OIDC_KEYS_URL",
    "client_id": "ZAITAKU_OIDC_CLIENT_ID",
    "key_file": "ZAITAKU_OIDC_KEY_FILE",
}
"""All of them or none; the other ``ZAITAKU_OIDC_…`` may be added."""
_CLIENT_ID: Final = re.compile(r"[\x21-\x7e]{1,255}")
_ACR: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,100}")


class Freshness(StrEnum):
    """How it is known that the card was read for this consent, and not for an earlier one."""

    PROVED = "proved"
    """A new reading is asked for, and the ID token must tell a time that fits."""
    ASKED = "asked"
    """A new reading is asked for; a time is checked when the ID token tells one."""
    TOLD = "told"
    """Nothing is asked for; a time is checked when the ID token tells one."""


@dataclass(frozen=True)
class OpenIdProvider:
    """Who reads the card by the patient's phone, and how this deployment is known there.

    The addresses are settings and not fetched from a discovery document: they are part of the
    contract with the provider, and whoever could change that document could move them all.

    Raises:
        SettingsError: an address or name is not of its form.
    """

    issuer: str
    """The OpenID provider whose app reads cards by phone ([by-phone.md](by-phone.md)), letter by
    letter as in its tokens (``iss``)."""
    authorization_url: str
    """Where the browser is sent."""
    token_url: str
    """Where a code is redeemed; also the audience of our assertions."""
    keys_url: str
    """Where the provider publishes its JWK Set."""
    client_id: str
    """Our name at the provider."""
    key_file: Path
    """PEM file of the RSA keys that sign our assertions, newest first (``zaitaku openid key``)."""
    acr_values: tuple[str, ...] = ()
    """Ways of authentication, one of which its tokens must name; empty: whatever they name."""
    freshness: Freshness = Freshness.PROVED
    """How it is known that the card was read for this consent: ``proved`` asks for a new reading
    (``max_age=0``) and insists on a fitting ``auth_time``; ``asked`` asks, and checks the time when
    it is told; ``told`` asks nothing."""
    names_issuer: bool = False
    """1: each answer of the provider to the browser must carry ``iss`` (RFC 9207)."""

    def __post_init__(self) -> None:
        for name in ("issuer", "authorization_url", "token_url", "keys_url"):
            if not _is_address(getattr(self, name)):
                raise SettingsError(f"{_NAMES[name]} must be an http or https address")
        if not _CLIENT_ID.fullmatch(self.client_id):
            raise SettingsError("ZAITAKU_OIDC_CLIENT_ID must be 1 to 255 visible characters")
        if not all(map(_ACR.fullmatch, self.acr_values)):
            raise SettingsError("ZAITAKU_OIDC_ACR_VALUES must be words with spaces between them")

    @property
    def is_tls(self) -> bool:
        """Whether every address is https."""
        addresses = (self.issuer, self.authorization_url, self.token_url, self.keys_url)
        return all(address.startswith("https://") for address in addresses)

    @property
    def origin(self) -> str:
        """Scheme, host and port to which the browser is sent."""
        parts = urlsplit(self.authorization_url)
        return f"{parts.scheme}://{parts.netloc}"

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self | None:
        """Read the provider; ``None`` when the deployment names none.

        Raises:
            SettingsError: some of the variables are set and others not, or one breaks its rule.
        """
        given = {name: environ.get(variable, "").strip() for name, variable in _NAMES.items()}
        if not any(given.values()):
            return None
        missing = [_NAMES[name] for name, value in given.items() if not value]
        if missing:
            raise SettingsError(f"{' '.join(missing)}: not set, but other ZAITAKU_OIDC_… are")
        return cls(
            issuer=given["issuer"],
            authorization_url=given["authorization_url"],
            token_url=given["token_url"],
            keys_url=given["keys_url"],
            client_id=given["client_id"],
            key_file=Path(given["key_file"]),
            acr_values=tuple(environ.get("ZAITAKU_OIDC_ACR_VALUES", "").split()),
            freshness=_freshness(environ),
            names_issuer=_names_issuer(environ),
        )


def _freshness(environ: Mapping[str, str]) -> Freshness:
    try:
        return Freshness(environ.get("ZAITAKU_OIDC_FRESHNESS", "").strip() or Freshness.PROVED)
    except ValueError as error:
        raise SettingsError("ZAITAKU_OIDC_FRESHNESS must be proved, asked or told") from error


def _names_issuer(environ: Mapping[str, str]) -> bool:
    value = environ.get("ZAITAKU_OIDC_NAMES_ISSUER", "").strip()
    if value not in ("", "0", "1"):
        raise SettingsError("ZAITAKU_OIDC_NAMES_ISSUER must be 0 or 1")
    return value == "1"


def _is_address(value: str) -> bool:
    # The origin is written into a header, so nothing may stand in it that separates there.
    if not re.fullmatch(r"https?://[A-Za-z0-9.:\[\]-]+(?:/[\x21-\x7e]*)?", value):
        return False
    try:
        parts = urlsplit(value)
        return bool(parts.hostname) and parts.port != 0 and not parts.query and not parts.fragment
    except ValueError:
        return False
