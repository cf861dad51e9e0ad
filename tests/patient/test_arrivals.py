"""Scans and completions of a named poster, over every way to read the card."""

from functools import partial

import pytest

from tests.patient.conftest import Cards
from tests.patient.handing import Pair
from tests.patient.site import Site, Visitor
from zaitaku.facilities.model import Channel
from zaitaku.reception.posters.model import PosterNumber

POSTER = PosterNumber(7)


@pytest.fixture
def poster(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """The clinic, whose patients all come by one poster."""
    reception = site.services.reception

    def path(_site: Site, channel: Channel = Channel.HOME_VISIT) -> str:
        address = reception.address(site.version(channel), POSTER)
        return address.removeprefix(site.services.settings.origin)

    monkeypatch.setattr(Site, "path", path)
    return site


@pytest.fixture
def visitor(poster: Site, monkeypatch: pytest.MonkeyPatch) -> Visitor:
    """Somebody before the poster."""
    return patient(Visitor(poster), monkeypatch)


def patient(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> Visitor:
    # A server ends every answer; the test's client does so when it is told to.
    monkeypatch.setattr(visitor.client, "open", partial(visitor.client.open, buffered=True))
    return visitor


def counted(site: Site) -> list[tuple[int, int, int]]:
    recent = site.services.use_reports.recent(site.facility.id, Channel.HOME_VISIT)
    return [(each.poster_number, each.scans, each.completions) for each in recent]


def test_by_a_reader_on_the_same_computer(visitor: Visitor, cards: Cards) -> None:
    journey = visitor.walk_to_card()
    assert visitor.site.services.uses.open_journeys(visitor.site.version().id) == 1
    back = visitor.prove(visitor.ask(journey), cards.good)
    for _ in range(3):
        visitor.get(back)
    assert counted(visitor.site) == [(POSTER, 1, 1)]
    assert visitor.site.services.uses.open_journeys(visitor.site.version().id) == 0


def test_by_another_computer(poster: Site, cards: Cards, monkeypatch: pytest.MonkeyPatch) -> None:
    phone = patient(Visitor(poster), monkeypatch)
    pair = Pair(poster, phone, patient(Visitor(poster), monkeypatch), phone.walk_to_card())
    pair.show_code()
    pair.take()
    pair.agree()
    assert pair.read_card(cards.good) == 200
    assert counted(poster) == [(POSTER, 1, 1)]
    pair.phone.get(pair.page)
    assert counted(poster) == [(POSTER, 1, 1)]


def test_the_way_back_from_the_first_step_is_the_same_visit(visitor: Visitor) -> None:
    visitor.start()
    back = visitor.link("戻る")
    assert back != visitor.site.path()
    visitor.get(back)
    visitor.send()
    assert counted(visitor.site) == [(POSTER, 1, 0)]


def test_a_refused_card_completes_nothing(visitor: Visitor, cards: Cards) -> None:
    assert visitor.read_card(visitor.walk_to_card(), cards.revoked) == 403
    assert counted(visitor.site) == [(POSTER, 1, 0)]


def test_a_consent_is_registered_though_it_cannot_be_counted(
    visitor: Visitor, cards: Cards, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visitor.site.services.uses, "_room", _Full())
    assert visitor.read_card(visitor.walk_to_card(), cards.good) == 200
    assert visitor.location.endswith("/done")
    assert counted(visitor.site) == [(POSTER, 1, 0)]


class _Full:
    """What a counter sees when too much is counted at once."""

    def acquire(self, *, blocking: bool) -> bool:
        return blocking
