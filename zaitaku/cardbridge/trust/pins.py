"""Whose requests the bridge carries out: told origins, and keys pinned at first use.

A request must be signed by a key that its origin publishes **now** over TLS (so a withdrawn key is
of no use) and that this bridge **trusts**:

* At the first request of an origin, the published keys are pinned in the state folder.
* From then on a published key is trusted when it is pinned, or when a pinned key vouches for it:
  the key document may carry ``endorsements``, compact JWS (RFC 7515) of type ``ENDORSEMENT_TYPE``
  over ``{"iss": origin, "sub": JWK thumbprint of the new key (RFC 7638)}``, signed by the older
  key. To change its key a site publishes the new one with the older one's endorsement and leaves
  the endorsement there; a bridge that slept through the change still follows. Merely standing
  beside a pinned key is not enough: whoever has taken over the address can copy public keys.
* A pinned key that the site publishes no more is forgotten once a request was trusted without it:
  a key that was withdrawn, perhaps because it was stolen, stays withdrawn.
* Anything else is refused with a page of its own, until somebody makes the bridge forget the site
  (``zaitaku-bridge --forget-origin``).

Keys of test origins are kept in memory only: their sites are made anew all the time.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from threading import Lock
from typing import Any, Final, cast

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwa import JWSAlgModel
from joserfc.jwk import OKPKey

from zaitaku import wire
from zaitaku.cardbridge.trust.failures import (
    BadSignature,
    ForeignOrigin,
    KeyChanged,
    KeyUnreachable,
    StateUnusable,
)
from zaitaku.cardbridge.trust.keeping import read_private, write_private
from zaitaku.cardbridge.trust.outside import read_json
from zaitaku.cardbridge.trust.site import PublishedKeys, SiteClient

KEY_LIMIT: Final = 16
"""More keys or endorsements than any site needs; the rest are not looked at."""

Keys = dict[str, OKPKey]
"""Public Ed25519 keys by their thumbprint (RFC 7638)."""


class _Registry(jws.JWSRegistry):
    """Knows ``EdDSA`` (RFC 8037) as what RFC 9864 calls ``Ed25519``, the only curve of ours."""

    def get_alg(self, name: str) -> JWSAlgModel:
        return super().get_alg("Ed25519" if name == "EdDSA" else name)


def registry() -> jws.JWSRegistry:
    """Return the rules for the headers of what a site signs: one algorithm, nothing critical."""
    return _Registry(algorithms=["Ed25519"])


def is_signed_by(signed: jws.CompactSignature, key: OKPKey) -> bool:
    """Tell whether ``key`` made the signature; anything odd in the header is a no."""
    try:
        return "crit" not in signed.headers() and jws.validate_compact(
            signed, key, registry=registry()
        )
    except JoseError:
        return False


def usable_keys(published: Iterable[Mapping[str, Any]]) -> Keys:
    """Return the Ed25519 signing keys among ``published``; others are passed over."""
    keys: Keys = {}
    for entry in list(published)[:KEY_LIMIT]:
        if entry.get("kty") == "OKP" and entry.get("crv") == "Ed25519":
            _add_key(keys, entry.get("x"))
    return keys


def _add_key(keys: Keys, x: object) -> None:
    try:
        key = OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": str(x)})
        keys[key.thumbprint()] = key
    except (JoseError, ValueError):
        return


class Pins:
    """The keys that each origin is known by, kept in one file that only its owner can read."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "sites.json"
        self._lock = Lock()

    def check(self) -> None:
        """Make sure that what is remembered can be read.

        Raises:
            StateUnusable
        """
        self._read()

    def of(self, origin: str) -> Keys:
        """Return the keys pinned for ``origin``; none means that it was never served.

        Raises:
            StateUnusable
        """
        everything = self._read()
        keys = usable_keys(everything.get(origin, []))
        if origin in everything and not keys:  # served before, but by which key cannot be told
            raise StateUnusable(str(self._file))
        return keys

    def keep(self, origin: str, keys: Keys) -> None:
        """Pin ``keys`` for ``origin`` in place of those pinned before.

        Raises:
            StateUnusable
        """
        with self._lock:
            kept = [key.as_dict(private=False) for key in keys.values()]
            self._write(self._read() | {origin: kept})

    def count(self) -> int:
        """Return how many sites are known.

        Raises:
            StateUnusable
        """
        return len(self._read())

    def forget(self, origin: str) -> bool:
        """Unpin every key of ``origin``; return whether there was one.

        Raises:
            StateUnusable
        """
        with self._lock:
            everything = self._read()
            known = everything.pop(origin, None) is not None
            if known:
                self._write(everything)
            return known

    def _read(self) -> dict[str, list[Any]]:
        try:
            content = read_json(read_private(self._file))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise StateUnusable(str(self._file)) from error
        if not _is_memory(content):
            raise StateUnusable(str(self._file))
        return cast("dict[str, list[Any]]", content)

    def _write(self, everything: Mapping[str, Any]) -> None:
        try:
            write_private(self._file, json.dumps(everything, indent=1))
        except OSError as error:
            raise StateUnusable(str(self._file)) from error


