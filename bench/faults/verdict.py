"""What stands in the database, compared with what patients were told."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final, NamedTuple, Self

from sqlalchemy import text

from bench.faults.journal import Walk
from bench.faults.places import broken_places
from bench.faults.site import Site
from zaitaku.consent.audit import RecordAudit
from zaitaku.core.database import Database
from zaitaku.identity.oidc.id_token import TokenTrust
from zaitaku.services import Services

_RECORDS: Final = "SELECT journey, reference, facility_id FROM consent_record"
_UNFOUND: Final = (
    # A consent without its letters or its list's words, or with letters of another moment.
    """SELECT s.reference FROM consent s JOIN patient p ON p.id = s.patient_id
    WHERE p.kana_key IS NOT NULL AND (s.kana_key IS NULL OR s.kana_key <> p.kana_key
        OR NOT EXISTS (SELECT 1 FROM consent_gram g WHERE g.consent_id = s.id))""",
    """SELECT s.reference FROM consent s WHERE EXISTS (SELECT 1 FROM consent_gram g
        WHERE g.consent_id = s.id
        AND (g.recorded_at <> s.recorded_at OR g.facility_id <> s.facility_id))""",
)
# The same clock tells when a URL was retired and when a record was written: both are read while
# the URL's row is held, so a record of a later moment was written after the retirement.
_LATE: Final = """SELECT DISTINCT r.journey FROM consent_record r
    JOIN url_version v ON v.id = r.url_version_id
    JOIN url_event e ON e.facility_id = v.facility_id AND e.channel = v.channel
        AND e.from_number = v.number
    WHERE r.recorded_at > e.at AND NOT EXISTS (SELECT 1 FROM url_event b
        WHERE b.facility_id = e.facility_id AND b.channel = e.channel
        AND b.to_number = v.number AND b.sequence > e.sequence AND b.at < r.recorded_at)"""
_NAMED: Final = 3
"""So many broken consents are named in a row's note."""


class Kept(NamedTuple):
    """What a record is known by."""

    journey: str
    reference: str
    facility: str = ""


@dataclass(frozen=True)
class Seen:
    """What probes have seen beside the patients; numbers as in the verdict."""

    stale: int = 0
    crashed: int = 0
    untried: int = 0
    unanswered: int = 0


@dataclass(frozen=True)
class Verdict:
    """What one row cost. Of its numbers only acked, unfinished and the gap may be above zero."""

    acked: int = 0
    """Patients who saw a reference number."""
    lost: int = 0
    """Of these, whose record is not there under that number."""
    doubled: int = 0
    """Records beyond one for a journey, or for a number at one clinic, and journeys that were told
    two numbers."""
    stale: int = 0
    """Retired URLs that let somebody in or registered, and withdrawn consents that were shown,
    after the acknowledgement of either."""
    half: int = 0
    """Records that are not whole, or do not prove themselves; consents that do not stand as their
    records say; broken audit chains."""
    unfinished: int = 0
    """Walks that ended without a reference number."""
    crashed: int = 0
    """Answers with status 500, to patients or probes: a fault that nobody foresaw."""
    longest_gap: float = 0.0
    """Seconds in which nobody was acknowledged, at most."""
    untried: int = 0
    """Promises that were to be tried while patients walked and were not: no retired poster or no
    latecomer was refused as it must be, no consent was seen, withdrawn and refused, or nothing was
    under way when it was to be broken off."""
    unanswered: int = 0
    """Trials that came to nothing, since no answer or another than the right one came."""
    load: str = ""
    note: str = ""

    @property
    def holds(self) -> bool:
        """Whether every promise was kept, and anybody was there to see it."""
        broken = self.lost + self.doubled + self.stale + self.half + self.crashed
        return self.acked > 0 and not broken and not self.untried

    def with_seen(self, *, seen: Seen, load: str, note: str) -> Self:
        """Add what probes have seen, and words about the row."""
        met = ", ".join(part for part in (note, self.note) if part)
        return replace(
            self,
            stale=self.stale + seen.stale,
            crashed=self.crashed + seen.crashed,
            untried=self.untried + seen.untried,
            unanswered=self.unanswered + seen.unanswered,
            load=load,
            note=met,
        )

    def with_jobs(self, *, lost: int, doubled: int, untried: int = 0) -> Self:
        """Add jobs that were handed in and not done, or done wrongly, and faults that met none."""
        return replace(
            self,
            lost=self.lost + lost,
            doubled=self.doubled + doubled,
            untried=self.untried + untried,
        )


