"""What browsers prove with passkeys (W3C Web Authentication Level 3): challenges and checks.

A challenge is made for one purpose and one session, lives ten minutes and is taken once. User
verification is always required, so that a passkey alone is two factors: the device and the
finger, face or PIN that opens it.
"""

import struct
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from cbor2 import CBORError
from cryptography.exceptions import UnsupportedAlgorithm
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import (
    base64url_to_bytes,
    bytes_to_base64url,
    parse_authentication_credential_json,
    parse_registration_credential_json,
)
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from zaitaku.accounts.model import Account
from zaitaku.accounts.sign_in_model import Passkey, PasskeyRefused
from zaitaku.core.ephemeral import EphemeralStore
from zaitaku.core.ids import new_secret_name

CHALLENGE_LIFETIME: Final = timedelta(minutes=10)
ANSWER_CHARACTERS: Final = 16 * 1024
"""No browser's answer is longer; more is not even looked at."""
LONGEST_CREDENTIAL: Final = 1023
"""Bytes (Web Authentication Level 3 §5.1.3, step 7)."""
_SERVICE: Final = "在宅受付 管理画面"
_MALFORMED: Final = (
    WebAuthnException,
    CBORError,
    UnsupportedAlgorithm,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    OverflowError,
    RecursionError,
    struct.error,
)
"""What the parsers raise on an answer that no browser gives."""


class Purpose(StrEnum):
    """What a challenge is for; it proves nothing else."""

    REGISTER = "register"
    LOG_IN = "log-in"
    SECOND_STEP = "second-step"
    CONFIRM = "confirm"
    """Somebody who is logged in proves once more who they are."""


@dataclass(frozen=True)
class RelyingParty:
    """Whom passkeys are made for: the site's host, and the origin that browsers must name."""

    id: str
    origin: str

    @classmethod
    def of(cls, origin: str) -> "RelyingParty":
        """Return the relying party of a site (scheme, host and port)."""
        return cls(urlsplit(origin).hostname or "", origin)

    @property
    def can_have_passkeys(self) -> bool:
        """Whether browsers make passkeys for it: an address of numbers is no domain."""
        try:
            ip_address(self.id)
        except ValueError:
            return bool(self.id)
        return False


@dataclass(frozen=True)
class Ceremony:
    """A challenge on its way to a browser."""

    name: str
    options: str
    """JSON for ``navigator.credentials``; binary values in Base64url."""


@dataclass(frozen=True)
class VerifiedPasskey:
    """A new passkey that the browser has proved to hold."""

    credential_id: bytes
    public_key: bytes
    sign_count: int
    transports: tuple[str, ...]
    is_backed_up: bool


@dataclass(frozen=True)
class VerifiedUse:
    """A proof with a known passkey."""

    sign_count: int
    is_backed_up: bool


@dataclass(frozen=True)
class ShownPasskey:
    """What an answer says of itself; nothing of it is verified."""

    credential_id: bytes
    user_handle: bytes | None


