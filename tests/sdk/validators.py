"""Validators of the published schemas, by a library that knows nothing of us."""

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from referencing import Registry, Resource

from zaitaku.sdk.files import SCHEMAS, schema

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator


def _exact(part: Any) -> Any:
    """Return a schema whose patterns mean in Python what they mean in ECMA-262.

    There ``$`` is the end of the text; here it would take a line end behind it, too.
    """
    if isinstance(part, list):
        return [_exact(entry) for entry in part]
    if isinstance(part, dict):
        return {name: _exact(value) for name, value in part.items()}
    return re.sub(r"^(\^.*)\$$", r"\1\\Z", part) if isinstance(part, str) else part


@cache
def validators() -> type["Draft202012Validator"]:
    """Return the library's class; its grammars take two seconds of every process that loads it."""
    from jsonschema import Draft202012Validator

    return Draft202012Validator


@cache
def validator(name: str) -> "Draft202012Validator":
    """Return the validator of one schema."""
    known = [(schema(one)["$id"], Resource.from_contents(_exact(schema(one)))) for one in SCHEMAS]
    registry: Registry[Any] = Registry().with_resources(known)
    return validators()(_exact(schema(name)), registry=registry)


def is_valid(name: str, message: object) -> bool:
    """Tell whether ``message`` is what the schema describes."""
    return bool(validator(name).is_valid(message))
