"""The ways in, and the calm pages where there is no way in."""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from tests.patient.site import Site, Visitor
from zaitaku.blueprints.failures import explain
from zaitaku.facilities.model import Channel

ORIGIN = "http://localhost:8000"


@pytest.mark.parametrize("channel", list(Channel))
def test_the_entry_says_whose_it_is_and_that_it_is_not_the_government_s(
    visitor: Visitor, channel: Channel
) -> None:
    assert visitor.get(visitor.site.path(channel)) == 200
    assert visitor.heading == "みどり坂クリニックの同意の受付"
    assert "国や市区町村が運営するものではありません" in visitor.text
    assert "03-0000-1234" in visitor.text


@pytest.mark.parametrize(
    ("query", "is_refused"),
    [
        ("?date=2026-12-24", False),
        ("?date=2026-11-20", False),
        ("?date=2026-11-19", True),
        ("?date=2027-12-24", True),
        ("?date=tomorrow", True),
        ("?date=<script>", True),
    ],
)
def test_the_day_in_a_link(visitor: Visitor, query: str, is_refused: bool) -> None:
    visitor.get(visitor.site.path(Channel.ONLINE) + query)
    assert ("案内の受診日が使えませんでした" in visitor.text) is is_refused


def test_a_day_means_nothing_on_the_home_visit_channel(visitor: Visitor) -> None:
    visitor.get(visitor.site.path() + "?date=2020-01-01")
    assert "受診日" not in visitor.text


def test_a_refused_day_is_asked_for(visitor: Visitor) -> None:
    visitor.start(Channel.ONLINE, "?date=2020-01-01")
    visitor.prepare()
    visitor.send("self")
    assert visitor.heading == "どちらの診療を受けますか"


@pytest.mark.parametrize("change", ["truncated", "tampered", "foreign", "odd"])
def test_damaged_addresses_get_a_calm_page(visitor: Visitor, change: str) -> None:
    path = visitor.site.path()
    paths = {
        "truncated": path[:-3],
        "tampered": path[:-1] + ("A" if path[-1] != "A" else "B"),
        "foreign": "/r/abcdefg.ABCDEFGHIJKLMNOPQRSTUV",
        "odd": "/r/%F0%FF",
    }
    assert visitor.get(paths[change]) == 404
    assert visitor.heading == explain("unknown-url").heading


def test_a_retired_url_names_the_clinic(visitor: Visitor) -> None:
    path = visitor.site.path()
    visitor.get(path)
    fields = visitor.hidden()
    visitor.site.rotate()
    assert visitor.get(path) == 410
    assert visitor.heading == explain("url-retired").heading
    assert "みどり坂クリニック" in visitor.text
    assert "03-0000-1234" in visitor.text
    assert visitor.post(path, fields) == 410
    assert visitor.get(visitor.site.path()) == 200


def test_a_channel_that_is_off_names_the_clinic(visitor: Visitor) -> None:
    path = visitor.site.path(Channel.ONLINE)
    visitor.site.change_settings(online=False)
    assert visitor.get(path) == 404
    assert visitor.heading == explain("channel-off").heading
    assert "03-0000-1234" in visitor.text


def test_a_typed_number_leads_to_the_entry(visitor: Visitor) -> None:
    handle = visitor.site.version().handle
    typed = f"　{handle[:4]}ー{handle[4:8]} {handle[8:]}".translate(
        str.maketrans("0123456789", "０１２３４５６７８９")
    )
    visitor.get("/")
    assert visitor.location == "/e"
    visitor.send(number=typed)
    assert visitor.location == visitor.site.path()
    assert visitor.status == 200


@pytest.mark.parametrize("typed", ["", "123", "1234-5678-901", "かきくけこ", "1" * 500])
def test_a_wrong_number_is_kept_and_explained(visitor: Visitor, typed: str) -> None:
    visitor.get("/e")
    assert visitor.send(number=typed) == 422
    assert visitor.title.startswith("エラー：案内の紙の番号を入力してください")


def test_numbers_cannot_be_tried_without_end(visitor: Visitor) -> None:
    visitor.get("/e")
    statuses = [visitor.send(number="123") for _ in range(30)]
    assert set(statuses) == {422}
    assert visitor.send(number="123") == 429
    assert visitor.heading == explain("too-many-attempts").heading
    visitor.site.clock.advance(timedelta(minutes=11))
    visitor.get("/e")
    assert visitor.send(number="123") == 422


def test_a_journey_of_another_browser_is_not_found(site: Site) -> None:
    first, second = site.visitor(), site.visitor()
    journey = first.start()
    second.start()
    for page in ("prepare", "check", "card", "done", "receipt", "help/pin"):
        assert second.get(f"{journey}/{page}") == 404
        assert second.heading == explain("journey-gone").heading


def test_a_journey_without_any_session_is_not_found(visitor: Visitor) -> None:
    assert visitor.get("/j/none/prepare") == 404
    assert visitor.heading == explain("journey-gone").heading
    assert visitor.link("番号を入力して開く") == "/e"


def test_a_journey_that_the_store_has_lost_can_be_begun_again(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    journey = visitor.walk_to_check()
    monkeypatch.setattr(type(visitor.site.services.ephemeral), "read", lambda *_: None)
    assert visitor.get(f"{journey}/check") == 404
    again = visitor.link("受付をはじめから開く")
    assert again == urlsplit(visitor.site.path()).path
    assert visitor.get(again) == 200


def test_a_journey_that_is_too_old_is_not_found(visitor: Visitor) -> None:
    journey = visitor.walk_to_check()
    visitor.site.clock.advance(timedelta(hours=13))
    assert visitor.get(f"{journey}/check") == 404
    assert visitor.heading == explain("journey-gone").heading


def test_a_phone_call_in_between_loses_nothing(visitor: Visitor) -> None:
    journey = visitor.walk_to_check()
    visitor.site.clock.advance(timedelta(hours=11))
    assert visitor.get(f"{journey}/check") == 200


def test_a_form_without_its_token_is_not_taken(visitor: Visitor) -> None:
    journey = visitor.start()
    assert visitor.post(f"{journey}/prepare", {"answer": "yes"}) == 400
    assert visitor.heading == explain("form-expired").heading
    visitor.get(visitor.link("この画面を開き直す"))
    assert visitor.location == f"{journey}/prepare"


def test_an_address_that_nothing_answers(visitor: Visitor) -> None:
    assert visitor.get("/nothing/here?lang=en") == 404
    assert visitor.heading == "This page was not found"


def test_a_method_that_a_page_does_not_take(visitor: Visitor) -> None:
    journey = visitor.start()
    answer = visitor.client.delete(f"{journey}/prepare", base_url=ORIGIN)
    assert answer.status_code in {400, 405}
