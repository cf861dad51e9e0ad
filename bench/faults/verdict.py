"""What stands in the database, compared with what patients were told."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final, Self

from sqlalchemy import text

from bench.faults.journal import Walk
from bench.faults.site import Site
from zaitaku.consent.audit import RecordAudit
from zaitaku.core.database import Database
from zaitaku.identity.oidc.id_token import TokenTrust
from zaitaku.services import Services

_RECORDS: Final = "SELECT journey, reference FROM consent_record"
_HALVES: Final = (
    # A record whose patient has no consent at its facility.
    """SELECT count(*) FROM consent_record r JOIN credential c ON c.id = r.credential_id
    WHERE NOT EXISTS (SELECT 1 FROM consent s
        WHERE s.facility_id = r.facility_id AND s.patient_id = c.patient_id)""",
    # A consent without its items, its letters, or its list's words.
    """SELECT count(*) FROM consent s
    WHERE NOT EXISTS (SELECT 1 FROM consent_item i WHERE i.consent_id = s.id)""",
    """SELECT count(*) FROM consent s JOIN patient p ON p.id = s.patient_id
    WHERE p.kana_key IS NOT NULL AND (s.kana_key IS NULL OR s.kana_key <> p.kana_key
        OR NOT EXISTS (SELECT 1 FROM consent_gram g WHERE g.consent_id = s.id))""",
    """SELECT count(*) FROM consent s WHERE s.standing = 'grant' AND NOT EXISTS (
        SELECT 1 FROM consent_item i WHERE i.consent_id = s.id AND i.state = 'grant')""",
    # A consent or an item whose record is not there.
    """SELECT count(*) FROM consent s
    WHERE NOT EXISTS (SELECT 1 FROM consent_record r WHERE r.id = s.record_id)""",
    """SELECT count(*) FROM consent_item i
    WHERE NOT EXISTS (SELECT 1 FROM consent_record r WHERE r.id = i.record_id)""",
)


@dataclass(frozen=True)
class Verdict:
    """What one row cost. Of its numbers only acked, unfinished and the gap may be above zero."""

    acked: int = 0
    """Patients who saw a reference number."""
    lost: int = 0
    """Of these, whose record is not there under that number."""
    doubled: int = 0
    """Records beyond one for a journey or a number, and journeys that were told two numbers."""
    stale: int = 0
    """Retired URLs that let somebody in or registered, and withdrawn consents that were shown,
    after the acknowledgement of either."""
    half: int = 0
    """Records that are not whole, or do not prove themselves; broken audit chains."""
    unfinished: int = 0
    """Walks that ended without a reference number."""
    crashed: int = 0
    """Answers with status 500: a fault that nobody foresaw."""
    longest_gap: float = 0.0
    """Seconds in which nobody was acknowledged, at most."""
    untried: int = 0
    """Promises that were to be tried while patients walked and were not: no URL was retired, or no
    consent was seen, withdrawn and refused."""
    load: str = ""
    note: str = ""

    @property
    def holds(self) -> bool:
        """Whether every promise was kept, and anybody was there to see it."""
        broken = self.lost + self.doubled + self.stale + self.half + self.crashed
        return self.acked > 0 and not broken and not self.untried

    def with_seen(self, *, stale: int, untried: int, load: str, note: str) -> Self:
        """Add what probes have seen, and words about the row."""
        met = ", ".join(part for part in (note, self.note) if part)
        return replace(self, stale=self.stale + stale, untried=untried, load=load, note=met)

    def with_jobs(self, *, lost: int, doubled: int) -> Self:
        """Add jobs that were handed in and not done, or done wrongly."""
        return replace(self, lost=self.lost + lost, doubled=self.doubled + doubled)


def judge(
    site: Site,
    walks: Sequence[Walk],
    retired: Mapping[str, float] | None = None,
) -> Verdict:
    """Compare all walks with the site's database as it is now; nobody walks any more.

    ``retired`` tells when the retirement of a URL version was acknowledged (CLOCK_MONOTONIC).
    """
    with site.services() as services:
        standing = _standing(services.database)
        half = _halves(services.database) + _unproved(site, services)
    return judge_walks(walks, standing, retired=retired or {}, half=half)


def judge_walks(
    walks: Sequence[Walk],
    standing: Counter[tuple[str, str]],
    *,
    retired: Mapping[str, float],
    half: int,
) -> Verdict:
    """Compare all walks with the records that stand, counted by journey and number."""
    told = [walk for walk in walks if walk.is_acknowledged]
    return Verdict(
        acked=len(told),
        lost=sum((walk.journey, walk.reference) not in standing for walk in told),
        doubled=_doubled(told, standing),
        stale=sum(_is_stale(walk, retired) for walk in walks),
        half=half,
        unfinished=len(walks) - len(told),
        crashed=sum(walk.troubles.get("500", 0) for walk in walks),
        longest_gap=_longest_gap(walks),
        note=_troubles(walks),
    )


def _troubles(walks: Sequence[Walk]) -> str:
    met = sum((Counter(walk.troubles) for walk in walks), Counter[str]())
    return ", ".join(f"{name} ×{count}" for name, count in met.most_common())


def _standing(database: Database) -> Counter[tuple[str, str]]:
    with database.reading() as connection:
        rows = connection.execute(text(_RECORDS))
        return Counter((str(journey), str(reference)) for journey, reference in rows)


def _doubled(told: Iterable[Walk], standing: Counter[tuple[str, str]]) -> int:
    journeys = Counter(journey for journey, _ in standing.elements())
    numbers = {walk.journey: {walk.reference} for walk in told}
    for walk in told:
        numbers[walk.journey].add(walk.reference)
    told_twice = sum(len(references) - 1 for references in numbers.values())
    return sum(count - 1 for count in journeys.values()) + told_twice


def _is_stale(walk: Walk, retired: Mapping[str, float]) -> bool:
    """Tell whether a URL worked that was retired before it was used.

    A registration that was sent in time may be answered later: it stands since before.
    """
    since = retired.get(walk.version)
    if since is None:
        return False
    was_let_in = walk.is_acknowledged and walk.entered > since
    return was_let_in or (walk.is_acknowledged and walk.registering > since)


def _halves(database: Database) -> int:
    with database.reading() as connection:
        return sum(int(connection.execute(text(query)).scalar_one()) for query in _HALVES)


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
