"""What browsers prove with passkeys (W3C Web Authentication Level 3): challenges and checks.

A challenge is made for one purpose and one session, lives ten minutes and is taken once. User
verification is always required, so that a passkey alone is two factors: the device and the
finger, face or PIN that opens it.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from zaitaku.accounts.model import Account
from zaitaku.accounts.sign_in_model import (
    Passkey,
    PasskeyRefused,
    ShownPasskey,
    VerifiedPasskey,
    VerifiedUse,
)
from zaitaku.core.ephemeral import EphemeralStore
from zaitaku.core.ids import new_secret_name

CHALLENGE_LIFETIME: Final = timedelta(minutes=10)
ANSWER_CHARACTERS: Final = 16 * 1024
"""No browser's answer is longer; more is not even looked at."""
_PADDING: Final = "=="
"""A process of the version before keeps challenges without it; too much of it is no harm."""
_MILLISECONDS: Final = CHALLENGE_LIFETIME // timedelta(milliseconds=1)


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
        from zaitaku.accounts.passkey_answers import ask_for_new  # noqa: PLC0415 - see there

        host = self.relying_party.id
        asked = ask_for_new(account, known, host=host, milliseconds=_MILLISECONDS)
        return self._kept(Purpose.REGISTER, whose, *asked)

    def begin_proof(self, purpose: Purpose, known: Collection[Passkey], *, whose: str) -> Ceremony:
        """Ask for a proof with one of the ``known`` passkeys, or with any when there are none."""
        from zaitaku.accounts.passkey_answers import ask_for_proof  # noqa: PLC0415 - see there

        asked = ask_for_proof(known, host=self.relying_party.id, milliseconds=_MILLISECONDS)
        return self._kept(purpose, whose, *asked)

    def _kept(self, purpose: Purpose, whose: str, challenge: bytes, options: str) -> Ceremony:
        name = new_secret_name()
        fields = {
            "purpose": purpose,
            "whose": whose,
            "challenge": urlsafe_b64encode(challenge).decode(),
        }
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
        return urlsafe_b64decode(kept["challenge"] + _PADDING)

    def verify_registration(self, challenge: bytes, answer: str) -> VerifiedPasskey:
        """Return the new passkey of an answer (Web Authentication Level 3 §7.1).

        Raises:
            PasskeyRefused: the answer proves nothing.
        """
        from zaitaku.accounts.passkey_answers import read_new  # noqa: PLC0415 - see there

        site = self.relying_party
        return read_new(challenge, _short(answer), host=site.id, origin=site.origin)

    def verify_use(self, passkey: Passkey, challenge: bytes, answer: str) -> VerifiedUse:
        """Verify a proof with ``passkey`` (Web Authentication Level 3 §7.2) but its counter.

        Raises:
            PasskeyRefused: the answer proves nothing.
        """
        from zaitaku.accounts.passkey_answers import read_use  # noqa: PLC0415 - see there

        site, key = self.relying_party, passkey.public_key
        return read_use(key, challenge, _short(answer), host=site.id, origin=site.origin)


def shown_passkey(answer: str) -> ShownPasskey:
    """Return which passkey an answer names.

    Raises:
        PasskeyRefused: it is no answer of a browser.
    """
    from zaitaku.accounts.passkey_answers import read_shown  # noqa: PLC0415 - see there

    return read_shown(_short(answer))


def steps_back(passkey: Passkey, use: VerifiedUse) -> bool:
    """Tell whether the counter did not grow, as when a copy of the passkey is in use (§6.1.1).

    Authenticators that do not count always say 0.
    """
    counts = use.sign_count > 0 or passkey.sign_count > 0
    return counts and use.sign_count <= passkey.sign_count


def _short(answer: str) -> str:
    if len(answer) > ANSWER_CHARACTERS:
        raise PasskeyRefused("answer too long")
    return answer


def _key(name: str) -> str:
    return f"passkey-challenge:{name}"
