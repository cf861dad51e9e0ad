"""What probes make of what they see: only the very refusal counts as one, silence as nothing."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from urllib3 import HTTPHeaderDict
from urllib3.exceptions import ProtocolError

from bench.faults import patients, turning
from bench.faults.harness import LATECOMERS, POSTERS, WITHDRAWN, Scene
from bench.faults.patients import ReloadingBrowser
from bench.faults.posters import Poster
from bench.faults.probing import Browsers
from bench.faults.scale import SHORT
from bench.faults.turning import Straggler, Turning
from bench.faults.verdict import Seen
from bench.faults.withdrawing import Withdrawing
from bench.walker import Walker
from zaitaku.core.ids import ConsentId

ORIGIN = "http://localhost"
SITE: Any = SimpleNamespace(
    facilities=["clinic", "another"], origin=ORIGIN, cards=None, hang_posters=lambda _services: None
)
NOTHING: Any = None
WITHDRAWAL = "この情報を見る同意は、取り消されています。"


@dataclass
class Answer:
    """An answer of the site."""

    status: int
    body: str = ""
    location: str = ""

    def __post_init__(self) -> None:
        self.headers = HTTPHeaderDict({"Location": self.location} if self.location else {})
        self.data = self.body.encode()


class Scripted:
    """A site with these answers; then it is dead."""

    def __init__(self, answers: Sequence[Answer]) -> None:
        self._left = deque(answers)

    def request(self, *_: str, **__: Any) -> Answer:
        if not self._left:
            raise ProtocolError
        return self._left.popleft()


class ScriptedBrowsers(Browsers):
    """Browsers of a scripted site, with little patience."""

    def __init__(self, *answers: Answer) -> None:
        super().__init__(patience=0.05)
        self.pool: Any = Scripted(answers)

    def new(self) -> ReloadingBrowser:
        browser = super().new()
        browser.pool = self.pool
        return browser


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patients, "_PAUSES", (0.01, 0.01))


def withdrawing(*answers: Answer) -> Withdrawing:
    """A probe after one turn: its console gave these answers, then none."""
    probe = Withdrawing(SITE, NOTHING, browsers=ScriptedBrowsers(*answers))
    probe._staff = Walker(probe.browsers.new(), ORIGIN)
    probe._withdraw = lambda *_: None  # type: ignore[method-assign]
    probe._turn(ConsentId(uuid4()))
    return probe


def counts(probe: Withdrawing) -> tuple[int, int, int, int]:
    return probe.refused, probe.unanswered, len(probe.stale), probe.browsers.crashed


SHOWN = Answer(200, "medical information")


def test_a_consent_is_refused_by_the_page_that_says_so() -> None:
    assert counts(withdrawing(SHOWN, Answer(403, WITHDRAWAL))) == (1, 0, 0, 0)


@pytest.mark.parametrize(
    "after",
    [
        (),
        (Answer(403, "この患者さんの情報は、ほかの理由で見られません。"),),
        (Answer(404, WITHDRAWAL),),
        (Answer(303, location="/console/login"), Answer(404)),
    ],
)
def test_another_answer_or_none_refuses_nothing(after: Sequence[Answer]) -> None:
    probe = withdrawing(SHOWN, *after)
    assert counts(probe) == (0, 1, 0, 0)
    assert not probe._once.is_set()


def test_what_was_not_seen_before_is_not_refused_afterwards() -> None:
    assert counts(withdrawing(Answer(404), Answer(403, WITHDRAWAL))) == (0, 0, 0, 0)


def test_what_is_shown_after_its_withdrawal_is_stale() -> None:
    assert counts(withdrawing(SHOWN, SHOWN)) == (0, 0, 1, 0)


def test_a_500_that_a_probe_meets_is_told() -> None:
    probe = withdrawing(SHOWN, Answer(500), Answer(403, WITHDRAWAL))
    assert counts(probe) == (1, 0, 0, 1)


def turned(
    monkeypatch: pytest.MonkeyPatch, *answers: Answer, is_straggling: bool = True
) -> Turning:
    """A probe after one turn: the retired URL gave these answers, then none."""
    monkeypatch.setattr(turning, "cards_in_hand", lambda _cards: [None])
    poster = Poster(f"{ORIGIN}/r/x", "v1")
    monkeypatch.setattr(turning, "poster_of", lambda *_: poster)
    probe = Turning(SITE, NOTHING, browsers=ScriptedBrowsers(*answers))
    straggler = Straggler(probe.browsers.new(), ORIGIN, way_back=f"{ORIGIN}/j/a/card/return?code=b")
    probe._straggler = lambda *_: (  # type: ignore[method-assign]
        straggler if is_straggling else None
    )
    probe._retire = lambda *_: None  # type: ignore[method-assign]
    probe.turn(SITE.facilities[1])
    return probe


GONE = Answer(410)


@pytest.mark.parametrize(
    ("answers", "found"),
    [
        ((GONE, GONE), (1, 1, 0, [])),
        ((GONE, Answer(303, location="/j/a/closed"), GONE), (1, 1, 0, [])),
        ((GONE, Answer(404)), (1, 0, 1, [])),
        ((GONE,), (1, 0, 1, [])),
        ((Answer(404), GONE), (0, 1, 1, [])),
        ((), (0, 0, 2, [])),
        ((Answer(303, location="/j/a/entry"), GONE), (0, 1, 0, ["let in by v1"])),
        ((GONE, Answer(303, location="/j/a/done"), SHOWN), (1, 0, 0, ["registered by v1"])),
        ((GONE, Answer(303, location="/j/a/check"), SHOWN), (1, 0, 1, [])),
    ],
)
def test_a_retired_url_is_refused_by_410_alone(
    monkeypatch: pytest.MonkeyPatch,
    answers: Sequence[Answer],
    found: tuple[int, int, int, list[str]],
) -> None:
    probe = turned(monkeypatch, *answers)
    assert (probe.refused, probe.refused_late, probe.unanswered, probe.stale) == found
    assert probe._once.is_set() == (found[:2] == (1, 1) or bool(found[3]))


def test_a_turn_without_a_latecomer_has_tried_the_poster_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    probe = turned(monkeypatch, GONE, is_straggling=False)
    assert (probe.refused, probe.refused_late) == (1, 0)
    assert not probe._once.is_set()


def test_a_row_counts_what_its_probes_have_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(NOTHING, NOTHING, SHORT)
    assert scene._seen() == Seen()
    scene._keep(turned(monkeypatch), withdrawing())
    assert scene._seen() == Seen(untried=3, unanswered=3)
    scene._keep(turned(monkeypatch, Answer(500), GONE, GONE), withdrawing(SHOWN))
    assert scene._seen() == Seen(untried=1, unanswered=4, crashed=1)
    assert [scene.probed[word] for word in (POSTERS, LATECOMERS, WITHDRAWN)] == [1, 1, 0]
