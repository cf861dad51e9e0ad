"""What people read who have to wait, and that they end where they wanted to go."""

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from werkzeug.test import create_environ
from werkzeug.wrappers import Request

from tests.patient.conftest import Cards
from tests.patient.lint import check_page, words
from tests.patient.site import Site, Visitor
from zaitaku import wire
from zaitaku.blueprints.overload import Overload
from zaitaku.blueprints.places import PLACE_KEPT
from zaitaku.blueprints.ranks import rank_of
from zaitaku.blueprints.waiting import Kind, Reader, WaitingPages
from zaitaku.core import gate
from zaitaku.core.gate import Rank
from zaitaku.core.languages import Language
from zaitaku.core.line import Place
from zaitaku.core.permits import Permits

REQUEST_ID = re.compile(r"\d{4}-\d{4}-\d{4}")
HEADINGS = {
    Language.JAPANESE: "いま、混み合っています",
    Language.EASY_JAPANESE: "いま、混んでいます",
    Language.ENGLISH: "We are very busy right now",
}


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody needs to wait to see that there is no turn."""
    monkeypatch.setattr(gate, "PATIENCE_SECONDS", dict.fromkeys(Rank, 0.01))


@contextmanager
def full(overload: Overload) -> Iterator[None]:
    """Let others have all turns."""
    while overload.gate.enter(Rank.REGISTERING):
        pass
    yield
    for _ in range(gate.ACTIVE):
        overload.gate.leave()


@pytest.fixture
def crowded(overload: Overload, monkeypatch: pytest.MonkeyPatch) -> Overload:
    """Nobody may begin until a test says so; the line is looked at each time."""
    monkeypatch.setattr("zaitaku.core.line._LOOK_SECONDS", -1.0)
    monkeypatch.setattr(Permits, "rate", 0.0)
    overload.permits._permits = 0.0
    return overload


def let_in(overload: Overload) -> None:
    """Have permits for everybody."""
    overload.permits._permits = 50.0


@pytest.mark.parametrize("language", Language)
def test_a_new_patient_waits_in_their_language_and_comes_in(
    crowded: Overload, site: Site, visitor: Visitor, language: Language
) -> None:
    path = f"{site.path()}?lang={language}"
    assert visitor.get(path) == 503
    assert visitor.heading == HEADINGS[language]
    assert visitor.page.attrib["lang"] == language
    assert visitor.link("この画面を開き直す" if language == "ja" else "") is not None
    let_in(crowded)
    assert visitor.get(path) == 200
    assert visitor.heading not in HEADINGS.values()
    assert visitor.get(path) == 200


def test_the_page_says_when_to_come_back_and_holds_the_place(
    crowded: Overload, site: Site, visitor: Visitor
) -> None:
    answer = visitor.client.get(site.path())
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) >= 5
    assert "zaitaku-place=1." in answer.headers["Set-Cookie"]
    assert "HttpOnly" in answer.headers["Set-Cookie"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert f'content="{answer.headers["Retry-After"]}"' in answer.text
    assert len(answer.data) < 8_000
    page = check_page(answer.text)
    assert "どのくらい待つかは、まだ分かりません。次が、あなたの順番です。" in words(page)


@pytest.mark.parametrize(
    ("language", "page", "script"),
    [
        (Language.JAPANESE, "約10分で、", "約10分で、"),
        (Language.EASY_JAPANESE, "10<ruby>分<rp>(</rp><rt>ぷん</rt>", "だいたい10分で、"),
        (Language.ENGLISH, "in about 10 minutes.", "in about 10 minutes."),
    ],
)
def test_how_long_it_takes_is_said_with_its_reading(
    site: Site, language: Language, page: str, script: str
) -> None:
    pages = WaitingPages(site.app)
    place = Place(1, ahead=3, wait=timedelta(minutes=10))
    request = Request(create_environ("/"))
    shown = pages.page(Kind.LINE, Reader(language), request, pause=5, place=place)
    assert page in shown
    assert script in json.loads(pages.news(language, place))["text"]


def test_places_are_in_the_order_of_coming(crowded: Overload, site: Site) -> None:
    first, second = site.visitor(), site.visitor()
    first.get(site.path())
    second.get(site.path())
    assert "あなたの前に、1人が待っています。" in second.text
    second.get(site.path())
    assert "あなたの前に、1人が待っています。" in second.text
    crowded.permits._permits = 1.5
    assert second.get(site.path()) == 503
    assert first.get(site.path()) == 200
    assert "次が、あなたの順番です。" in second.text


def test_who_is_away_keeps_the_place_for_half_an_hour(
    crowded: Overload, site: Site, visitor: Visitor
) -> None:
    for number, away in (
        (1, timedelta(0)),
        (1, PLACE_KEPT),
        (2, PLACE_KEPT + timedelta(seconds=1)),
    ):
        site.clock.advance(away)
        answer = visitor.client.get(site.path())
        assert f"zaitaku-place={number}." in answer.headers["Set-Cookie"]


def test_a_place_from_the_future_counts_for_nothing(crowded: Overload, site: Site) -> None:
    """The clock of the process that gave it was ahead: it would count until the others are."""
    client = site.visitor().client
    site.clock.advance(PLACE_KEPT + timedelta(seconds=1))
    assert "zaitaku-place=1." in client.get(site.path()).headers["Set-Cookie"]
    site.clock.advance(-PLACE_KEPT - timedelta(seconds=1))
    assert "zaitaku-place=2." in client.get(site.path()).headers["Set-Cookie"]


@pytest.mark.parametrize("forged", ["1.99999999999.x", "in.99999999999.x", "", "."])
def test_a_place_cannot_be_made_up(crowded: Overload, site: Site, forged: str) -> None:
    site.visitor().client.get(site.path())
    client = site.visitor().client
    client.set_cookie("zaitaku-place", forged)
    assert "zaitaku-place=2." in client.get(site.path()).headers["Set-Cookie"]


def test_the_script_is_told_how_the_line_moves(
    crowded: Overload, site: Site, visitor: Visitor
) -> None:
    visitor.get(site.path())
    told = json.loads(visitor.client.get("/line?lang=en").data)
    assert told["text"] == "We cannot tell yet how long you will wait. You are next."
    assert told["pause"] == 10
    let_in(crowded)
    assert json.loads(visitor.client.get("/line?lang=en").data) == {"go": True}
    assert json.loads(site.visitor().client.get("/line?lang=%3Cb%3E").data) == {"go": True}


def test_a_step_that_cannot_be_taken_keeps_what_was_sent(
    overload: Overload, site: Site, visitor: Visitor
) -> None:
    visitor.start()
    here, fields = visitor.location, visitor.hidden() | {"answer": "yes", "x": "<b>\"&'"}
    with full(overload):
        assert visitor.post(here, fields) == 503
        assert visitor.heading == HEADINGS[Language.JAPANESE]
        assert visitor.hidden() == fields
    assert visitor.post(here, visitor.hidden()) == 200
    assert visitor.location.endswith("/prepare/pin")


def test_a_page_that_cannot_be_shown_comes_by_itself(overload: Overload, visitor: Visitor) -> None:
    journey = visitor.start()
    with full(overload):
        assert visitor.get(f"{journey}/prepare?a=1&b=2") == 503
        assert visitor.link("この画面を開き直す") == f"{journey}/prepare?a=1&b=2"
        assert visitor.link("English") == f"{journey}/prepare?a=1&b=2&lang=en"
    assert visitor.get(f"{journey}/prepare") == 200


def test_a_card_that_was_read_is_registered_when_there_is_a_turn(
    overload: Overload, visitor: Visitor, cards: Cards
) -> None:
    journey = visitor.walk_to_card()
    way_back = visitor.prove(visitor.ask(journey), cards.good)
    with full(overload):
        assert visitor.get(way_back) == 503
        assert "カードの読み取りは終わりました。" in visitor.text
    assert visitor.get(way_back) == 200
    assert visitor.location.endswith("/done")


def test_programs_are_told_in_json(overload: Overload, visitor: Visitor) -> None:
    with full(overload):
        answer = visitor.client.post(wire.PROOF_PATH, json={})
        assert answer.status_code == 503
        assert answer.json == {"error": "busy", "retry_after": int(answer.headers["Retry-After"])}


@pytest.mark.parametrize(
    ("method", "path", "accept"),
    [
        ("GET", "/api/appointments", "*/*"),
        ("HEAD", "/api/appointments", "*/*"),
        ("HEAD", "/j/x", "text/html"),
        ("GET", "/j/x/job", "application/json"),
        ("GET", "/console/news", "application/json"),
    ],
)
def test_what_asks_for_data_gets_no_page(
    overload: Overload, visitor: Visitor, method: str, path: str, accept: str
) -> None:
    with full(overload):
        answer = visitor.client.open(path, method=method, headers={"Accept": accept})
    assert answer.status_code == 503
    assert answer.content_type == "application/json"
    pause = int(answer.headers["Retry-After"])
    expected = json.dumps({"error": "busy", "retry_after": pause})
    assert answer.text == ("" if method == "HEAD" else expected)
    assert int(answer.headers["Content-Length"]) == len(expected)


def test_a_program_in_line_is_told_in_json_and_a_head_takes_no_place(
    crowded: Overload, site: Site
) -> None:
    assert "zaitaku-place" not in str(site.visitor().client.head(site.path()).headers)
    answer = site.visitor().client.get(site.path(), headers={"Accept": "application/json"})
    assert answer.json == {"error": "busy", "retry_after": int(answer.headers["Retry-After"])}
    assert "zaitaku-place=1." in answer.headers["Set-Cookie"]


def test_a_browser_without_cookies_comes_in_when_there_is_room(
    crowded: Overload, site: Site
) -> None:
    for _ in range(100):
        assert site.visitor().client.get(site.path()).status_code == 503
    let_in(crowded)
    assert site.visitor().client.get(site.path()).status_code == 200


@pytest.mark.parametrize(
    ("path", "told"),
    [("", ("(line)", 503)), ("/line", ("/line", 200)), ("/j/x", ("(busy)", 503))],
)
def test_answers_of_the_gate_are_logged_and_headed_like_all_others(
    crowded: Overload,
    site: Site,
    caplog: pytest.LogCaptureFixture,
    path: str,
    told: tuple[str, int],
) -> None:
    caplog.set_level(logging.INFO, "zaitaku.request")
    usual = site.visitor().client.get("/")
    caplog.clear()
    with full(crowded):
        answer = site.visitor().client.get(path or site.path())
    (line,) = (record for record in caplog.records if record.message == "answered")
    assert (getattr(line, "route", ""), getattr(line, "status", 0)) == told
    assert REQUEST_ID.fullmatch(answer.headers["X-Request-Id"])
    differing = {"Content-Length", "Content-Type", "Set-Cookie", "Vary", "Retry-After", "Location"}
    differing |= {"X-Request-Id"}
    assert {name: value for name, value in answer.headers if name not in differing} == {
        name: value for name, value in usual.headers if name not in differing
    }


@pytest.mark.parametrize(("method", "said"), [("GET", "もう一度開きます"), ("POST", "再読み込み")])
def test_the_console_is_told_without_showing_what_was_typed(
    overload: Overload, visitor: Visitor, method: str, said: str
) -> None:
    with full(overload):
        answer = visitor.client.open(
            "/console/login", method=method, data={"password": "correct horse"}
        )
        assert answer.status_code == 503
        assert "correct horse" not in answer.text
        assert said in words(check_page(answer.text))


def test_health_needs_no_turn(overload: Overload, visitor: Visitor) -> None:
    with full(overload):
        assert visitor.client.get("/healthz").status_code == 200


def test_a_streamed_answer_keeps_its_turn_to_the_end(overload: Overload, site: Site) -> None:
    def inner(_: object, start: object) -> Iterator[bytes]:
        start("200 OK", [])  # type: ignore[operator]
        return iter((b"a", b"b"))

    overload._inner = inner
    answer = overload({"PATH_INFO": "/j/x", "REQUEST_METHOD": "GET"}, lambda *_: None)
    assert overload.state().gate.active == 1
    assert list(answer) == [b"a", b"b"]
    assert overload.state().gate.active == 0


def test_a_failure_gives_the_turn_back(overload: Overload, visitor: Visitor) -> None:
    def inner(*_: object) -> list[bytes]:
        raise RuntimeError

    overload._inner = inner
    for _ in range(gate.ACTIVE + 1):
        assert visitor.client.get("/j/x/done").status_code == 500
        assert overload.state().gate.active == 0


def test_every_route_has_its_rank(site: Site) -> None:
    """What registers is first, what the console needs comes after patients, new ones last."""
    ranks: dict[str, Rank | None] = {
        rule.rule: rank_of("GET", rule.rule) for rule in site.app.url_map.iter_rules()
    }
    assert {route for route, rank in ranks.items() if rank is Rank.ENTERING} == {
        "/",
        "/e",
        "/h",
        "/r/<string:token>",
        "/.well-known/security.txt",
    }
    assert {route for route, rank in ranks.items() if rank is None} == {
        "/healthz",
        "/readyz",
        "/static/<path:filename>",
    }
    consoles = {route for route, rank in ranks.items() if rank is Rank.CONSOLE}
    assert all(route.startswith(("/console", "/api/")) for route in consoles)
    assert ranks["/j/<string:journey>/card/return"] is Rank.REGISTERING
    assert ranks["/j/<string:journey>/items/<string:item>"] is Rank.UNDER_WAY
    assert rank_of("POST", "/r/token") is Rank.UNDER_WAY
    for beginning in ("/healthz", "/readyz", "/line", "/static"):
        assert rank_of("GET", f"{beginning}X") is Rank.ENTERING
