"""Whether what is done at the same time has to wait."""

from concurrent.futures import Future
from concurrent.futures import TimeoutError as StillWaiting
from typing import Any, Final

A_WHILE: Final = 0.3
"""Seconds after which whoever has not finished is taken to wait."""


def waits(future: Future[Any]) -> bool:
    """Tell whether ``future`` is not done for a while."""
    try:
        future.result(A_WHILE)
    except StillWaiting:
        return True
    return False
