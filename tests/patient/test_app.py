"""By phone: the same browser, another browser, a stranger's browser; and every failure's page."""

import json
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from tests.patient.conftest import Cards
from tests.patient.lint import words
from tests.patient.phoning import HANAKO, ORIGIN, TARO, Phone, open_app, walk_to_app
from tests.patient.site import Site, Visitor
from tests.patient.test_card import assert_calm, is_registered
from zaitaku.blueprints.failures import EXPLANATIONS, explain
from zaitaku.consent.audit import RecordAudit
from zaitaku.consent.evidence import APP_ALGORITHM
from zaitaku.consent.store import record_of_journey
from zaitaku.core.ids import JourneyId
from zaitaku.core.openid import OpenIdProvider
from zaitaku.identity.errors import IdentityError
from zaitaku.identity.oidc.errors import (
    APP_FAILURES,
    AppInProgress,
    AppReturnUnknown,
    AppReturnUsed,
)
from zaitaku.identity.oidc.id_token import TokenTrust
from zaitaku.identity.oidc.service import CALLBACK_PATH


@pytest.fixture
def openid(phone: Phone) -> OpenIdProvider:
    """The site knows the phone's provider."""
    return phone.profile


def number_on(visitor: Visitor) -> str:
    shown = [entry for entry in visitor.page.iter("span") if "pairing" in entry.get("class", "")]
    return words(shown[0])


def state_of(visitor: Visitor, journey: str) -> str:
    answer = visitor.client.get(f"{journey}/app/state", base_url=ORIGIN)
    state: str = json.loads(answer.text)["state"]
    return state


def arrive_elsewhere(
    visitor: Visitor, phone: Phone, person: str = TARO
) -> tuple[str, Visitor, str]:
    """Read the card by phone and come back in another browser; journey, browser, its address."""
    journey = walk_to_app(visitor)
    back = phone.read(open_app(visitor, journey), person)
    other = visitor.site.visitor()
    assert other.get(back) == 200
    return journey, other, back


def test_the_callback_is_where_the_provider_is_told_it_is(site: Site) -> None:
    with site.app.test_request_context(base_url=ORIGIN):
        assert site.app.url_map.bind("localhost").match(CALLBACK_PATH) == ("patient.app_return", {})


def test_the_same_browser_goes_on_at_once(visitor: Visitor, phone: Phone) -> None:
    journey = walk_to_app(visitor)
    assert "アプリ" in visitor.heading
    back = phone.read(open_app(visitor, journey))
    assert visitor.get(back) == 200
    assert visitor.heading.startswith("登録が終わりました")
    assert is_registered(visitor, journey)
    receipt = visitor.text
    assert visitor.get(back) == 200  # a reload
    assert visitor.text == receipt
    assert state_of(visitor, journey) == "settled"  # the screen that was left open goes on


def test_the_id_token_is_kept_and_proves_the_record_years_later(
    visitor: Visitor, phone: Phone
) -> None:
    journey = walk_to_app(visitor)
    visitor.get(phone.read(open_app(visitor, journey)))
    services = visitor.site.services
    with services.database.reading() as connection:
        record = record_of_journey(connection, JourneyId(journey.removeprefix("/j/")))
    assert record
    assert record.evidence.algorithm == APP_ALGORITHM
    assert record.evidence.id_token
    visitor.site.clock.advance(timedelta(days=3650))
    clients = frozenset({(phone.profile.issuer, phone.profile.client_id)})
    trust = TokenTrust(clients, services.settings.subject_keys)
    audit = RecordAudit(services.database, services.wordings, trust)
    verdict = audit.one(visitor.site.facility.id, record.reference)
    assert not verdict.broken
    assert verdict.witness
    assert verdict.witness.thumbprint == phone.provider.key.thumbprint()


