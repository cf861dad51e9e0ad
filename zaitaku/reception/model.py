"""Reception URLs and their versions (domain.md §3).

A facility has one URL per channel. Every change of it makes another version current; versions and
the record of who made which one current are never deleted.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final, NewType

from zaitaku.core.clock import japan_date
from zaitaku.core.ids import FacilityId, UrlVersionId
from zaitaku.facilities.model import Channel, Facility

Handle = NewType("Handle", str)
"""A version's public number: ten random digits and their Luhn check digit."""

HANDLE_DIGITS: Final = 11
_GROUPS: Final = (slice(0, 4), slice(4, 8), slice(8, HANDLE_DIGITS))


class UrlAct(StrEnum):
    """What made a version the current one."""

    ISSUE = "issue"
    """最初の発行."""
    ROTATE = "rotate"
    """URLを変更する."""
    REVERT = "revert"
    """URLを変更前に戻す."""
    RESET = "reset"
    """最初のURLに戻す."""


@dataclass(frozen=True)
class UrlVersion:
    """One version of a channel's URL."""

    id: UrlVersionId
    facility_id: FacilityId
    channel: Channel
    number: int
    """Counts from 1 within the channel, in the order in which versions were made."""
    handle: Handle
    predecessor: UrlVersionId | None
    """The version that was current when this one was made; the first has none."""
    created_at: datetime

    @property
    def typed_number(self) -> str:
        """The handle as it is printed for people to type: ``1234-5678-901``."""
        return "-".join(self.handle[group] for group in _GROUPS)


@dataclass(frozen=True)
class UrlEvent:
    """One line of a URL's history; numbers are those of the versions."""

    act: UrlAct
    from_number: int | None
    """The version that stopped working; ``None`` at the first issue."""
    to_number: int
    """The version that works from then on."""
    actor: str
    at: datetime
    reason: str


def retirement_days(history: Iterable[UrlEvent]) -> dict[int, date]:
    """Return on which day in Japan each version that works no more stopped, by its number.

    ``history`` is oldest first. A version that was brought back is none of them.
    """
    days: dict[int, date] = {}
    for event in history:
        if event.from_number is not None:
            days[event.from_number] = japan_date(event.at)
        days.pop(event.to_number, None)
    return days


@dataclass(frozen=True)
class ReceptionUrl:
    """A channel's URL as it stands."""

    channel: Channel
    current: UrlVersion
    first: UrlVersion
    previous: UrlVersion | None
    """What a revert would bring back."""

    @property
    def can_revert(self) -> bool:
        """Whether there is a version before the current one."""
        return self.previous is not None

    @property
    def can_reset(self) -> bool:
        """Whether the current version is another than the first."""
        return self.current.id != self.first.id


@dataclass(frozen=True)
class ReceptionContext:
    """Where a URL leads: the facility, the channel, and whether the URL is the living one."""

    facility: Facility
    channel: Channel
    version: UrlVersion
    is_current: bool
