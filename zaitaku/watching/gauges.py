"""The deployment's condition as metrics, looked at when Prometheus asks.

A part that could not be learnt has no sample: an alarm for its absence is in
``packaging/monitoring``. Moments are Unix times in seconds, as Prometheus advises.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from zaitaku.watching.condition import Condition, JobsCondition
from zaitaku.watching.postgres import PostgresCondition
from zaitaku.watching.presence import Instance

_PREFIX: Final = "zaitaku"


class ConditionGauges(Collector):
    """Looks once for each answer."""

    def __init__(self, look: Callable[[], Condition]) -> None:
        self._look = look

    def describe(self) -> list[Metric]:
        """Return nothing: registering must not look."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield what is known."""
        found = self._look()
        yield from _reachable(found)
        yield from _moments(found)
        if found.instances is not None:
            yield _instances(found.instances, found.at)
        if found.jobs is not None:
            yield from _jobs(found.jobs, found.at)
        if found.postgres is not None:
            yield from _postgres(found.postgres)


def _reachable(found: Condition) -> Iterator[Metric]:
    up = GaugeMetricFamily(f"{_PREFIX}_store_up", "Whether the store answers", labels=["store"])
    up.add_metric(["database"], found.database_answers)
    up.add_metric(["ephemeral"], found.ephemeral_answers)
    yield up
    if found.schema_fits is not None:
        yield _single("schema_fits", "Whether this code can work on the tables", found.schema_fits)
    if found.crl_is_readable is not None:
        words = "Whether there is a list of revoked cards with an end"
        yield _single("crl_readable", words, found.crl_is_readable)
    if found.audit is not None:
        words = "Whether the last walk along all audit chains found them whole"
        yield _single("audit_whole", words, found.audit.is_whole)


def _moments(found: Condition) -> Iterator[Metric]:
    moments = {
        ("crl_ends", "When the first revocation list ends"): found.crl_ends,
        ("backup", "When the last backup was finished"): found.backup_at,
        ("audit_verified", "When all audit chains were last walked"): (
            found.audit.verified_at if found.audit else None
        ),
    }
    for (name, words), moment in moments.items():
        if moment is not None:
            yield _moment(name, words, moment)
    ends = GaugeMetricFamily(
        f"{_PREFIX}_certificate_ends_timestamp_seconds",
        "When the first certificate of a kind ends",
        labels=["kind"],
    )
    for kind in sorted({each.name for each in found.certificates if each.ends}):
        first = min(each.ends for each in found.certificates if each.name == kind and each.ends)
        ends.add_metric([kind], first.timestamp())
    yield ends


def _instances(present: tuple[Instance, ...], now: datetime) -> Metric:
    family = GaugeMetricFamily(
        f"{_PREFIX}_instances", "Processes seen lately", labels=["role", "version"]
    )
    counted = Counter((each.role.value, each.version) for each in present if each.is_there(now))
    for labels, number in sorted(counted.items()):
        family.add_metric(labels, number)
    return family


def _jobs(jobs: JobsCondition, now: datetime) -> Iterator[Metric]:
    family = GaugeMetricFamily(f"{_PREFIX}_jobs", "Jobs by state", labels=["state"])
    family.add_metric(["waiting"], jobs.waiting)
    family.add_metric(["running"], jobs.running)
    family.add_metric(["failed_lately"], jobs.failed)
    yield family
    waits = (now - jobs.oldest_waiting).total_seconds() if jobs.oldest_waiting else 0.0
    yield _single("job_oldest_wait_seconds", "How long the oldest job has waited", waits)


def _postgres(found: PostgresCondition) -> Iterator[Metric]:
    yield _single("database_primary", "Whether the database takes writes", found.is_primary)
    yield _single(
        "database_synchronous", "Whether commits wait for a standby", found.is_synchronous
    )
    family = GaugeMetricFamily(f"{_PREFIX}_standbys", "Standbys that follow", labels=["kind"])
    synchronous = found.synchronous_standbys
    if synchronous is not None:
        family.add_metric(["synchronous"], synchronous)
        family.add_metric(["asynchronous"], len(found.standbys) - synchronous)
    yield family
    if found.worst_lag_bytes is not None:
        words = "How far the last standby is behind"
        yield _single("replication_lag_bytes", words, found.worst_lag_bytes)
    if found.archived_at is not None:
        yield _moment("wal_archived", "When the write-ahead log was archived", found.archived_at)
    yield _single("wal_archive_fails", "Whether archiving fails", found.archive_fails)


def _single(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(f"{_PREFIX}_{name}", words, value=value)


def _moment(name: str, words: str, moment: datetime) -> Metric:
    return _single(f"{name}_timestamp_seconds", words, moment.timestamp())
