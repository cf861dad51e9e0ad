"""By phone, and then something else: other answers, other attempts, a store that blinks."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from tests.patient.phoning import ORIGIN, Phone, open_app, walk_to_app
from tests.patient.site import Visitor
from tests.patient.test_app import arrive_elsewhere, number_on, state_of
from tests.patient.test_card import assert_calm, is_registered
from tests.patient.test_once import lose
from tests.patient.test_walk import receipt_of
from zaitaku.blueprints.failures import explain
from zaitaku.consent.model import Decision
from zaitaku.consent.store import record_of_journey
from zaitaku.core.ids import JourneyId, new_secret_name
from zaitaku.core.openid import OpenIdProvider
from zaitaku.core.signing import Keyring
from zaitaku.facilities.model import Channel
from zaitaku.identity.model import VerifiedToken
from zaitaku.identity.oidc.service import LEASE, OpenIdService, number_of


@pytest.fixture
def openid(phone: Phone) -> OpenIdProvider:
    """The site knows the phone's provider."""
    return phone.profile


def service_of(visitor: Visitor) -> OpenIdService:
    found = visitor.site.services.openid
    assert found
    return found


def choose(visitor: Visitor, journey: str, mode: str) -> None:
    """Go back and give one answer to everything; the check page is not confirmed yet."""
    visitor.get(f"{journey}/choose")
    visitor.send(mode)


def choose_and_confirm(visitor: Visitor, journey: str, mode: str) -> None:
    choose(visitor, journey, mode)
    visitor.send()


def refuse(visitor: Visitor, journey: str) -> None:
    choose(visitor, journey, "none")


def refuse_and_confirm(visitor: Visitor, journey: str) -> None:
    choose_and_confirm(visitor, journey, "none")


def answer_for_another(visitor: Visitor, journey: str) -> None:
    visitor.get(f"{journey}/operator")
    visitor.send("companion")


def confirm_in_english(visitor: Visitor, journey: str) -> None:
    visitor.get(f"{journey}/check?lang=en")
    visitor.send()
    visitor.get(f"{journey}/card?lang=ja")


def press(visitor: Visitor, journey: str) -> None:
    """Press the button of an old card page again."""
    visitor.post(f"{journey}/app", visitor.hidden())


CHANGES = [refuse, refuse_and_confirm, answer_for_another, confirm_in_english]


@pytest.mark.parametrize("change", CHANGES)
def test_answers_that_were_changed_since_are_not_registered(
    visitor: Visitor, phone: Phone, change: Callable[[Visitor, str], None]
) -> None:
    journey = walk_to_app(visitor)
    back = phone.read(open_app(visitor, journey))
    change(visitor, journey)
    for _ in range(2):  # a reload is told the same
        assert visitor.get(back) == 409
        assert_calm(visitor, journey, "app-answers-changed")
    choose_and_confirm(visitor, journey, "all")
    assert visitor.get(back) == 409  # what was told stands, even when the answers are as before


def test_a_visit_on_another_day_is_not_registered(visitor: Visitor, phone: Phone) -> None:
    journey = walk_to_app(visitor, Channel.ONLINE)
    back = phone.read(open_app(visitor, journey))
    visitor.get(f"{journey}/visit")
    day = {"visit_date-year": "2026", "visit_date-month": "11", "visit_date-day": "25"}
    visitor.send("online", **day)
    assert visitor.status == 200
    assert visitor.get(back) == 409
    assert_calm(visitor, journey, "app-answers-changed")


def test_the_app_reads_again_for_the_new_answers(visitor: Visitor, phone: Phone) -> None:
    journey = walk_to_app(visitor)
    old = phone.read(open_app(visitor, journey))
    refuse_and_confirm(visitor, journey)
    visitor.get(old)
    visitor.get(visitor.link("もう一度カードを読み取る"))
    visitor.get(phone.read(open_app(visitor, journey)))
    lines = receipt_of(visitor.site, journey).lines
    assert {line.decision for line in lines} == {Decision.REFUSE}


def test_answers_that_are_as_they_were_are_registered(visitor: Visitor, phone: Phone) -> None:
    journey = walk_to_app(visitor)
    back = phone.read(open_app(visitor, journey))
    refuse_and_confirm(visitor, journey)
    choose_and_confirm(visitor, journey, "all")
    visitor.get(back)
    assert is_registered(visitor, journey)