def test_an_old_sign_in_at_the_provider_is_no_consent(
    visitor: Visitor, phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    journey = walk_to_app(visitor)
    now = phone.provider.id_token
    monkeypatch.setattr(
        phone.provider,
        "id_token",
        lambda grant: now(replace(grant, at=grant.at - timedelta(days=30))),
    )
    assert visitor.get(phone.read(open_app(visitor, journey))) == 403
    assert_calm(visitor, journey, "app-not-fresh")
    assert not is_registered(visitor, journey)


def test_another_browser_asks_to_compare_and_the_first_goes_on(
    visitor: Visitor, phone: Phone
) -> None:
    journey, other, _ = arrive_elsewhere(visitor, phone)
    assert not is_registered(visitor, journey)
    assert visitor.site.facility.name in other.text
    assert "同意する" in other.text
    assert state_of(visitor, journey) == "waiting"
    visitor.get(f"{journey}/card")
    assert number_on(visitor) == number_on(other)
    other.send(act="same")
    assert "受付番号" not in other.text
    assert not is_registered(visitor, journey)
    assert state_of(visitor, journey) == "settled"
    assert visitor.get(f"{journey}/card") == 200
    assert visitor.heading.startswith("登録が終わりました")
    assert is_registered(visitor, journey)


def test_a_number_that_differs_ends_it(visitor: Visitor, phone: Phone) -> None:
    journey, other, back = arrive_elsewhere(visitor, phone)
    other.send(act="different")
    assert "何も登録されていません" in other.text
    assert visitor.get(f"{journey}/card") == 403
    assert_calm(visitor, journey, "app-rejected")
    visitor.get(visitor.link("もう一度カードを読み取る"))
    assert "アプリ" in visitor.heading
    assert other.get(back) == 200  # its answer stands
    assert "何も登録されていません" in other.text
    visitor.get(phone.read(open_app(visitor, journey)))
    assert is_registered(visitor, journey)


def test_the_first_answer_counts(visitor: Visitor, phone: Phone) -> None:
    journey, other, _ = arrive_elsewhere(visitor, phone)
    address, fields = other.location, other.hidden()
    other.post(address, fields | {"act": "same"})
    other.post(address, fields | {"act": "same"})
    assert other.status == 200
    assert other.post(address, fields | {"act": "different"}) == 409
    assert other.post(address, fields | {"act": "perhaps"}) == 400
    visitor.get(f"{journey}/card")
    assert is_registered(visitor, journey)


def test_a_stranger_who_was_sent_the_link_registers_nothing(site: Site, phone: Phone) -> None:
    """An attacker begins a journey and has a victim authenticate for it (login CSRF)."""
    attacker, victim = site.visitor(), site.visitor()
    journey = walk_to_app(attacker)
    back = phone.read(open_app(attacker, journey), HANAKO)
    victim.get(back)
    assert "ちがいます" in victim.text
    attacker.get(f"{journey}/card")
    assert attacker.heading.startswith("スマートフォンのアプリ")
    assert state_of(attacker, journey) == "waiting"
    assert attacker.get(back) == 409  # the attacker cannot bring it back himself any more
    assert not is_registered(attacker, journey)


def test_a_victim_in_a_journey_of_her_own_is_asked_all_the_same(site: Site, phone: Phone) -> None:
    """An attacker's return cannot slip into the session of somebody else (session swapping)."""
    attacker, victim = site.visitor(), site.visitor()
    own = walk_to_app(victim)
    open_app(victim, own)
    foreign = walk_to_app(attacker)
    victim.get(phone.read(open_app(attacker, foreign)))
    assert "同じ番号ですか" in victim.heading
    assert not is_registered(victim, own)
    assert not is_registered(attacker, foreign)


def test_a_page_of_comparing_belongs_to_the_browser_that_arrived(
    visitor: Visitor, phone: Phone
) -> None:
    _, other, back = arrive_elsewhere(visitor, phone)
    third = visitor.site.visitor()
    assert third.get(other.location) == 410
    assert third.get(back) == 409
    assert third.heading == explain(AppReturnUsed.code).heading


def test_an_answer_with_another_code_is_refused(visitor: Visitor, phone: Phone) -> None:
    journey = walk_to_app(visitor)
    back = phone.read(open_app(visitor, journey))
    parts = urlsplit(back)
    query = dict(parse_qsl(parts.query))
    visitor.get(f"{parts.path}?{urlencode({**query, 'code': 'another'})}")
    assert visitor.get(back) == 409
    assert not is_registered(visitor, journey)


@pytest.mark.parametrize("query", ["", "?state=never-given-out&code=x", "?state=a&state=b"])
def test_a_return_that_nobody_waits_for(visitor: Visitor, phone: Phone, query: str) -> None:
    assert visitor.get(f"/app/return{query}") == 410
    assert visitor.heading == explain(AppReturnUnknown.code).heading


def test_a_return_that_is_too_late(visitor: Visitor, phone: Phone) -> None:
    journey = walk_to_app(visitor)
    back = phone.read(open_app(visitor, journey))
    visitor.site.clock.advance(timedelta(minutes=11))
    assert visitor.get(back) == 410
    assert not is_registered(visitor, journey)


def test_a_return_to_what_a_clock_far_ahead_began(visitor: Visitor, phone: Phone) -> None:
    journey = walk_to_app(visitor)
    back = phone.read(open_app(visitor, journey))
    visitor.site.clock.advance(timedelta(minutes=-11))
    assert visitor.get(back) == 410
    assert not is_registered(visitor, journey)


def test_stopping_in_the_app(visitor: Visitor, phone: Phone) -> None:
    journey = walk_to_app(visitor)
    assert visitor.get(phone.read(open_app(visitor, journey), "nobody", cancel="yes")) == 200
    assert_calm(visitor, journey, "app-cancelled")


def test_stopping_is_told_to_the_first_screen_too(visitor: Visitor, phone: Phone) -> None:
    journey = walk_to_app(visitor)
    back = phone.read(open_app(visitor, journey), "nobody", cancel="yes")
    other = visitor.site.visitor()
    other.get(back)
    assert other.heading == explain("app-cancelled").heading
    assert state_of(visitor, journey) == "settled"
    visitor.get(f"{journey}/card")
    assert_calm(visitor, journey, "app-cancelled")
    assert state_of(visitor, journey) == "waiting"  # told once: the patient can begin anew


def test_a_head_request_changes_nothing(visitor: Visitor, phone: Phone) -> None:
    journey = walk_to_app(visitor)
    back = phone.read(open_app(visitor, journey))
    assert visitor.client.head(back, base_url=ORIGIN).status_code == 405
    visitor.get(back)
    assert is_registered(visitor, journey)


def test_a_person_is_one_patient_by_card_and_by_phone_only_through_eligibility(
    visitor: Visitor, phone: Phone, cards: Cards
) -> None:
    by_phone = walk_to_app(visitor)
    visitor.get(phone.read(open_app(visitor, by_phone)))
    other = visitor.site.visitor()
    by_card = other.walk_to_card()
    other.read_card(by_card, cards.good)
    with visitor.site.services.database.reading() as connection:
        records = [
            record_of_journey(connection, JourneyId(journey.removeprefix("/j/")))
            for journey in (by_phone, by_card)
        ]
    assert len({record.credential_id for record in records if record}) == 2


def test_a_url_that_was_changed_meanwhile(visitor: Visitor, phone: Phone) -> None:
    journey = walk_to_app(visitor)
    back = phone.read(open_app(visitor, journey))
    visitor.site.rotate()
    visitor.get(back)
    assert_calm(visitor, journey, "url-retired")


def test_every_failure_of_the_app_has_words() -> None:
    kinds: list[type[IdentityError]] = [
        *APP_FAILURES,
        AppInProgress,
        AppReturnUnknown,
        AppReturnUsed,
    ]
    codes = {kind.code for kind in kinds}
    assert codes <= EXPLANATIONS.keys()
    assert len(codes) == len(kinds)


def test_all_three_ways_are_offered(visitor: Visitor, phone: Phone) -> None:
    journey = walk_to_app(visitor)
    assert visitor.link("このパソコンのカードリーダーで") == f"{journey}/card?way=yes"
    visitor.get(visitor.link("近くにある別のパソコンで"))
    targets = [form.attrib.get("action") for form in visitor.page.iter("form")]
    assert f"{journey}/hand-over" in targets
    visitor.get(visitor.link("このパソコンのカードリーダーで"))
    assert visitor.link("スマートフォンのアプリで") == f"{journey}/card?way=app"