def _is_memory(content: object) -> bool:
    """Tell whether it has a list of keys for each site; a key that is none is passed over."""
    return isinstance(content, dict) and all(
        isinstance(keys, list) and all(isinstance(key, dict) for key in keys)
        for keys in content.values()
    )


class Trust:
    """Decides whether a signed request comes from a site that this bridge serves."""

    def __init__(
        self, *, allowed: frozenset[str], tests: frozenset[str], pins: Pins, site: SiteClient
    ) -> None:
        self._allowed = allowed
        self._tests = tests
        self._pins = pins
        self._test_pins: dict[str, Keys] = {}
        self._site = site

    def is_test(self, origin: str) -> bool:
        """Tell whether ``origin`` was named for trials only."""
        return origin in self._tests

    def verify_signature(self, *, origin: str, signed: jws.CompactSignature) -> float | None:
        """Check that ``origin`` is served and made ``signed``; return its clock where it told.

        Raises:
            ForeignOrigin: nobody told the bridge to serve it; nothing is fetched from it.
            TooOften: keys were fetched too often of late.
            KeyUnreachable: its keys could not be fetched, or none is usable.
            BadSignature: none of its keys made the signature.
            KeyChanged: a key made it that is neither pinned nor vouched for.
            StateUnusable
        """
        if origin not in self._allowed | self._tests:
            raise ForeignOrigin(origin=origin)
        published = self._site.fetch_keys(origin)
        keys = usable_keys(published.keys)
        if not keys:
            raise KeyUnreachable(origin=origin)
        signer = _signer_of(signed, keys)
        if signer is None:
            raise BadSignature(origin=origin)
        self._admit(origin, signer, keys, published)
        return published.site_time

    def _admit(self, origin: str, signer: str, keys: Keys, published: PublishedKeys) -> None:
        pinned = self._pinned(origin)
        trusted = _vouched(origin, pinned, keys, published.endorsements) if pinned else keys
        if signer not in trusted:
            raise KeyChanged(origin=origin)
        living = {name: key for name, key in trusted.items() if name in keys}
        if living.keys() != pinned.keys():
            self._pin(origin, living)

    def _pinned(self, origin: str) -> Keys:
        return self._test_pins.get(origin, {}) if self.is_test(origin) else self._pins.of(origin)

    def _pin(self, origin: str, keys: Keys) -> None:
        if self.is_test(origin):
            self._test_pins[origin] = keys
        else:
            self._pins.keep(origin, keys)


def _signer_of(signed: jws.CompactSignature, keys: Keys) -> str | None:
    return next((name for name, key in keys.items() if is_signed_by(signed, key)), None)


def _vouched(origin: str, pinned: Keys, keys: Keys, endorsements: tuple[str, ...]) -> Keys:
    """Return ``pinned`` and the keys that follow from it, over any number of changes."""
    trusted = dict(pinned)
    for _ in range(KEY_LIMIT):
        fresh = {
            name: keys[name]
            for text in endorsements[:KEY_LIMIT]
            for name in _endorsed(origin, text, trusted)
            if name in keys and name not in trusted
        }
        if not fresh:
            break
        trusted |= fresh
    return trusted


def _endorsed(origin: str, text: str, trusted: Keys) -> list[str]:
    try:
        signed = jws.extract_compact(text.encode(), registry=registry())
        claims = read_json(signed.payload or b"")
        if not isinstance(claims, dict):
            return []
        about_it = claims["iss"] == origin and signed.headers().get("typ") == wire.ENDORSEMENT_TYPE
        is_ours = about_it and _signer_of(signed, trusted) is not None
        return [str(claims["sub"])] if is_ours else []
    except (JoseError, ValueError, KeyError):
        return []