def test_what_is_registered_is_found_whatever_was_answered_since(
    visitor: Visitor, phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    journey = walk_to_app(visitor)
    back = phone.read(open_app(visitor, journey))
    with monkeypatch.context() as patch:
        lose(patch, visitor.site, "merge", "delete")
        visitor.get(back)
    reference = receipt_of(visitor.site, journey).reference
    refuse(visitor, journey)
    assert visitor.get(back) == 200
    assert reference in visitor.text


def test_answers_that_were_changed_after_the_numbers_were_compared(
    visitor: Visitor, phone: Phone
) -> None:
    journey, other, _ = arrive_elsewhere(visitor, phone)
    refuse_and_confirm(visitor, journey)
    other.send(act="same")
    assert visitor.get(f"{journey}/card") == 409
    assert_calm(visitor, journey, "app-answers-changed")
    assert state_of(visitor, journey) == "waiting"
    assert visitor.get(f"{journey}/card") == 200


def test_a_comparison_goes_before_the_failure_of_an_older_attempt(
    visitor: Visitor, phone: Phone
) -> None:
    journey = walk_to_app(visitor)
    first, second = open_app(visitor, journey), open_app(visitor, journey)
    other = visitor.site.visitor()
    other.get(phone.read(first, "nobody", cancel="yes"))
    other.get(phone.read(second))
    other.send(act="same")
    visitor.get(f"{journey}/card")
    assert is_registered(visitor, journey)


def test_beginning_again_does_not_lose_a_comparison(visitor: Visitor, phone: Phone) -> None:
    journey, other, _ = arrive_elsewhere(visitor, phone)
    other.send(act="same")
    visitor.get(f"{journey}/check")
    press(visitor, journey)
    assert visitor.heading.startswith("登録が終わりました")
    assert is_registered(visitor, journey)


def test_beginning_again_ends_the_news_of_an_older_failure(visitor: Visitor, phone: Phone) -> None:
    journey = walk_to_app(visitor)
    address = open_app(visitor, journey)
    fields = visitor.hidden()
    visitor.site.visitor().get(phone.read(address, "nobody", cancel="yes"))
    assert state_of(visitor, journey) == "settled"
    answer = visitor.client.post(f"{journey}/app", data=fields, base_url=ORIGIN)
    assert answer.location.startswith(phone.profile.authorization_url)
    assert state_of(visitor, journey) == "waiting"


def test_looking_at_the_card_page_does_not_use_up_the_news(visitor: Visitor, phone: Phone) -> None:
    journey = walk_to_app(visitor)
    back = phone.read(open_app(visitor, journey), "nobody", cancel="yes")
    visitor.site.visitor().get(back)
    assert visitor.client.head(f"{journey}/card", base_url=ORIGIN).status_code == 303
    assert visitor.client.get(f"{journey}/card", base_url=ORIGIN).status_code == 303
    visitor.get(f"{journey}/card")
    assert_calm(visitor, journey, "app-cancelled")


def test_a_store_that_blinks_during_the_return_leaves_no_dead_end(
    visitor: Visitor, phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    journey = walk_to_app(visitor)
    back = phone.read(open_app(visitor, journey))
    with monkeypatch.context() as patch:
        patch.setattr(type(service_of(visitor).client), "redeem", _blink(visitor, patch))
        assert visitor.get(back) == 503
    assert visitor.get(back) == 409
    assert visitor.heading == explain("app-in-progress").heading
    visitor.site.clock.advance(LEASE)
    for _ in range(2):
        assert visitor.get(back) == 503
        assert_calm(visitor, journey, "app-away")
    visitor.get(visitor.link("もう一度カードを読み取る"))
    visitor.get(phone.read(open_app(visitor, journey)))
    assert is_registered(visitor, journey)


def _blink(visitor: Visitor, patch: pytest.MonkeyPatch) -> Callable[..., object]:
    """Let the store go away while the provider answers."""
    redeem = type(service_of(visitor).client).redeem

    def redeemed(*values: object) -> object:
        lose(patch, visitor.site, "create")
        return redeem(*values)  # type: ignore[arg-type]

    return redeemed


def test_what_nobody_foresaw_is_an_outcome_too(
    visitor: Visitor,
    phone: Phone,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    journey = walk_to_app(visitor)
    back = phone.read(open_app(visitor, journey))

    def surprise(*_: object) -> None:
        raise OverflowError("a private text")

    monkeypatch.setattr(type(service_of(visitor).client), "redeem", surprise)
    for _ in range(2):
        visitor.get(back)
        assert_calm(visitor, journey, "app-token-refused")
    assert "OverflowError" in caplog.text
    assert "private" not in caplog.text


def test_a_token_that_ends_with_the_calendar(
    visitor: Visitor, phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    journey = walk_to_app(visitor)
    back = phone.read(open_app(visitor, journey))
    lifetime = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC) - visitor.site.clock.now()
    monkeypatch.setattr("zaitaku.sandbox.provider.app.TOKEN_LIFETIME", lifetime)
    assert visitor.get(back) == 200
    assert is_registered(visitor, journey)


def test_keys_that_change_on_the_way_change_no_number_and_no_code(
    visitor: Visitor, phone: Phone
) -> None:
    journey, other, back = arrive_elsewhere(visitor, phone)
    page, app = other.location, service_of(visitor)
    visitor.get(f"{journey}/card")
    number = number_on(visitor)
    app.subject_keys = Keyring((f"a-new-key-{new_secret_name()}", *app.subject_keys.keys))
    other.get(back)
    assert other.location.partition("?")[0] == page.partition("?")[0]
    assert number_on(other) == number
    other.send(act="same")
    visitor.get(f"{journey}/card")
    assert is_registered(visitor, journey)


def test_journeys_have_numbers_of_their_own() -> None:
    numbers = {number_of(JourneyId(f"journey-{place}")) for place in range(50)}
    assert len(numbers) > 40
    assert {len(number) for number in numbers} == {4}


def test_a_token_does_not_stand_where_values_are_printed(visitor: Visitor, phone: Phone) -> None:
    journey = walk_to_app(visitor)
    id_ = JourneyId(journey.removeprefix("/j/"))
    service = service_of(visitor)
    arrivals: list[VerifiedToken] = []
    keep = service.outcomes.keep

    def kept(code: str, journey: JourneyId, outcome: VerifiedToken) -> None:
        arrivals.append(outcome)
        keep(code, journey, outcome)

    service.outcomes.keep = kept  # type: ignore[assignment, method-assign]
    visitor.get(phone.read(open_app(visitor, journey)))
    with visitor.site.services.database.reading() as connection:
        record = record_of_journey(connection, id_)
    assert record
    assert record.evidence.id_token
    for value in (record, *arrivals):
        assert record.evidence.id_token.token not in repr(value)
        assert record.evidence.id_token.key not in repr(value)
    assert len(arrivals) == 1