class Ceremonies:
    """Makes challenges and verifies the answers to them."""

    def __init__(self, *, ephemeral: EphemeralStore, relying_party: RelyingParty) -> None:
        self._ephemeral = ephemeral
        self.relying_party = relying_party

    def begin_registration(
        self, account: Account, known: Collection[Passkey], *, whose: str
    ) -> Ceremony:
        """Ask for a new passkey of ``account``, on a device that has none of the ``known``.

        ``whose`` names the session that must bring the answer.
        """
        options = generate_registration_options(
            rp_id=self.relying_party.id,
            rp_name=_SERVICE,
            user_id=account.id.bytes,
            user_name=account.user_id,
            user_display_name=account.name,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED,
                require_resident_key=True,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=[_descriptor(each) for each in known],
            timeout=_timeout(),
        )
        return self._kept(Purpose.REGISTER, whose, options.challenge, options_to_json(options))

    def begin_proof(self, purpose: Purpose, known: Collection[Passkey], *, whose: str) -> Ceremony:
        """Ask for a proof with one of the ``known`` passkeys, or with any when there are none."""
        options = generate_authentication_options(
            rp_id=self.relying_party.id,
            allow_credentials=[_descriptor(each) for each in known],
            user_verification=UserVerificationRequirement.REQUIRED,
            timeout=_timeout(),
        )
        return self._kept(purpose, whose, options.challenge, options_to_json(options))

    def _kept(self, purpose: Purpose, whose: str, challenge: bytes, options: str) -> Ceremony:
        name = new_secret_name()
        fields = {"purpose": purpose, "whose": whose, "challenge": bytes_to_base64url(challenge)}
        self._ephemeral.create(_key(name), fields, CHALLENGE_LIFETIME)
        return Ceremony(name, options)

    def take_challenge(self, name: str, purpose: Purpose, *, whose: str) -> bytes:
        """Return a challenge and forget it: of many answers exactly one is looked at.

        Raises:
            PasskeyRefused: it is used, too old, or made for something or somebody else.
            StoreUnavailable: the short-lived store is away.
        """
        kept = self._ephemeral.take(_key(name)) or {}
        if (kept.get("purpose"), kept.get("whose")) != (purpose, whose):
            raise PasskeyRefused("no such challenge")
        return base64url_to_bytes(kept["challenge"])

    def verify_registration(self, challenge: bytes, answer: str) -> VerifiedPasskey:
        """Return the new passkey of an answer (Web Authentication Level 3 §7.1).

        Raises:
            PasskeyRefused: the answer proves nothing.
        """
        with _refused(answer):
            credential = parse_registration_credential_json(answer)
            found = verify_registration_response(
                credential=credential,
                expected_challenge=challenge,
                expected_rp_id=self.relying_party.id,
                expected_origin=self.relying_party.origin,
                require_user_verification=True,
            )
            transports = credential.response.transports or []
        if len(found.credential_id) > LONGEST_CREDENTIAL:
            raise PasskeyRefused("credential too long")
        return VerifiedPasskey(
            credential_id=found.credential_id,
            public_key=found.credential_public_key,
            sign_count=found.sign_count,
            transports=tuple(sorted({each.value for each in transports})),
            is_backed_up=found.credential_backed_up,
        )

    def verify_use(self, passkey: Passkey, challenge: bytes, answer: str) -> VerifiedUse:
        """Verify a proof with ``passkey`` (Web Authentication Level 3 §7.2) but its counter.

        Raises:
            PasskeyRefused: the answer proves nothing.
        """
        with _refused(answer):
            found = verify_authentication_response(
                credential=answer,
                expected_challenge=challenge,
                expected_rp_id=self.relying_party.id,
                expected_origin=self.relying_party.origin,
                credential_public_key=passkey.public_key,
                # The counter is compared where the row is locked, and a step back is remembered.
                credential_current_sign_count=0,
                require_user_verification=True,
            )
            return VerifiedUse(found.new_sign_count, found.credential_backed_up)


def shown_passkey(answer: str) -> ShownPasskey:
    """Return which passkey an answer names.

    Raises:
        PasskeyRefused: it is no answer of a browser.
    """
    with _refused(answer):
        credential = parse_authentication_credential_json(answer)
        return ShownPasskey(credential.raw_id, credential.response.user_handle)


def steps_back(passkey: Passkey, use: VerifiedUse) -> bool:
    """Tell whether the counter did not grow, as when a copy of the passkey is in use (§6.1.1).

    Authenticators that do not count always say 0.
    """
    counts = use.sign_count > 0 or passkey.sign_count > 0
    return counts and use.sign_count <= passkey.sign_count


@contextmanager
def _refused(answer: str) -> Iterator[None]:
    if len(answer) > ANSWER_CHARACTERS:
        raise PasskeyRefused("answer too long")
    try:
        yield
    except _MALFORMED as error:
        raise PasskeyRefused(type(error).__name__) from error


def _descriptor(passkey: Passkey) -> PublicKeyCredentialDescriptor:
    transports = [AuthenticatorTransport(each) for each in passkey.transports]
    return PublicKeyCredentialDescriptor(id=passkey.credential_id, transports=transports or None)


def _timeout() -> int:
    return CHALLENGE_LIFETIME // timedelta(milliseconds=1)


def _key(name: str) -> str:
    return f"passkey-challenge:{name}"
