"""What breaks when a URL is changed: journeys under way, what was printed, what links to it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from zaitaku.blueprints.console.sources import poster_names
from zaitaku.blueprints.edge import services
from zaitaku.blueprints.permissions import current_staff
from zaitaku.reception.model import ReceptionUrl
from zaitaku.reception.posters.model import NO_POSTER
from zaitaku.reception.posters.uses import WATCHED
from zaitaku.reception.printing import KIND_NAMES, PrintKind

_NAMELESS: Final = "名前のないもの"
"""A file that was made for no named poster. Links and typed numbers are uses, and no files."""
WATCHED_MINUTES: Final = int(WATCHED.total_seconds() // 60)


@dataclass(frozen=True)
class Printed:
    """One kind of file of one poster that somebody has downloaded."""

    name: str
    times: int
    last: datetime


@dataclass(frozen=True)
class Breaking:
    """What is known to break; what is not known, the page says as well."""

    open_journeys: int | None
    """Begun within the last hour and not registered; ``None``: it cannot be told now."""
    minutes: int
    printed: tuple[Printed, ...]
    linked_apps: tuple[str, ...]


def breaking(url: ReceptionUrl) -> Breaking:
    """Return what breaks when the current version of ``url`` stops working."""
    facility, current = current_staff().facility, url.current
    posters = services().posters.all(facility.id, url.channel)
    names = {**poster_names(posters), NO_POSTER: _NAMELESS}
    prints = services().posters.prints(facility.id, current.id)
    return Breaking(
        open_journeys=services().uses.open_journeys(current.id),
        minutes=WATCHED_MINUTES,
        printed=tuple(
            Printed(_name_of(each.kind, names.get(each.poster_number, "")), each.times, each.last)
            for each in prints
        ),
        linked_apps=services().linked_apps.names(facility.id, url.channel),
    )


def _name_of(kind: str, poster: str) -> str:
    return f"{KIND_NAMES[PrintKind(kind)]}：{poster}"
