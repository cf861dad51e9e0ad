"""The door of one machine, from what its processes have counted for Prometheus."""

from collections import Counter
from typing import Final

from prometheus_client.registry import Collector

from zaitaku.watching.door import Door

_WAITING: Final = "zaitaku_waiting_patients"
_PERMITS: Final = "zaitaku_entry_permits"
_ADMISSIONS: Final = "zaitaku_admissions_total"
_REQUESTS: Final = "zaitaku_requests_total"
_TOLD: Final = frozenset({_WAITING, _PERMITS, _ADMISSIONS, _REQUESTS})


class DoorCounts:
    """What was counted at the door, from look to look."""

    def __init__(self, counters: Collector) -> None:
        self._counters = counters
        self._in_line = 0
        self._sent_away = 0

    def look(self) -> Door | None:
        """Return how it stands; ``None``: nobody has come yet, so the levels say nothing."""
        found = self._found()
        if not found[_REQUESTS]:
            return None
        in_line, sent_away = found["in-line"], found["sent-away"]
        door = Door(
            waiting=found[_WAITING],
            permits=found[_PERMITS],
            in_line=in_line - self._in_line,
            sent_away=sent_away - self._sent_away,
        )
        self._in_line, self._sent_away = in_line, sent_away
        return door

    def _found(self) -> Counter[str]:
        found = Counter[str]()
        for sample in (each for metric in self._counters.collect() for each in metric.samples):
            if sample.name in _TOLD:
                found[sample.labels.get("outcome", sample.name)] += int(sample.value)
        return found
