"""While a store is away, a page says no more than is known, and comes back by itself."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.console.test_browser import browser, served
from tests.e2e.chromium import phone_context
from tests.patient.conftest import Cards
from tests.patient.site import Site, Visitor
from zaitaku.blueprints.errors import AWAY_SECONDS
from zaitaku.core.errors import EphemeralStoreUnavailable, StoreUnavailable
from zaitaku.core.languages import Language

__all__ = ["browser"]

SENT = "送った内容は、登録されていません。"
KEPT = "これまでの答えは残っています。"
MAYBE_KEPT = "これまでの答えが残っているかどうかは、次に開いたときにわかります。"
BY_ITSELF = "1分ほどたつと、この画面がもう一度、自動で開きます。このままお待ちください。"
BY_HAND = "数分待ってから、もう一度やってみてください。"

Lose = Callable[[], None]


@pytest.fixture
def lose_database(site: Site, monkeypatch: pytest.MonkeyPatch) -> Lose:
    """The database goes away."""

    def away(*_: Any, **__: Any) -> None:
        raise StoreUnavailable("OperationalError")

    def lose() -> None:
        for name in ("ask", "reading", "transaction", "do"):
            monkeypatch.setattr(type(site.services.database), name, away)

    return lose


@pytest.fixture
def lose_short_lived(site: Site, monkeypatch: pytest.MonkeyPatch) -> Lose:
    """The short-lived store goes away."""

    def away(*_: Any, **__: Any) -> None:
        raise EphemeralStoreUnavailable("ConnectionError")

    def lose() -> None:
        for name in ("create", "read", "merge", "take", "delete", "count"):
            monkeypatch.setattr(type(site.services.ephemeral), name, away)

    return lose


def said(visitor: Visitor) -> set[str]:
    return {each for each in (SENT, KEPT, MAYBE_KEPT, BY_ITSELF, BY_HAND) if each in visitor.text}


def test_a_first_visit_sent_nothing_and_has_no_answers(
    visitor: Visitor, lose_database: Lose
) -> None:
    path = visitor.site.path()
    lose_database()
    assert visitor.get(path) == 503
    assert said(visitor) == {BY_ITSELF}
    assert "この画面を、いま開けません。" in visitor.text


def test_a_page_whose_journey_was_read_keeps_its_answers(
    visitor: Visitor, lose_database: Lose
) -> None:
    journey = visitor.walk_to_check()
    lose_database()
    assert visitor.get(f"{journey}/check") == 503
    assert said(visitor) == {KEPT, BY_ITSELF}


def test_a_page_whose_journey_could_not_be_read_promises_nothing(
    visitor: Visitor, lose_short_lived: Lose
) -> None:
    journey = visitor.walk_to_check()
    lose_short_lived()
    assert visitor.get(f"{journey}/check") == 503
    assert said(visitor) == {MAYBE_KEPT, BY_ITSELF}


def test_a_journey_lost_after_it_was_read_is_not_promised(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    journey = visitor.walk_to_card()

    def away(*_: Any, **__: Any) -> None:
        raise EphemeralStoreUnavailable("ConnectionError")

    monkeypatch.setattr(type(visitor.site.services.ephemeral), "create", away)
    assert visitor.post(f"{journey}/card", visitor.hidden()) == 503
    assert said(visitor) == {SENT, MAYBE_KEPT, BY_HAND}


def test_a_record_that_cannot_be_confirmed_is_not_denied(
    site: Site, visitor: Visitor, cards: Cards, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journey's mark was not written, and the patient goes back to read the card again."""
    journey = visitor.walk_to_card()
    hidden, merge = visitor.hidden(), type(site.services.ephemeral).merge

    def unmarked(store: Any, key: str, fields: dict[str, str], life: Any) -> Any:
        if "registered" in fields:
            raise EphemeralStoreUnavailable("ConnectionError")
        return merge(store, key, fields, life)

    monkeypatch.setattr(type(site.services.ephemeral), "merge", unmarked)
    visitor.read_card(journey, cards.good)
    assert visitor.heading == "登録が終わりました"

    def unconfirmed(_: Any) -> None:
        raise StoreUnavailable("no standby")

    monkeypatch.setattr(type(site.services.database), "confirm", unconfirmed)
    assert visitor.post(f"{journey}/card", hidden) == 503
    assert SENT not in visitor.text
    assert "登録できたかどうか" in visitor.text


def test_what_was_sent_is_not_sent_again_by_itself(
    visitor: Visitor, lose_short_lived: Lose
) -> None:
    journey = visitor.walk_to_check()
    lose_short_lived()
    assert visitor.post(f"{journey}/check", visitor.hidden()) == 503
    assert said(visitor) == {SENT, MAYBE_KEPT, BY_HAND}
    assert not [each for each in visitor.page.iter("meta") if "http-equiv" in each.attrib]
    assert not [each for each in visitor.page.iter() if "data-waiting" in each.attrib]


@pytest.mark.parametrize("language", list(Language))
def test_it_comes_back_with_and_without_a_script(
    visitor: Visitor, lose_database: Lose, language: Language
) -> None:
    path = f"{visitor.site.path()}?lang={language}"
    lose_database()
    answer = visitor.client.get(path, base_url=visitor.site.services.settings.origin)
    assert answer.headers["Retry-After"] == str(AWAY_SECONDS)
    refresh = f'<meta http-equiv="refresh" content="{AWAY_SECONDS}">'
    assert f"<noscript>{refresh}</noscript>" in answer.text
    assert f'data-waiting="" data-pause="{AWAY_SECONDS}"' in answer.text
    assert "/static/js/waiting.js?v=" in answer.text
    assert f'lang="{language}"' in answer.text


def test_whoever_lost_the_thread_is_not_the_only_one_to_blame(visitor: Visitor) -> None:
    journey = visitor.walk_to_check()
    assert visitor.get(f"{journey[:-1]}/check") == 404
    assert "この受付の側で、続きがなくなることもあります。" in visitor.text


@pytest.mark.browser
def test_a_browser_opens_it_again_by_itself(
    site: Site, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, was = site.path(), type(site.services.database).ask
    monkeypatch.setattr("zaitaku.blueprints.errors.AWAY_SECONDS", 1)

    def away(*asked: Any, **values: Any) -> Any:
        monkeypatch.setattr(type(site.services.database), "ask", was)
        raise StoreUnavailable("OperationalError")

    monkeypatch.setattr(type(site.services.database), "ask", away)
    context = phone_context(browser)
    page = context.new_page()
    with served(site) as origin:  # type: ignore[arg-type]
        answer = page.goto(origin + path)
        assert answer
        assert answer.status == 503
        expect(page.get_by_role("button", name="受付を始める")).to_be_visible()
        context.close()
