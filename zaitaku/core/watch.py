"""What a deployment tells whoever watches it: counts, durations and spans, never whom it is about.

Rooms tell their ``Watch`` what happened in words of a fixed list (a code, a kind, a route's rule).
Names, numbers, addresses and paths are none of these, so no metric and no trace can hold one.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from enum import StrEnum
from http import HTTPStatus
from types import MappingProxyType
from typing import Final, Protocol


class Happening(StrEnum):
    """What is counted; beside each, the words that it takes."""

    JOURNEY = "journey"
    """``begun`` or ``registered``."""
    REFUSAL = "refusal"
    """The room whose page was asked for, and the public code of the failure."""
    PROOF = "proof"
    """``card`` or ``phone``, and ``good`` or the public code of the failure."""
    JOB = "job"
    """The job's kind, and ``done`` or the public code of the failure."""
    ADMISSION = "admission"
    """For overload: what the request was for, and ``in-line`` or ``sent-away``."""
    SLOW_CLIENT = "slow-client"
    """What a client was waited for with: ``headers``, ``body`` or ``reader`` (it takes an answer);
    and why no longer: it was ``too-slow``, or there were ``too-many`` such clients."""


SLOW: Final[Mapping[HTTPStatus, str]] = MappingProxyType(
    {
        HTTPStatus.REQUEST_TIMEOUT: "too-slow",
        HTTPStatus.SERVICE_UNAVAILABLE: "too-many",
    }
)
"""How a client is answered that is not waited for any longer, and what a watch is told of it."""


class Level(StrEnum):
    """What rises and falls."""

    WAITING = "waiting"
    """Patients whose waiting page still asks, of those who asked this process last."""
    PERMITS = "permits"
    """Journeys that may begin in this process at this moment."""
    TURNS_WANTED = "turns-wanted"
    """Requests that wait for a turn in this process."""


class Watch(Protocol):
    """Who is told; told in passing, so it must neither fail nor wait."""

    def happened(self, what: Happening, *words: str) -> None:
        """Count one of these."""
        ...

    def stands_at(self, what: Level, value: float) -> None:
        """Note how high it stands now."""
        ...

    def asked(self, store: str, operation: str) -> AbstractContextManager[object]:
        """Time a question to a store, also one that fails."""
        ...

    def span(self, name: str) -> AbstractContextManager[object]:
        """Show a piece of work within the present request."""
        ...

    def begin(self, method: str, traceparent: str | None) -> object:
        """Begin a request, maybe part of a trace (W3C Trace Context); return what ``end`` wants."""
        ...

    def end(
        self, begun: object, *, method: str, route: str, status: int, seconds: float, request: str
    ) -> None:
        """End the request; ``route`` is its rule, ``request`` its id in the logs."""
        ...

    def close(self) -> None:
        """Pass on what is not told yet: the process ends."""
        ...


_NOTHING: Final = nullcontext()


class NoWatch:
    """Nobody watches."""

    def happened(self, what: Happening, *words: str) -> None:
        """Do nothing."""

    def stands_at(self, what: Level, value: float) -> None:
        """Do nothing."""

    def asked(self, store: str, operation: str) -> AbstractContextManager[object]:
        """Do nothing around the question."""
        return _NOTHING

    def span(self, name: str) -> AbstractContextManager[object]:
        """Do nothing around the work."""
        return _NOTHING

    def begin(self, method: str, traceparent: str | None) -> object:
        """Do nothing."""
        return None

    def end(
        self, begun: object, *, method: str, route: str, status: int, seconds: float, request: str
    ) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


NO_WATCH: Final[Watch] = NoWatch()
"""It holds nothing, so all may share it."""
