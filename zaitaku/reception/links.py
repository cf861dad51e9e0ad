"""Who has taken over a channel's URL by a program, and must be told of a new one."""

from typing import Protocol

from zaitaku.core.ids import FacilityId
from zaitaku.facilities.model import Channel


class LinkedApps(Protocol):
    """Knows the applications that lead patients to a facility's URL."""

    def names(self, facility_id: FacilityId, channel: Channel) -> tuple[str, ...]:
        """Return the applications' names as staff know them, in a fixed order."""
        ...


class NoLinkedApps:
    """No application can register itself yet; a URL pasted somewhere is known to nobody."""

    def names(self, facility_id: FacilityId, channel: Channel) -> tuple[str, ...]:
        """Return nothing."""
        return ()
