"""The paths of the patient's pages, of which nearly every answer of the wizard names one."""

import re
from functools import lru_cache
from typing import Final
from urllib.parse import quote

from werkzeug.routing import Map

from zaitaku.blueprints.edge import the_app

_GAP: Final = re.compile(r"<string:(\w+)>")
_SAFE: Final = "!$&'()*+,/:;=@"
"""What may stand in a path as it is (RFC 3986 §3.3), as Werkzeug sees it."""
_PLAIN: Final = re.compile(r"[\w-]+", re.ASCII)
_REMEMBERED: Final = 128


def path_of(page: str, **values: str) -> str:
    """Return the path of the view ``page``, as ``url_for`` does.

    That looks for more each time, which none of these has: a host, a query, defaults.
    """
    pattern = _pattern(the_app().url_map, page)
    return pattern.format_map({name: _quoted(value) for name, value in values.items()})


def _quoted(value: str) -> str:
    # Journeys and items are made of letters that need no looking at one by one.
    return value if _PLAIN.fullmatch(value) else quote(value, _SAFE)


@lru_cache(_REMEMBERED)
def _pattern(addresses: Map, page: str) -> str:
    rule = next(iter(addresses.iter_rules(f"patient.{page}")))
    return _GAP.sub(r"{\1}", rule.rule)
