"""Who offers this build of the bridge, and which sites it may ever serve.

An operator bakes a file ``operator.toml`` into the build (``make bridge OPERATOR=file``)::

    name = "架空在宅医療ネット"             # shown on the pages
    origins = ["https://zaitaku.example"]   # the only sites that this build serves
    phone = "03-0000-0000"                  # optional: whom to call
    help = "https://zaitaku.example/help"             # optional
    download = "https://zaitaku.example/bridge"       # optional: where the newest build lies
    for_tests = false                       # optional: true admits sites for trials
    test_origins = []                       # optional, only for tests; http too

The command line can then choose among these sites, never add one. Only a build for tests that lists
no site for trials takes those that the command line names. A file that says anything else, or says
it wrongly, keeps the bridge from starting: a misspelt name must not open the list.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final, Self
from urllib.parse import urlsplit

from zaitaku import wire
from zaitaku.cardbridge.trust.origins import parse_origin

OPERATOR_FILE: Final = "operator.toml"
NAME_LIMIT: Final = 60
PHONE_LIMIT: Final = 30
ADDRESS_LIMIT: Final = 200
_TEXTS: Final = ("name", "phone", "help", "download")
_LISTS: Final = ("origins", "test_origins")
_PHONE: Final = frozenset("0123456789+-() ")


class OperatorBroken(Exception):
    """The operator's file is not as it must be; the text names the part."""


class OriginOutsideBuild(Exception):
    """This build was not made for the named site."""


@dataclass(frozen=True)
class Served:
    """The sites that a bridge may serve."""

    allowed: frozenset[str]
    tests: frozenset[str]


@dataclass(frozen=True)
class Operator:
    """What an operator has baked into the build.

    Raises:
        OperatorBroken
    """

    name: str
    origins: frozenset[str]
    phone: str = ""
    help: str = ""
    """An https address, or nothing."""
    download: str = ""
    """An https address, or nothing."""
    for_tests: bool = False
    test_origins: frozenset[str] = frozenset()
    """Without any, a build for tests takes those that the command line names."""

    def __post_init__(self) -> None:
        _check(_is_plain(self.name, NAME_LIMIT), "name")
        _check(not self.phone or _is_phone(self.phone), "phone")
        for part in ("help", "download"):
            address = getattr(self, part)
            _check(not address or _is_safe_address(address), part)
        _check(bool(self.origins or self.test_origins), "origins")
        _check(self.for_tests or not self.test_origins, "test_origins")

    @classmethod
    def load(cls) -> Self | None:
        """Return what is baked into this build; None: nobody's build, told by command line only.

        Raises:
            OperatorBroken
        """
        baked = files("zaitaku.cardbridge") / OPERATOR_FILE
        try:
            return cls.from_toml(baked.read_text("utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise OperatorBroken(OPERATOR_FILE) from error

    @classmethod
    def from_toml(cls, text: str) -> Self:
        """Read an operator's file.

        Raises:
            OperatorBroken
        """
        try:
            body = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise OperatorBroken("TOML") from error
        for part in body:
            _check(part in {*_TEXTS, *_LISTS, "for_tests"}, part)
        return cls(
            **{part: _text(body, part) for part in _TEXTS},
            origins=_origins(body, "origins", tls_only=True),
            test_origins=_origins(body, "test_origins", tls_only=False),
            for_tests=_flag(body, "for_tests"),
        )

    def narrow(self, told: Served) -> Served:
        """Return which of this build's sites are served when the command line names ``told``.

        Raises:
            OriginOutsideBuild: it names one that the build was not made for.
        """
        for origin in sorted(told.allowed - self.origins):
            raise OriginOutsideBuild(origin)
        for origin in sorted(told.tests - self.test_origins):
            if self.test_origins or not self.for_tests:
                raise OriginOutsideBuild(origin)
        if told.allowed or told.tests:
            return told
        return Served(self.origins, self.test_origins)


def served(operator: Operator | None, told: Served) -> Served:
    """Return the sites that a bridge serves; without an operator, those that it was told.

    Raises:
        OriginOutsideBuild
    """
    return told if operator is None else operator.narrow(told)


def _check(is_good: bool, part: str) -> None:
    if not is_good:
        raise OperatorBroken(part)


def _text(body: Mapping[str, Any], part: str) -> str:
    value = body.get(part, "")
    _check(isinstance(value, str), part)
    return str(value)


def _flag(body: Mapping[str, Any], part: str) -> bool:
    value = body.get(part, False)
    _check(isinstance(value, bool), part)
    return bool(value)


def _origins(body: Mapping[str, Any], part: str, *, tls_only: bool) -> frozenset[str]:
    entries = body.get(part, [])
    _check(isinstance(entries, list), part)
    try:
        return frozenset(parse_origin(str(entry), tls_only=tls_only) for entry in entries)
    except ValueError as error:
        raise OperatorBroken(part) from error


def _is_plain(text: str, limit: int) -> bool:
    """Tell whether a page can show it as it stands: nothing hidden, turned round or covered."""
    return len(text) <= limit and wire.is_readable(text)


def _is_phone(text: str) -> bool:
    return len(text) <= PHONE_LIMIT and set(text) <= _PHONE and any(map(str.isdigit, text))


def _is_safe_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        has_port = parts.port != 0
    except ValueError:
        return False
    is_bare = "@" not in parts.netloc and text.isascii() and text.isprintable() and " " not in text
    return (
        parts.scheme == "https"
        and bool(parts.hostname)
        and is_bare
        and has_port
        and (len(text) <= ADDRESS_LIMIT)
    )
