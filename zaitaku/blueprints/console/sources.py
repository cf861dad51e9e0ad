"""The ways in to a channel, as the pages name them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from zaitaku.blueprints.edge import services
from zaitaku.blueprints.permissions import current_staff
from zaitaku.reception.model import ReceptionUrl
from zaitaku.reception.posters.model import NO_POSTER, Poster, PosterNumber
from zaitaku.reception.posters.store import Source

NAMELESS: Final = "名前のないもの（リンク・番号の入力など）"
"""What was used without the mark of a poster."""
GONE: Final = "（登録のないポスター）"


@dataclass(frozen=True)
class SourceView:
    """One way in on the page."""

    source: Source
    name: str
    is_retired: bool
    """Whether its version of the URL works no more."""


def poster_names(posters: Iterable[Poster]) -> dict[PosterNumber, str]:
    """Return how the ways in are called, the one without a name included."""
    return {NO_POSTER: NAMELESS, **{each.number: each.name for each in posters}}


def source_views(
    sources: Iterable[Source], names: Mapping[PosterNumber, str], current: int
) -> list[SourceView]:
    """Return the ways in with their names; ``current`` is the number of the living version."""
    return [
        SourceView(each, names.get(each.poster_number, GONE), each.version_number != current)
        for each in sources
    ]


def recent_sources(url: ReceptionUrl) -> list[SourceView]:
    """Return what was used within the last 30 days of the facility that is logged in."""
    facility = current_staff().facility
    names = poster_names(services().posters.all(facility.id, url.channel))
    sources = services().use_reports.recent(facility.id, url.channel)
    return source_views(sources, names, url.current.number)
