"""What a list is asked for stands in its address, so that it can be reloaded, paged and kept, and
names of people stand there unreadable (ADR 65).

A search is sent in the body and led on to its address. Whoever types such an address by hand may
write plain words; the pages themselves never do.
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

from flask import redirect, request, url_for
from werkzeug.wrappers import Response

from zaitaku.blueprints.console.room import blueprint, failure
from zaitaku.blueprints.edge import services
from zaitaku.blueprints.kept_forms import SENT_FIELD
from zaitaku.blueprints.permissions import current_staff
from zaitaku.core.errors import ZaitakuError
from zaitaku.core.sealing import Seal, SealBroken, SealRing
from zaitaku.core.texts import without_control_characters

PRIVATE: Final = frozenset({"q", "who", "user_id", "name", "kana"})
"""Fields in which people are named, or codes that open something."""
SEALED: Final = "find"
"""The part of an address that carries them."""
MOST_CHARACTERS: Final = 200
"""More than any such field takes; who sends more is told so by the list, with its beginning."""
_NOT_ASKED: Final = frozenset({"csrf_token", SENT_FIELD})
_PLACE: Final = "console-search"


class SearchUnreadable(ZaitakuError):
    """What an address asks for was sealed by another facility or key, or was changed."""

    code = "search-unreadable"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


def asked() -> Mapping[str, str]:
    """Return what the present address asks for, by field.

    Raises:
        SearchUnreadable: names in it cannot be opened.
    """
    words = request.args.to_dict()
    sealed = words.pop(SEALED, "")
    return {**words, **_opened(sealed)} if sealed else words


def shown_again() -> Mapping[str, str]:
    """Return the same as it may be shown again, to be mended."""
    return {field: without_control_characters(word) for field, word in asked().items()}


def address(endpoint: str, words: Mapping[str, str]) -> str:
    """Return where a list is shown as ``words`` ask for; names in them are sealed."""
    return _at(url_for(endpoint), words)


def lead_on() -> Response:
    """Lead on to what the present form asks for; whether that can be, its list tells."""
    words = {field: word[:MOST_CHARACTERS] for field, word in request.form.items() if word}
    for field in _NOT_ASKED & words.keys():
        del words[field]
    # A form is sent to where its list is.
    return redirect(_at(request.path, words), HTTPStatus.SEE_OTHER)


@blueprint.errorhandler(SearchUnreadable)
def unreadable(error: SearchUnreadable) -> tuple[str, HTTPStatus]:
    """Say that the search has to be made again."""
    return failure(
        "検索の条件を読めません",
        "この検索は、ほかの医療機関のものか、前の設定で作られたものです。",
        "お手数ですが、もう一度検索してください。",
    ), error.status


def _at(path: str, words: Mapping[str, str]) -> str:
    plain = {field: word for field, word in words.items() if field not in PRIVATE}
    private = {field: word for field, word in words.items() if field in PRIVATE and word}
    if private:
        plain[SEALED] = _sealed(private)
    return path + (f"?{urlencode(plain)}" if plain else "")


def _sealed(words: Mapping[str, str]) -> str:
    present = request.args.get(SEALED, "")
    # The same search keeps its address from page to page.
    if present and _opened(present) == words:
        return present
    packed = json.dumps(words, ensure_ascii=False, separators=(",", ":"))
    return _seal().sealed_text(packed, _PLACE, current_staff().facility.id)


def _opened(sealed: str) -> dict[str, str]:
    try:
        packed = _seal().opened_text(sealed, _PLACE, current_staff().facility.id)
    except SealBroken as error:
        raise SearchUnreadable from error
    return dict(json.loads(packed))


def _seal() -> Seal:
    return _seal_of(services().settings.session_keys.keys)


@lru_cache(maxsize=4)
def _seal_of(keys: tuple[str, ...]) -> Seal:
    return Seal(SealRing(tuple(dict.fromkeys(keys))))
