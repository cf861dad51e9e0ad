"""The paths of the patient's pages, of which nearly every answer of the wizard names one."""

import re
from functools import lru_cache
from typing import Final
from urllib.parse import quote

from flask import current_app
from werkzeug.routing import Map

_GAP: Final = re.compile(r"<string:(\w+)>")
_SAFE: Final = "!$&'()*+,/:;=@"
"""What may stand in a path as it is (RFC 3986 §3.3), as Werkzeug sees it."""
_REMEMBERED: Final = 128


def path_of(page: str, **values: str) -> str:
    """Return the path of the view ``page``, as ``url_for`` does.

    That looks for more each time, which none of these has: a host, a query, defaults.
    """
    pattern = _pattern(current_app.url_map, f"patient.{page}")
    return pattern.format_map({name: quote(value, _SAFE) for name, value in values.items()})


@lru_cache(_REMEMBERED)
def _pattern(addresses: Map, endpoint: str) -> str:
    rule = next(iter(addresses.iter_rules(endpoint)))
    return _GAP.sub(r"{\1}", rule.rule)
