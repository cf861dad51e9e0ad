"""What somebody had typed when their session ended, kept for half an hour until they are back.

The fields lie in the short-lived store under a random name, which the browser's signed cookie
carries. Whose they are is a keyed hash of the account, set at its login: the cookie tells nobody
who it was, and another account that logs in on the same browser gets nothing.

It comes back in its own page: the page that shows the form, filled with what was typed. A hidden
field names it there; when that is sent, the name is used up before anything is done, so that a
second send of the same page is told so and does nothing. A form that asks for nothing but a tick
is not given back: its page is opened anew.
"""

import hmac
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Final, TypeVar
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, g, render_template, request, session
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RoutingException

from zaitaku.accounts.model import Account
from zaitaku.accounts.sessions import ABSOLUTE
from zaitaku.blueprints.edge import services, the_g
from zaitaku.blueprints.refilling import refill
from zaitaku.core.errors import Conflict, StoreUnavailable
from zaitaku.core.ids import AccountId, new_secret_name
from zaitaku.core.texts import has_control_characters

LIFETIME: Final = timedelta(minutes=30)
MOST_BYTES: Final = 32 * 1024
_NAME_FIELD: Final = "kept"
_OWNER_FIELD: Final = "owner"
SENT_FIELD: Final = "kept_form"
"""The hidden field with the name of a form that was given back."""
_NAME_CHARACTERS: Final = 64
_PURPOSE: Final = "console-form-owner"
_PLACE: Final = "kept-form"
_SECRET_WORDS: Final = ("password", "csrf", "secret", "serial", "token")
"""A field whose name holds one of these is never kept."""
_ATTRIBUTE: Final = "__never_kept__"
_REPEATABLE: Final = "__repeatable__"

View = TypeVar("View", bound=Callable[..., object])
Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, repr=False)
class KeptForm:
    """A form that was sent, or about to be, when the session was over. Never printed."""

    address: str
    """Path and query that it goes to."""
    pairs: Pairs


class AlreadySent(Conflict):
    """What was given back was sent once already: a second send does nothing."""

    code = "form-already-sent"


def add(app: Flask) -> None:
    """Give back, in the pages of ``app``, what was typed in them."""
    app.after_request(_after)


def never_kept(view: View) -> View:
    """Say that what is sent to this view is secret: it is not kept."""
    setattr(view, _ATTRIBUTE, True)
    return view


def repeatable(view: View) -> View:
    """Say that what is sent to this view changes nothing: it may be sent as often as one likes."""
    setattr(view, _REPEATABLE, True)
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
    pairs = [pair for pair in typed if _may_keep(pair[0])]
    packed = json.dumps(pairs)
    owner = session.get(_OWNER_FIELD, "")
    is_wanted = bool(owner and pairs) and len(packed) <= MOST_BYTES
    if not is_wanted or not _takes_forms(address):
        return
    forget()
    name = new_secret_name()
    fields = {"address": _sealed(address, name), "pairs": _sealed(packed, name), "owner": owner}
    services().ephemeral.create(_key(name), fields, LIFETIME)
    session[_NAME_FIELD] = name


def kept_for(account: Account) -> KeptForm | None:
    """Return what this account had typed, if it is still there; another account's is forgotten.

    Raises:
        StoreUnavailable: the short-lived store is away.
    """
    name: str = session.get(_NAME_FIELD, "")
    fields = services().ephemeral.read(_key(name)) if name else None
    if fields is None or not _is_owner(account, fields["owner"]):
        forget()
        return None
    packed = json.loads(_opened(fields["pairs"], name))
    pairs = tuple((str(field), str(value)) for field, value in packed)
    return KeptForm(_opened(fields["address"], name), pairs)


def forget() -> None:
    """Throw away what is kept for this browser.

    Raises:
        StoreUnavailable: the short-lived store is away.
    """
    name = session.pop(_NAME_FIELD, None)
    if name:
        services().ephemeral.delete(_key(name))


def use_up() -> None:
    """Use up the form that the present request sends, if it is one that was given back.

    Raises:
        AlreadySent: it was sent once already.
        StoreUnavailable: the short-lived store is away; nothing is done.
    """
    name = request.form.get(SENT_FIELD, "")[:_NAME_CHARACTERS]
    if not name:
        return
    is_repeatable = hasattr(current_app.view_functions[str(request.endpoint)], _REPEATABLE)
    used_up = {"sent": "yes"}
    if not is_repeatable and not services().ephemeral.create(_sent_key(name), used_up, ABSOLUTE):
        raise AlreadySent
    g.sent_form = name


def _after(response: Response) -> Response:
    own = the_g()
    if "staff" not in own and "sent_form" not in own:
        return response
    try:
        _settle_sent(response)
        _give_back(response)
    except StoreUnavailable:
        pass  # the page is shown as it is; what was typed waits for its next turn
    return response


def _settle_sent(response: Response) -> None:
    name = g.get("sent_form")
    if name is None:
        return
    if response.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
        services().ephemeral.delete(_sent_key(name))  # nothing was done: it may be sent again
    elif session.get(_NAME_FIELD) == name:
        forget()


def _give_back(response: Response) -> None:
    is_page = response.status_code == HTTPStatus.OK and response.mimetype == "text/html"
    if request.method != "GET" or not is_page or "staff" not in g or _NAME_FIELD not in session:
        return
    kept = kept_for(g.staff.account)
    if kept is None or kept.address != request.full_path.rstrip("?"):
        return
    note = render_template("console/kept_note.html", field=SENT_FIELD, name=session[_NAME_FIELD])
    page = response.get_data(as_text=True)
    filled = refill(page, kept.address, kept.pairs, note=note, may_fill=_may_keep)
    if filled is None:
        return
    if filled.has_typing:
        response.set_data(filled.page)
    else:
        forget()


def _may_keep(field: str) -> bool:
    is_secret = any(word in field.lower() for word in _SECRET_WORDS)
    return not is_secret and field != SENT_FIELD


def has_page(address: str) -> bool:
    """Tell whether the console shows a page at the address."""
    endpoint = _endpoint(urlsplit(address).path, "GET")
    return endpoint.startswith("console.") and endpoint != "console.nowhere"


def _takes_forms(address: str) -> bool:
    if has_control_characters(address):
        return False
    parts = urlsplit(address)
    endpoint = _endpoint(parts.path, "POST") if not (parts.scheme or parts.netloc) else ""
    view = current_app.view_functions.get(endpoint)
    takes = endpoint.startswith("console.") and not hasattr(view, _ATTRIBUTE)
    return takes and has_page(address)


def _endpoint(path: str, method: str) -> str:
    try:
        return str(current_app.url_map.bind("").match(path, method=method)[0])
    except (HTTPException, RoutingException):
        return ""


def _owners(account_id: AccountId) -> Iterator[str]:
    return services().settings.session_keys.keyed_hashes(_PURPOSE, account_id.bytes)


def _is_owner(account: Account, owner: str) -> bool:
    return any(hmac.compare_digest(each, owner) for each in _owners(account.id))


def _sealed(text: str, name: str) -> str:
    # Forms and searches name patients; the short-lived store may be somebody else's machine.
    return services().database.seal.sealed_text(text, _PLACE, name)


def _opened(kept: str, name: str) -> str:
    return services().database.seal.opened_text(kept, _PLACE, name)


def _key(name: str) -> str:
    return f"kept-form:{name}"


def _sent_key(name: str) -> str:
    return f"sent-form:{name}"
