"""What somebody had typed when their session ended, kept for half an hour until they are back.

The fields lie in the short-lived store under a random name, which the browser's signed cookie
carries. Whose they are is a keyed hash of the account, set at its login: the cookie tells nobody
who it was, and another account that logs in on the same browser gets nothing.
"""

import hmac
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeVar
from urllib.parse import urlsplit

from flask import current_app, request, session
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RoutingException

from zaitaku.accounts.model import Account
from zaitaku.blueprints.edge import services
from zaitaku.core.ids import AccountId, new_secret_name
from zaitaku.core.texts import has_control_characters

LIFETIME: Final = timedelta(minutes=30)
MOST_BYTES: Final = 32 * 1024
_NAME_FIELD: Final = "kept"
_OWNER_FIELD: Final = "owner"
_PURPOSE: Final = "console-form-owner"
_SECRET_WORDS: Final = ("password", "csrf", "secret", "serial", "token")
"""A field whose name holds one of these is never kept."""
_ATTRIBUTE: Final = "__never_kept__"

View = TypeVar("View", bound=Callable[..., object])
Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, repr=False)
class KeptForm:
    """A form that was sent, or about to be, when the session was over. Never printed."""

    address: str
    """Path and query that it goes to."""
    pairs: Pairs


def never_kept(view: View) -> View:
    """Say that what is sent to this view is secret: it is not kept."""
    setattr(view, _ATTRIBUTE, True)
    return view


def remember_owner(account: Account) -> None:
    """Write into the browser's cookie whose the forms are from now on."""
    session[_OWNER_FIELD] = next(_owners(account.id))


def keep_request() -> None:
    """Keep the form of the present request, whose session is over."""
    keep(request.full_path.rstrip("?"), request.form.items(multi=True))


def keep(address: str, typed: Iterable[tuple[str, str]]) -> None:
    """Keep a form unless it is empty, too large, secret, or nobody's.

    Raises:
        StoreUnavailable: the short-lived store is away.
    """
    pairs = [pair for pair in typed if not _is_secret(pair[0])]
    packed = json.dumps(pairs)
    owner = session.get(_OWNER_FIELD, "")
    is_wanted = bool(owner and pairs) and len(packed) <= MOST_BYTES
    if not is_wanted or not _takes_forms(address):
        return
    forget()
    name = new_secret_name()
    fields = {"address": address, "pairs": packed, "owner": owner}
    services().ephemeral.create(_key(name), fields, LIFETIME)
    session[_NAME_FIELD] = name


def kept_for(account: Account) -> KeptForm | None:
    """Return what this account had typed, if it is still there; another account's is forgotten.

    Raises:
        StoreUnavailable: the short-lived store is away.
    """
    name = session.get(_NAME_FIELD)
    fields = services().ephemeral.read(_key(name)) if name else None
    if fields is None or not _is_owner(account, fields["owner"]):
        forget()
        return None
    pairs = tuple((str(field), str(value)) for field, value in json.loads(fields["pairs"]))
    return KeptForm(fields["address"], pairs)


def forget() -> None:
    """Throw away what is kept for this browser.

    Raises:
        StoreUnavailable: the short-lived store is away.
    """
    name = session.pop(_NAME_FIELD, None)
    if name:
        services().ephemeral.delete(_key(name))


def _is_secret(field: str) -> bool:
    return any(word in field.lower() for word in _SECRET_WORDS)


def _takes_forms(address: str) -> bool:
    if has_control_characters(address):
        return False
    parts = urlsplit(address)
    endpoint = _endpoint(parts.path) if not (parts.scheme or parts.netloc) else ""
    view = current_app.view_functions.get(endpoint)
    return endpoint.startswith("console.") and not hasattr(view, _ATTRIBUTE)


def _endpoint(path: str) -> str:
    try:
        return str(current_app.url_map.bind("").match(path, method="POST")[0])
    except (HTTPException, RoutingException):
        return ""


def _owners(account_id: AccountId) -> Iterator[str]:
    return services().settings.session_keys.keyed_hashes(_PURPOSE, account_id.bytes)


def _is_owner(account: Account, owner: str) -> bool:
    return any(hmac.compare_digest(each, owner) for each in _owners(account.id))


def _key(name: str) -> str:
    return f"kept-form:{name}"
