"""Whoever asks for an urgent page has to be somebody for whom it is urgent."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from time import monotonic, sleep

import pytest

from tests.edge.conftest import Deploy, deploy
from tests.patient.conftest import Cards
from tests.patient.site import Site, Visitor
from zaitaku import wire
from zaitaku.blueprints import ranks
from zaitaku.blueprints.overload import OVERLOAD, Overload
from zaitaku.blueprints.ranks import SHARE
from zaitaku.core import gate
from zaitaku.core.gate import ACTIVE, WAITING, Rank

__all__ = ["deploy"]

STRANGERS = 31
PATIENCE_SECONDS = 10.0
Ask = Callable[[Site], int]


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits here waits until the test lets them in."""
    monkeypatch.setattr(gate, "PATIENCE_SECONDS", dict.fromkeys(Rank, PATIENCE_SECONDS))


@pytest.fixture
def crowd() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(STRANGERS + 1) as pool:
        yield pool


def fill(overload: Overload) -> None:
    """Let others have all turns."""
    for _ in range(ACTIVE):
        assert overload.gate.enter(Rank.REGISTERING)


def give_way(overload: Overload) -> None:
    """Let whoever waits have those turns."""
    for _ in range(ACTIVE):
        overload.gate.leave()


@contextmanager
def full(overload: Overload) -> Iterator[None]:
    """Let others have all turns meanwhile."""
    fill(overload)
    yield
    give_way(overload)


def getting(path: str) -> Ask:
    return lambda site: site.app.test_client().get(path).status_code


def posting(path: str) -> Ask:
    return lambda site: site.app.test_client().post(path, json={}).status_code


def settled(overload: Overload, asked: list[Future[int]], waiting: int) -> None:
    """Wait until so many wait for a turn, and the others were sent away."""

    def is_so() -> bool:
        gone = sum(each.done() for each in asked)
        return gone >= len(asked) - waiting and overload.state().gate.waiting >= waiting

    deadline = monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert monotonic() < deadline
        sleep(0.001)


@pytest.mark.parametrize(
    "ask",
    [
        getting("/j/nobody/card/return"),
        getting("/j/nobody/prepare"),
        getting("/h/nobody/return"),
        getting("/app/return"),
        posting("/r/nobody"),
        posting(wire.PROOF_PATH),
    ],
    ids=["return", "page", "hand-over", "app", "begin", "proof"],
)
def test_strangers_shut_out_nobody_who_is_under_way(
    overload: Overload, site: Site, visitor: Visitor, crowd: ThreadPoolExecutor, ask: Ask
) -> None:
    journey = visitor.start()
    fill(overload)
    strangers = [crowd.submit(ask, site) for _ in range(STRANGERS)]
    settled(overload, strangers, WAITING)
    patient = crowd.submit(visitor.get, f"{journey}/prepare")
    settled(overload, [*strangers, patient], WAITING)
    assert not patient.done()
    give_way(overload)
    assert patient.result(30) == 200


def test_one_browser_has_a_share_and_no_more(
    overload: Overload, site: Site, visitor: Visitor, crowd: ThreadPoolExecutor
) -> None:
    visitor.start()
    cookie = visitor.client.get_cookie("zaitaku")
    assert cookie

    def again(_: int) -> int:
        client = site.app.test_client()
        client.set_cookie("zaitaku", cookie.value)
        return client.get("/j/nobody/card/return").status_code

    with full(overload):
        asked = [crowd.submit(again, number) for number in range(STRANGERS)]
        settled(overload, asked, WAITING)
        assert [len(queue) for queue in overload.gate._queues] == [SHARE, 0, 0, WAITING - SHARE]
        assert sum(overload.claims._held.values()) == SHARE
    for each in asked:
        each.result(30)
    assert not overload.claims._held
    assert overload.state().gate.active == 0


def test_whose_journey_it_is_goes_first(
    overload: Overload, visitor: Visitor, crowd: ThreadPoolExecutor, cards: Cards
) -> None:
    journey = visitor.walk_to_card()
    way_back = visitor.prove(visitor.ask(journey), cards.good)
    with full(overload):
        page = crowd.submit(visitor.client.get, way_back)
        settled(overload, [], 1)
        assert [len(queue) for queue in overload.gate._queues] == [1, 0, 0, 0]
    assert page.result(30).location.endswith("/done")


def test_whoever_comes_through_the_proxy_is_told_apart_by_their_own_address(
    deploy: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def noted(address: str) -> str:
        seen.append(address)
        return address

    monkeypatch.setattr(ranks, "address_bucket", noted)
    monkeypatch.setattr(gate, "PATIENCE_SECONDS", dict.fromkeys(Rank, 0.01))
    app = deploy(trusted_proxies=1)
    with full(app.extensions[OVERLOAD]):
        headers = {"X-Forwarded-For": "198.51.100.7", "X-Forwarded-Proto": "https"}
        assert app.test_client().post(wire.PROOF_PATH, headers=headers).status_code == 503
    assert seen == ["198.51.100.7"]
