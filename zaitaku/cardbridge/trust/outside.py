"""JSON (RFC 8259) that somebody else has written."""

import json
from typing import NoReturn


def read_json(text: str | bytes) -> object:
    """Return what ``text`` says.

    Raises:
        ValueError: it is no JSON (``NaN`` is none), or so deep or so long a number that it was
            meant to do harm.
    """
    try:
        content: object = json.loads(text, parse_constant=_no_number)
    except RecursionError as error:
        raise ValueError("too deep") from error
    return content


def _no_number(name: str) -> NoReturn:
    raise ValueError(name)
