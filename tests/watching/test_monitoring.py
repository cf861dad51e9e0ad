"""The dashboard and the alarms ask for what there is, and the guide tells of all of it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from tests.conftest import NOW
from tests.watching.conditions import sound
from zaitaku.core.watch import Happening, Level
from zaitaku.identity.errors import RevocationUnknown
from zaitaku.watching.gauges import ConditionGauges
from zaitaku.watching.meters import Meters

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "packaging" / "monitoring"
ALERTS = MONITORING / "prometheus" / "zaitaku-alerts.yml"
DASHBOARD = MONITORING / "grafana" / "zaitaku.json"
GUIDE = ROOT / "docs" / "watching.md"
METRIC = re.compile(r"zaitaku_[a-z_]+")
SELECTOR = re.compile(r"(zaitaku_[a-z_]+)\{([^}]*)\}")
MATCHER = re.compile(r'([a-z]+)=~?"([^"]*)"|([a-z]+)!=')
GROUPED = re.compile(r"by \(([a-z, ]+)\)")

WORDS: dict[Happening, list[tuple[str, ...]]] = {
    Happening.JOURNEY: [("begun",), ("registered",)],
    Happening.REFUSAL: [("patient", "unknown-url")],
    Happening.PROOF: [("card", "good"), ("card", RevocationUnknown.code)],
    Happening.JOB: [("poster-archive", "done")],
    Happening.ADMISSION: [("entering", "in-line"), ("under_way", "sent-away")],
    Happening.SLOW_CLIENT: [("headers", "too-slow"), ("reader", "too-many")],
}


@pytest.fixture(scope="module")
def samples() -> dict[str, list[dict[str, str]]]:
    """Every sample that Prometheus may be told, by its name: the labels of each."""
    registry = CollectorRegistry()
    meters = Meters(registry)
    for what in Happening:
        for words in WORDS[what]:
            meters.happened(what, words)
    for level in Level:
        meters.stands_at(level, 1)
    meters.requests.answered(method="GET", route="/readyz", status=200, seconds=0.1)
    meters.stores.asking("database")
    meters.stores.asked("database", "read", 0.1, is_away=True)
    registry.register(ConditionGauges(lambda: sound(NOW)))
    found: dict[str, list[dict[str, str]]] = {}
    for family in registry.collect():
        for sample in family.samples:
            found.setdefault(sample.name, []).append(dict(sample.labels))
    return found


def alerts() -> Iterator[dict[str, Any]]:
    for group in yaml.safe_load(ALERTS.read_text("utf-8"))["groups"]:
        yield from group["rules"]


def questions() -> Iterator[str]:
    yield from (alert["expr"] for alert in alerts())
    for panel in json.loads(DASHBOARD.read_text("utf-8"))["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))


@pytest.mark.parametrize("question", sorted(set(questions())))
def test_every_metric_and_label_that_is_asked_for_exists(
    question: str, samples: dict[str, list[dict[str, str]]]
) -> None:
    names = set(METRIC.findall(question))
    assert names <= samples.keys()
    known = {label for name in names for labels in samples[name] for label in labels}
    for group in GROUPED.findall(question):
        assert set(group.split(", ")) <= known | {"instance"}
    for name, matchers in SELECTOR.findall(question):
        for label, value, excluded in MATCHER.findall(matchers):
            told = {labels[label or excluded] for labels in samples[name]}
            assert excluded or "5.." in value or value in told


def test_each_alarm_says_what_how_urgent_and_what_to_do() -> None:
    guide = GUIDE.read_text("utf-8")
    names = [alert["alert"] for alert in alerts()]
    assert len(set(names)) == len(names) > 15
    for alert in alerts():
        assert alert["annotations"]["summary"]
        assert alert["labels"]["severity"] in {"page", "ticket"}
        assert f"`{alert['alert']}`" in guide


def test_the_guide_tells_of_every_metric(samples: dict[str, list[dict[str, str]]]) -> None:
    guide = set(METRIC.findall(GUIDE.read_text("utf-8")))
    told = [name for name in samples if not name.endswith("_created")]
    families = {re.sub("_(bucket|sum|count)$", "", name) for name in told}
    assert families - guide == set()
    assert {name for name in guide if name not in families} <= {"zaitaku_request_seconds_bucket"}


def test_the_example_asks_where_the_listener_is() -> None:
    (job,) = yaml.safe_load((MONITORING / "prometheus" / "scrape.example.yml").read_text("utf-8"))[
        "scrape_configs"
    ]
    assert job["metrics_path"] == "/metrics"
    assert job["job_name"] == "zaitaku"


def test_the_shipped_database_lets_the_site_know_of_its_standbys() -> None:
    script = ROOT / "packaging" / "server" / "compose" / "first-database.sh"
    assert "GRANT pg_monitor TO zaitaku;" in script.read_text("utf-8").splitlines()
