"""What came into the list of consented patients after somebody read it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Self

from zaitaku.core.errors import InvalidField
from zaitaku.records.consented import ConsentedPatients
from zaitaku.records.listing import news_moment

OVERLAP: Final = timedelta(minutes=2)
"""A consent carries the moment before its transaction ends, by the clock of its own machine; it
may appear this much later than that moment and is announced all the same."""

MOST_KNOWN: Final = 200
_SEPARATOR: Final = "."


@dataclass(frozen=True)
class SeenList:
    """What a page has seen; it lives in the address that the page asks for news."""

    since: datetime
    known: frozenset[str]
    """References recorded after ``since`` that were in the list already."""

    @classmethod
    def of(cls, listed: ConsentedPatients, now: datetime) -> Self:
        """Return what is in the list now; to be taken before the list itself is read.

        So what is registered in between is at worst announced although it is shown.
        """
        since = now - OVERLAP
        known = listed.references_since(since)
        return cls(since, frozenset(sorted(known)[:MOST_KNOWN]))

    @classmethod
    def from_mapping(cls, values: Mapping[str, str]) -> Self:
        """Read what ``to_mapping`` wrote.

        Raises:
            InvalidField: ``since`` is no moment, or ``known`` is longer than it can be.
        """
        known = values.get("known", "")
        names = frozenset(known.split(_SEPARATOR)) if known else frozenset[str]()
        if len(names) > MOST_KNOWN:
            raise InvalidField("known", "too-long")
        return cls(news_moment(values.get("since", "")), names)

    def to_mapping(self) -> dict[str, str]:
        """Return the address's query."""
        return {"since": self.since.isoformat(), "known": _SEPARATOR.join(sorted(self.known))}

    def added(self, listed: ConsentedPatients) -> int:
        """Return how many lines are new, or were recorded anew, since the list was read."""
        return len(listed.references_since(self.since) - self.known)
