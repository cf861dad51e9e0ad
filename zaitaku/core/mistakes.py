"""Everything that is wrong with what somebody filled in, collected before it is told."""

from collections.abc import Callable
from typing import TypeVar

from zaitaku.core.errors import InvalidField

Value = TypeVar("Value")


class Mistakes:
    """Collects what is to be mended, so that people learn of everything at once."""

    def __init__(self) -> None:
        self._found: list[InvalidField] = []

    def kept(self, rule: Callable[[], Value]) -> Value | None:
        """Return what ``rule`` returns, or ``None`` and remember what it refuses."""
        try:
            return rule()
        except InvalidField as mistake:
            self._found.append(mistake)
            return None

    @property
    def all(self) -> tuple[InvalidField, ...]:
        """Everything found so far, in the order of checking."""
        return tuple(self._found)
