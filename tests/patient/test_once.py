"""What was signed is either registered or said not to be; nobody is told the wrong one."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.patient.conftest import Cards
from tests.patient.site import Site, Visitor
from tests.patient.test_budget import counting
from tests.patient.test_walk import receipt_of
from zaitaku.blueprints.failures import explain
from zaitaku.consent.model import Decision
from zaitaku.consent.service import Registration
from zaitaku.consent.store import registered_record
from zaitaku.consent.wording import NOTICE_ID
from zaitaku.core.errors import StoreUnavailable
from zaitaku.core.ids import JourneyId
from zaitaku.core.languages import Language
from zaitaku.identity.model import Verified

ORIGIN = "http://localhost:8000"
NOTHING = "登録されていません"


def lose(patch: pytest.MonkeyPatch, site: Site, *names: str) -> None:
    """Let the short-lived store fail at ``names``."""

    def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("away")

    for name in names:
        patch.setattr(type(site.services.ephemeral), name, away)


def assert_told(visitor: Visitor, journey: str, reference: str) -> None:
    """The page that says what is registered and what is not."""
    assert visitor.status == 409
    assert visitor.heading == explain("journey-registered").heading
    assert "いまカードで送った答えは、登録されていません。" in visitor.text
    assert reference in visitor.text
    assert "03-0000-1234" in visitor.text
    assert visitor.link("登録した内容を見る") == f"{journey}/done"
    assert visitor.link("はじめからやり直す") == visitor.site.path()


def refuse_instead(visitor: Visitor, journey: str) -> None:
    """Go back and refuse everything."""
    visitor.get(f"{journey}/choose")
    visitor.send("none")
    visitor.send()
    visitor.site.clock.advance(timedelta(seconds=20))


def test_the_second_of_two_tabs_with_other_answers_is_told(visitor: Visitor, cards: Cards) -> None:
    journey = visitor.walk_to_card()
    first = visitor.ask(journey)
    refuse_instead(visitor, journey)
    second = visitor.ask(journey)
    visitor.get(visitor.prove(first, cards.good))
    reference = receipt_of(visitor.site, journey).reference
    back = visitor.prove(second, cards.other)
    for _ in range(2):
        visitor.get(back)
        assert_told(visitor, journey, reference)
    lines = receipt_of(visitor.site, journey).lines
    assert {line.decision for line in lines} == {Decision.GRANT}
    visitor.get(visitor.link("はじめからやり直す"))
    assert visitor.status == 200


def test_a_second_card_that_is_refused_does_not_say_that_nothing_is_registered(
    visitor: Visitor, cards: Cards
) -> None:
    journey = visitor.walk_to_card()
    first, second = visitor.ask(journey), visitor.ask(journey)
    visitor.get(visitor.prove(first, cards.good))
    visitor.get(visitor.prove(second, cards.expired))
    assert_told(visitor, journey, receipt_of(visitor.site, journey).reference)


def test_stopping_a_second_reading_leads_to_what_is_registered(
    visitor: Visitor, cards: Cards
) -> None:
    journey = visitor.walk_to_card()
    visitor.read_card(journey, cards.good)
    visitor.get(f"{journey}/card/return?cancelled=1")
    assert visitor.location == f"{journey}/done"


@pytest.mark.parametrize("lost", ["merge", "delete"])
def test_what_is_lost_after_the_commit_does_not_hide_the_receipt(
    visitor: Visitor,
    cards: Cards,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    lost: str,
) -> None:
    journey = visitor.walk_to_card()
    back = visitor.prove(visitor.ask(journey), cards.good)
    with monkeypatch.context() as patch:
        lose(patch, visitor.site, lost)
        assert visitor.get(back) == 200
    reference = receipt_of(visitor.site, journey).reference
    assert visitor.heading == "登録が終わりました"
    assert reference in visitor.text
    assert "StoreUnavailable" in caplog.text
    for path in (back, f"{journey}/done", f"{journey}/card"):
        visitor.get(path)
        assert visitor.location == f"{journey}/done"
        assert reference in visitor.text


def test_a_registered_journey_whose_mark_was_lost_asks_for_no_card(
    visitor: Visitor, cards: Cards
) -> None:
    journey = visitor.walk_to_card()
    fields = visitor.hidden()
    services = visitor.site.services
    code = visitor.prove(visitor.ask(journey), cards.good).partition("code=")[2]
    verified = services.identity.outcome(code, JourneyId(journey.removeprefix("/j/")))
    services.consent.register(verified)
    refuse_instead(visitor, journey)
    asked = visitor.client.post(f"{journey}/card", data=fields, base_url=ORIGIN)
    assert asked.location == f"{journey}/done"
    visitor.get(asked.location)
    assert visitor.post(f"{journey}/operator", fields | {"answer": "self"}) == 409


@pytest.mark.parametrize("page", ["card/return?code=x", "done", "receipt", "receipt/text"])
@pytest.mark.parametrize("language", list(Language))
def test_a_store_that_is_away_after_the_card_leaves_it_open(
    visitor: Visitor,
    cards: Cards,
    monkeypatch: pytest.MonkeyPatch,
    page: str,
    language: Language,
) -> None:
    journey = visitor.walk_to_card()
    visitor.read_card(journey, cards.good)
    visitor.get(f"/e?lang={language}")
    with monkeypatch.context() as patch:
        lose(patch, visitor.site, "read")
        assert visitor.get(f"{journey}/{page}") == 503
    assert visitor.page.attrib["lang"] == language
    assert NOTHING not in visitor.text
    again = [e.attrib["href"] for e in visitor.page.iter("a")]
    assert f"{journey}/{page}" in again


def test_a_store_that_is_away_before_the_card_says_that_nothing_is_registered(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    journey = visitor.walk_to_card()
    with monkeypatch.context() as patch:
        lose(patch, visitor.site, "read", "merge")
        assert visitor.post(f"{journey}/check", visitor.hidden()) == 503
    assert NOTHING in visitor.text


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT"])
def test_only_a_get_registers(visitor: Visitor, cards: Cards, method: str) -> None:
    journey = visitor.walk_to_card()
    back = visitor.prove(visitor.ask(journey), cards.good)
    answer = visitor.client.open(back, method=method, base_url=ORIGIN)
    assert answer.status_code == 405
    id_ = JourneyId(journey.removeprefix("/j/"))
    assert visitor.site.services.consent.receipt_of(id_) is None
    visitor.get(back)
    assert visitor.location == f"{journey}/done"


def test_coming_back_costs_no_look_up_twice(
    visitor: Visitor, cards: Cards, monkeypatch: pytest.MonkeyPatch
) -> None:
    journey = visitor.walk_to_card()
    back = visitor.prove(visitor.ask(journey), cards.good)
    with counting(visitor.site, monkeypatch) as counter:
        visitor.client.get(back, base_url=ORIGIN)
    assert counter.trips == ["read", "read", "count", "merge", "delete"]
    assert len(counter.queries) == len(set(counter.queries)), counter.queries


def test_a_notice_that_changed_is_shown_again_before_the_card(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    journey = visitor.walk_to_card()
    fields, wordings = visitor.hidden(), visitor.site.services.wordings
    old = wordings.notice(Language.JAPANESE)
    text = "資格の確認のしかたが変わりました。"
    ref = replace(old.ref, version=old.ref.version + 1, sha256="0" * 64)
    current = wordings.current

    def changed(wording_id: str, language: Language) -> object:
        found = current(wording_id, language)
        is_notice = wording_id == NOTICE_ID
        return replace(found, ref=ref, explanation=(text,)) if is_notice else found

    monkeypatch.setattr(wordings, "current", changed)
    visitor.post(f"{journey}/card", fields)
    assert visitor.location == f"{journey}/check"
    assert text in visitor.text
    visitor.send()
    assert visitor.location == f"{journey}/card"


def test_the_last_page_names_earlier_grants_that_still_stand(site: Site, cards: Cards) -> None:
    first, second, third = site.visitor(), site.visitor(), site.visitor()
    first.read_card(first.walk_to_card(), cards.good)
    assert "今回はお聞きしていません" not in first.text
    site.change_settings(surgery=False)
    journey = second.walk_to_check()
    second.get(second.link("変更（特定健診の情報）"))
    second.send("refuse")
    second.send()
    second.read_card(journey, cards.good)
    assert "前に同意した情報（今回はお聞きしていません） ○手術の情報：見えます" in second.text
    assert "同意した情報はありません" not in second.text
    third.read_card(third.walk_to_card(mode="none"), cards.good)
    assert "同意した情報はありません" in third.text
    assert "今回はお聞きしていません" not in third.text
    assert "見えます" not in third.text


@pytest.mark.parametrize(("mode", "is_said"), [("none", True), ("all", False)])
def test_a_full_refusal_is_explained_before_the_card(
    visitor: Visitor, mode: str, is_said: bool
) -> None:
    visitor.walk_to_check(mode=mode)
    assert ("前に同意した情報があれば、それも見えなくなります。" in visitor.text) is is_said


def _unconfirmed() -> None:
    raise StoreUnavailable("no standby has it yet")


def test_no_page_tells_of_a_record_that_no_standby_has(
    visitor: Visitor, cards: Cards, monkeypatch: pytest.MonkeyPatch
) -> None:
    journey = visitor.walk_to_card()
    way = visitor.prove(visitor.ask(journey), cards.good)
    database = visitor.site.services.database
    lost = visitor.site.services.consent.register

    def register(verified: Verified, **_: bool) -> Registration:
        lost(verified)
        raise StoreUnavailable("the server closed the connection")

    monkeypatch.setattr(visitor.site.services.consent, "register", register)
    assert visitor.get(way) == 503
    monkeypatch.undo()
    monkeypatch.setattr(database, "confirm", _unconfirmed)
    record = registered_record(database, JourneyId(journey.removeprefix("/j/")))
    assert record is not None
    for path in (way, f"{journey}/done", f"{journey}/receipt", f"{journey}/receipt/text"):
        assert visitor.get(path) == 503
        assert record.reference not in visitor.text
    monkeypatch.undo()
    assert visitor.get(f"{journey}/done") == 200
    assert record.reference in visitor.text