def judge(
    site: Site,
    walks: Sequence[Walk],
    retired: Mapping[str, float] | None = None,
    *,
    has_true_clock: bool = True,
) -> Verdict:
    """Compare all walks with the site's database as it is now; nobody walks any more.

    ``retired`` tells when the retirement of a URL version was acknowledged (CLOCK_MONOTONIC).
    Without a true clock of the site's processes the database's times decide nothing.
    """
    with site.services() as services:
        database = services.database
        broken = half_consents(database)
        verdict = judge_walks(
            walks,
            standing_records(database),
            retired=retired or {},
            half=len(broken) + _unproved(site, services),
            late=late_journeys(database) if has_true_clock else frozenset(),
        )
    return replace(verdict, note=", ".join(filter(None, (*broken[:_NAMED], verdict.note))))


def judge_walks(
    walks: Sequence[Walk],
    standing: Counter[Kept],
    *,
    retired: Mapping[str, float],
    half: int,
    late: Collection[str] = (),
) -> Verdict:
    """Compare all walks with the records that stand.

    ``late`` are the journeys whose record was written after the retirement of their URL.
    """
    told = [walk for walk in walks if walk.is_acknowledged]
    there = {(kept.journey, kept.reference) for kept in standing}
    return Verdict(
        acked=len(told),
        lost=sum((walk.journey, walk.reference) not in there for walk in told),
        doubled=_doubled(told, standing),
        stale=len(late)
        + sum(_is_stale(walk, retired) for walk in walks if walk.journey not in late),
        half=half,
        unfinished=len(walks) - len(told),
        crashed=sum(walk.troubles.get("500", 0) for walk in walks),
        longest_gap=_longest_gap(walks),
        note=_troubles(walks),
    )


def _troubles(walks: Sequence[Walk]) -> str:
    met = sum((Counter(walk.troubles) for walk in walks), Counter[str]())
    return ", ".join(f"{name} ×{count}" for name, count in met.most_common())


def standing_records(database: Database) -> Counter[Kept]:
    """Return the records that stand, by what they are known by."""
    with database.reading() as connection:
        rows = connection.execute(text(_RECORDS))
        return Counter(Kept(*(str(word) for word in row)) for row in rows)


def late_journeys(database: Database) -> frozenset[str]:
    """Return the journeys whose record was written after the retirement of their URL version."""
    with database.reading() as connection:
        return frozenset(str(journey) for journey in connection.execute(text(_LATE)).scalars())


def _doubled(told: Iterable[Walk], standing: Counter[Kept]) -> int:
    journeys = Counter(kept.journey for kept in standing.elements())
    # What is there twice of one journey counts by its journey alone.
    numbers = Counter((kept.facility, kept.reference) for kept in standing)
    told_numbers = Counter(journey for journey, _ in {(w.journey, w.reference) for w in told})
    counted = (journeys, numbers, told_numbers)
    return sum(count - 1 for counts in counted for count in counts.values())


def _is_stale(walk: Walk, retired: Mapping[str, float]) -> bool:
    """Tell whether a URL worked that was retired before it was used, as far as the patient knows.

    A registration that was sent in time may be answered later: it stands since before. Whether it
    does the database tells (``late_journeys``): a retry may have come too late.
    """
    since = retired.get(walk.version)
    if since is None or not walk.is_acknowledged:
        return False
    return walk.entered > since or walk.registering > since


def half_consents(database: Database) -> list[str]:
    """Return what is wrong with consents: they are not what their records say, or are not found."""
    with database.reading() as connection:
        unfound = [
            f"{reference}: letters wrong"
            for query in _UNFOUND
            for reference in connection.execute(text(query)).scalars()
        ]
    return [*broken_places(database), *unfound]


def _unproved(site: Site, services: Services) -> int:
    trust = TokenTrust(frozenset(), services.settings.subject_keys, None)
    records = RecordAudit(services.database, services.wordings, trust)
    broken = 0
    for facility in site.facilities:
        broken += sum(bool(verdict.broken) for verdict in records.all(facility.id))
        broken += not services.audit.check(facility.id).is_whole
    return broken


def _longest_gap(walks: Sequence[Walk]) -> float:
    told = sorted(walk.ended for walk in walks if walk.is_acknowledged)
    if not told:
        return 0.0
    moments = [min(walk.entered for walk in walks), *told]
    return max(later - earlier for earlier, later in pairwise(moments))
