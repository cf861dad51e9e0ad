"""A clinic that is in use: its people have consented, and tomorrow's are known."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.running import RunningDemo
from zaitaku.core.clock import Clock
from zaitaku.demo.life import let_people_consent as consent_by_cards
from zaitaku.facilities.model import Facility, InstitutionCode
from zaitaku.sandbox.cards import DemoCard
from zaitaku.services import Services, build_services
from zaitaku.settings import Settings


@contextmanager
def services_of(demo: RunningDemo, clock: Clock | None = None) -> Iterator[Services]:
    """Open the demo's own stores, as another process of the same site does."""
    services = build_services(Settings.from_env(demo.environ), clock)
    yield services
    services.close()


def clinic_of(demo: RunningDemo, services: Services) -> Facility:
    """Return the demo's clinic."""
    return services.facilities.find(InstitutionCode(demo.facts["facility_code"]))


def let_people_consent(demo: RunningDemo) -> None:
    """Let five people consent, three by home visit and two online for tomorrow."""
    files = sorted((demo.data / "cards").glob("[0-9][0-9]-*.json"))
    cards = tuple(DemoCard.from_json(file.read_text("utf-8")) for file in files)
    with services_of(demo) as services:
        consent_by_cards(services, clinic_of(demo, services), cards, "test")
