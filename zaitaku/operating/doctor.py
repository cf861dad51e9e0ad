"""What is wrong with a deployment, and what to do about it.

Each examination looks at one thing by itself. It changes nothing, shows no secret, and what it
cannot learn it says so.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from zaitaku.core.errors import StoreUnavailable
from zaitaku.operating.deployment import Deployment
from zaitaku.operating.examinations import clocks, condition, machine, rings, site, start, stores
from zaitaku.operating.reasons import why
from zaitaku.watching.words import UNKNOWN, Line

Examination = Callable[[Deployment], Iterable[Line]]


@dataclass(frozen=True)
class Finding:
    """One fact and which examination found it."""

    check: str
    line: Line

    @property
    def is_fine(self) -> bool:
        """Whether nothing is to be done."""
        return not self.line.worry


EXAMINATIONS: Final[Mapping[str, Examination]] = {
    "condition": condition.condition,
    "start": start.start,
    "mode": machine.mode,
    "names": machine.names_of_settings,
    "operator": machine.named_operator,
    "private-files": machine.private_files,
    "keys": machine.key_files,
    "key-rings": rings.rings,
    "disk": machine.disk,
    "time-zone": machine.time_zone,
    "durability": stores.durability,
    "redis": stores.redis,
    "clocks": clocks.clocks,
    "site": site.site,
}
"""Each examination under the name that machines know it by."""


def examine(
    deployment: Deployment, examinations: Mapping[str, Examination] = EXAMINATIONS
) -> Iterator[Finding]:
    """Return what each examination finds; a store that is away hides only what it was asked."""
    for name, look in examinations.items():
        try:
            for line in look(deployment):
                yield Finding(name, line)
        except StoreUnavailable as error:
            yield Finding(
                name, Line(_NAMES[name], UNKNOWN, f"調べられませんでした: {why(error)}。")
            )


_NAMES: Final[Mapping[str, str]] = {
    "key-rings": "鍵の輪",
    "durability": "データベースの設定",
    "redis": "Redisの設定",
    "clocks": "時計",
}
"""What cannot be learnt while a store is away."""
