"""Facilities over two PostgreSQL servers: every URL finds its own, a patient is found on both."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.consent.world import TARO, Card, World, sandbox_with
from tests.databases import fresh_postgres, new_postgres_database
from tests.scale.clusters import Clusters, slot_of
from tests.servers import free_port
from zaitaku.consent.tables import consent, patient
from zaitaku.core.clock import FixedClock
from zaitaku.core.database import Database
from zaitaku.eligibility.model import Withheld
from zaitaku.facilities.model import Channel

CODES = [f"131{number:07d}" for number in range(8)]
FORMER, PRESENT = Card.named("former"), Card.named("present")


@pytest.fixture(scope="module")
def second_address() -> Iterator[str]:
    """A server beside the one that all tests share."""
    with fresh_postgres() as address:
        yield address


@pytest.fixture
def clusters(postgres_address: str, second_address: str, clock: FixedClock) -> Iterator[Clusters]:
    """Two clusters, and one provider that knows two cards of one person."""
    with (
        new_postgres_database(postgres_address) as first,
        new_postgres_database(second_address) as second,
    ):
        provider = sandbox_with(first, former=TARO, present=TARO)
        worlds = {"a": World(first, clock, provider), "b": World(second, clock, provider)}
        yield Clusters.of(worlds)


def test_every_url_leads_to_the_cluster_of_its_facility(clusters: Clusters) -> None:
    used = set()
    for code in CODES:
        facility = clusters.found(code)
        name = clusters.of_facility(facility.id)
        shown = clusters.worlds[name].reception.show(facility.id, Channel.HOME_VISIT)
        assert clusters.of_handle(shown.current.handle) == name
        used.add(name)
    assert used == {"a", "b"}


def test_a_moved_slot_takes_urls_and_facility_along(clusters: Clusters) -> None:
    facility = clusters.found(CODES[0])
    slot = slot_of(facility.id.bytes)
    here = clusters.of_facility(facility.id)
    url = clusters.worlds[here].reception.show(facility.id, Channel.HOME_VISIT)
    there = next(name for name in clusters.worlds if name != here)
    owners = tuple(there if each == slot else name for each, name in enumerate(clusters.owners))
    moved = replace(clusters, owners=owners)
    assert moved.of_facility(facility.id) == moved.of_handle(url.current.handle) == there


def test_a_patient_is_found_on_every_cluster_by_either_card(clusters: Clusters) -> None:
    given = _consent_everywhere(clusters)
    found = clusters.look_up(PRESENT.subject_hashes, TARO.person_key)
    assert (found.references, found.silent) == (given, ())


def test_a_cluster_that_is_away_is_named_and_stops_no_other(clusters: Clusters) -> None:
    given = _consent_everywhere(clusters)
    away = Database(f"postgresql+psycopg://zaitaku@127.0.0.1:{free_port()}/away")
    worlds = {**clusters.worlds, "b": replace_database(clusters.worlds["b"], away)}
    found = Clusters(worlds, clusters.owners).look_up(PRESENT.subject_hashes, TARO.person_key)
    assert found.silent == ("b",)
    assert found.references < given
    assert clusters.worlds["a"].register(card=FORMER).is_new
    away.close()


def test_who_is_withheld_is_so_on_every_cluster(clusters: Clusters) -> None:
    _consent_everywhere(clusters)
    clusters.learn(Withheld(TARO.person_key))
    for world in clusters.worlds.values():
        assert [row["name"] for row in world.rows(patient)] == [None]
        assert [row["kana_key"] for row in world.rows(consent)] == [None]


def _consent_everywhere(clusters: Clusters) -> frozenset[str]:
    """Consent with the former card on one cluster and with the present one on the other."""
    cards = {"a": FORMER, "b": PRESENT}
    made = (world.register(card=cards[name]) for name, world in clusters.worlds.items())
    return frozenset(registration.receipt.reference for registration in made)


def replace_database(world: World, database: Database) -> World:
    """Return a world whose server does not answer; nothing is made there."""
    other = object.__new__(World)
    other.__dict__.update(world.__dict__, database=database)
    return other
