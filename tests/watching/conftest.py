"""A clinic that is watched with everything there is: logs, metrics, traces."""

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from tests.consent.world import World
from tests.console.office import Office
from tests.lending import AppLender
from tests.patient.conftest import (
    KEYS,
    SESSION_KEYS,
    SUBJECT_KEYS,
    authority,
    cards,
)
from tests.patient.site import ALL_ITEMS, Site
from tests.watching.collector import Collector, running_collector
from zaitaku.core.clock import FixedClock
from zaitaku.core.logs import configure_logging
from zaitaku.core.watch_settings import WatchSettings
from zaitaku.facilities.model import InstitutionCode
from zaitaku.identity.keys import RequestKeys
from zaitaku.sandbox.authority import TestAuthority
from zaitaku.services import build_services
from zaitaku.settings import Mode, Settings
from zaitaku.watching.meters import Meters
from zaitaku.watching.tracing import Tracing
from zaitaku.watching.watches import ProcessWatch

__all__ = ["authority", "cards"]


@dataclass
class Watched:
    """The clinic, and all that is told of it."""

    site: Site
    registry: CollectorRegistry
    collector: Collector
    tracing: Tracing
    log: StringIO

    @property
    def office(self) -> Office:
        """The same site as its staff use it."""
        world = cast("World", self.site)  # an office asks it for its facility alone
        return Office(self.site.app, self.site.services, world, self.site.clock)

    def lines(self) -> list[dict[str, Any]]:
        """Return the log's lines, as a reader of JSON has them."""
        return [json.loads(line) for line in self.log.getvalue().splitlines()]

    def metrics(self) -> str:
        """Return what Prometheus would be told."""
        return generate_latest(self.registry).decode()


@pytest.fixture
def collector() -> Iterator[Collector]:
    """Where traces go."""
    with running_collector() as running:
        yield running


@pytest.fixture
def log() -> Iterator[StringIO]:
    """The log, as it is written."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    stream = StringIO()
    configure_logging(stream)
    yield stream
    root.handlers[:] = before
    root.setLevel(level)


@pytest.fixture
def watching(collector: Collector) -> WatchSettings:
    """Everything is traced, for the test's own collector."""
    return WatchSettings(traces_url=collector.url, traces_percent=100)


@pytest.fixture
def settings(
    tmp_path: Path, sqlite_template: Path, authority: TestAuthority, watching: WatchSettings
) -> Settings:
    """A sandbox on fresh stores."""
    (tmp_path / "zaitaku.db").write_bytes(sqlite_template.read_bytes())
    RequestKeys.make(tmp_path / "request-key.pem")
    return Settings(
        mode=Mode.SANDBOX,
        origin="http://localhost:8000",
        database_url=f"sqlite:///{tmp_path / 'zaitaku.db'}",
        ephemeral_url=f"sqlite:///{tmp_path / 'ephemeral.db'}",
        url_keys=KEYS,
        session_keys=SESSION_KEYS,
        subject_keys=SUBJECT_KEYS,
        request_key_file=tmp_path / "request-key.pem",
        trust_anchors=(authority.roots_file,),
        crl_file=authority.crl_file,
        watching=watching,
    )


@pytest.fixture
def watched(
    settings: Settings,
    authority: TestAuthority,
    clock: FixedClock,
    collector: Collector,
    log: StringIO,
    *,
    app_lender: AppLender,
) -> Iterator[Watched]:
    """A clinic that uses both channels, with one account of each role."""
    registry, tracing = CollectorRegistry(), Tracing.to(settings.watching)
    services = build_services(settings, clock, ProcessWatch(Meters(registry), tracing))
    facility = services.facilities.add(
        InstitutionCode("1312345670"),
        registered_name="みどり坂クリニック",
        phone="03-0000-1234",
        hours="月〜金 9:00〜18:00",
        settings=ALL_ITEMS,
        actor="test",
        founding=services.reception.issue_first,
    )
    with app_lender.lend(services) as app:
        app.config["PROPAGATE_EXCEPTIONS"] = False
        site = Site(app, services, clock, authority, facility)
        found = Watched(site, registry, collector, tracing, log)
        found.office.employ(facility)
        yield found
    tracing.close()
    services.close()
