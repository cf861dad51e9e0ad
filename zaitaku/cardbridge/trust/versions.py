"""Which version this bridge is, and whether it is older than another."""

import re
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from zaitaku import wire

_RELEASE: Final = re.compile(r"[0-9]+(?:\.[0-9]+)*")


def installed_version() -> str:
    """Return the version of the installed package."""
    try:
        return version("zaitaku")
    except PackageNotFoundError:
        return "0"


def is_older(installed: str, needed: str) -> bool:
    """Tell whether ``installed`` comes before ``needed``; what is no version is older than any.

    Of ``installed`` the release counts (PEP 440): ``1.2.dev3`` is on its way to ``1.2``. A
    ``needed`` that is no version asks for nothing; the message that it stands in is refused by
    ``wire``.
    """
    try:
        wanted = wire.version_of(needed)
    except wire.MalformedMessage:
        return False
    return _release(installed) < wanted


def _release(text: str) -> tuple[int, ...]:
    found = _RELEASE.match(text)
    try:
        return wire.version_of(found[0]) if found else ()
    except wire.MalformedMessage:
        return ()
