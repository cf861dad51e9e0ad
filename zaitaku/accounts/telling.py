"""A new password on its way from the act that made it to the one page that tells it.

Between the two lies a redirect, so the password waits in the short-lived store. There it is kept
under a random name that only the browser of whoever made it knows, encrypted with a key made of
that name: reading the store tells nobody a password. Whoever takes it, takes it away.
"""

import base64
import hashlib
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from cryptography.fernet import Fernet

from zaitaku.accounts.model import NewAccount
from zaitaku.core.ephemeral import EphemeralStore
from zaitaku.core.ids import AccountId, new_secret_name

WAITING: Final = timedelta(minutes=5)


class Occasion(StrEnum):
    """Why there is a new password."""

    REGISTERED = "registered"
    RESET = "reset"


@dataclass(frozen=True, repr=False)
class Told:
    """A password that is told now and never again. Never printed."""

    password: str
    occasion: Occasion


class TellOnce:
    """Holds new passwords until their page is opened."""

    def __init__(self, ephemeral: EphemeralStore) -> None:
        self._ephemeral = ephemeral

    def hold(self, new: NewAccount, occasion: Occasion, *, teller: AccountId) -> str:
        """Keep the password for its page and return the name to ask for it with.

        Raises:
            StoreUnavailable: the short-lived store is away; nothing is kept.
        """
        name = new_secret_name()
        fields = {
            "account": str(new.account.id),
            "teller": str(teller),
            "occasion": occasion.value,
            "password": _cipher(name).encrypt(new.password.encode()).decode(),
        }
        self._ephemeral.create(_key(name), fields, WAITING)
        return name

    def take(self, name: str, account_id: AccountId, *, teller: AccountId) -> Told | None:
        """Return the password of an account to whoever made it: the first time, else ``None``.

        Raises:
            StoreUnavailable: the short-lived store is away.
        """
        fields = self._ephemeral.take(_key(name))
        if fields is None or (fields["account"], fields["teller"]) != (
            str(account_id),
            str(teller),
        ):
            return None
        password = _cipher(name).decrypt(fields["password"].encode()).decode()
        return Told(password, Occasion(fields["occasion"]))


def _cipher(name: str) -> Fernet:
    secret = hashlib.sha256(b"zaitaku.told-password\0" + name.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(secret))


def _key(name: str) -> str:
    return "told-password:" + hashlib.sha256(name.encode()).hexdigest()
