"""What somebody with bad intentions could try with a hand-over, and what comes of it."""

from datetime import timedelta

import pytest

from tests.patient.conftest import Cards
from tests.patient.handing import ORIGIN, Pair, pair_of, press
from tests.patient.site import Site, Visitor
from zaitaku.blueprints.failures import explain
from zaitaku.blueprints.patient.handover_computer_views import TYPED_LIMIT
from zaitaku.facilities.model import Channel
from zaitaku.identity.handover_model import Stage


@pytest.fixture
def pair(site: Site) -> Pair:
    """A phone that has answered everything, and a computer."""
    return pair_of(site)


def posted(visitor: Visitor, path: str, **values: str) -> int:
    """Send a form of another page to ``path`` and return the status, following nothing."""
    visitor.get("/e")
    fields = visitor.hidden() | values
    return visitor.client.post(path, data=fields, base_url=ORIGIN).status_code


def test_a_stolen_picture_of_the_code_is_of_no_use_after_the_computer_came(pair: Pair) -> None:
    pair.show_code()
    pair.take()
    thief = pair.site.visitor()
    assert thief.get(pair.address) == 409
    assert thief.heading == explain("handover-claimed").heading
    assert "みどり坂クリニック" not in thief.text
    for act in ("claim", "same", "read", "cancel", "finish"):
        assert posted(thief, pair.address, act=act) == 409
    assert thief.client.get(f"{pair.address}/state", base_url=ORIGIN).status_code == 409
    assert pair.stage is Stage.PAIRING
    assert not pair.kept.agreed


def test_a_thief_who_was_faster_is_found_out_and_gets_no_request(pair: Pair) -> None:
    pair.show_code()
    thief = pair.site.visitor()
    thief.get(pair.address)
    press(thief, "claim")
    press(thief, "same")
    assert pair.computer.get(pair.address) == 409
    assert pair.computer.heading == explain("handover-claimed").heading
    answer = thief.client.post(pair.address, data=thief.hidden() | {"act": "read"}, base_url=ORIGIN)
    assert answer.location == pair.address
    pair.phone.get(pair.page)
    assert "パソコンに番号が出ていないとき" in pair.phone.text
    press(pair.phone, "different")
    thief.get(pair.address)
    assert thief.heading == explain("handover-cancelled").heading


def test_a_link_that_was_sent_to_somebody_changes_nothing_by_being_opened(
    site: Site, cards: Cards
) -> None:
    victim = site.visitor()
    own = victim.walk_to_card()
    attack = pair_of(site)
    attack.show_code()
    victim.get(attack.address)
    assert "だれかに言われてこの画面を開いたときは、先へ進まないでください" in victim.text
    assert attack.stage is Stage.SHOWN
    victim.client.head(attack.address, base_url=ORIGIN)
    assert attack.stage is Stage.SHOWN
    victim.read_card(own, cards.good)
    assert victim.location == f"{own}/done"
    assert not attack.is_registered()


def test_another_site_cannot_press_the_buttons(pair: Pair) -> None:
    pair.show_code()
    assert _without_token(pair, "claim") == 400
    assert pair.stage is Stage.SHOWN
    pair.take()
    before = pair.kept
    for act in ("same", "different", "cancel", "read"):
        assert _without_token(pair, act) == 400
    assert pair.kept == before


def _without_token(pair: Pair, act: str) -> int:
    answer = pair.computer.client.post(pair.address, data={"act": act}, base_url=ORIGIN)
    return answer.status_code


def test_without_both_agreements_there_is_no_card_request(pair: Pair) -> None:
    pair.show_code()
    pair.take()
    for visitor in (None, pair.computer, pair.phone):
        if visitor:
            visitor.get(pair.page if visitor is pair.phone else pair.address)
            assert press(visitor, "same") == 200
        fields = pair.computer.hidden() | {"act": "read"}
        answer = pair.computer.client.post(pair.address, data=fields, base_url=ORIGIN)
        assert answer.location.startswith("http://127.0.0.1:") is (visitor is pair.phone)


def test_an_answer_before_both_agreed_is_not_registered(pair: Pair, cards: Cards) -> None:
    pair.show_code()
    pair.take()
    request = pair.phone.ask(pair.journey)
    back = pair.phone.prove(request, cards.good)
    code = back.partition("?")[2]
    pair.computer.get(f"{pair.address}/return?{code}")
    assert not pair.is_registered()
    assert pair.stage is Stage.PAIRING
    pair.phone.get(back)
    assert pair.is_registered()


def test_a_code_that_nobody_gave_ends_nothing(pair: Pair, cards: Cards) -> None:
    pair.walk_to_reading()
    for query in ("", "?code=", "?code=never-made", "?code=%F0%9F%98%80"):
        assert pair.computer.get(f"{pair.address}/return{query}") == 410
        assert pair.computer.heading == explain("outcome-unknown").heading
    assert pair.stage is Stage.READING
    pair.computer.get(pair.address)
    pair.read_card(cards.good)
    assert pair.is_registered()


def test_a_code_of_another_journey(site: Site, cards: Cards) -> None:
    first, second = pair_of(site), pair_of(site)
    for pair in (first, second):
        pair.walk_to_reading()
    code = first.signed(cards.good).partition("?")[2]
    assert second.computer.get(f"{second.address}/return?{code}") == 403
    assert not first.is_registered()
    assert not second.is_registered()


def test_the_way_back_works_in_the_browser_that_asked_only(pair: Pair, cards: Cards) -> None:
    pair.walk_to_reading()
    back = pair.signed(cards.good)
    for stranger in (pair.site.visitor(), pair.phone):
        assert stranger.get(back) == 409
        assert not pair.is_registered()
    assert pair.computer.client.head(back, base_url=ORIGIN).status_code == 405
    assert not pair.is_registered()
    pair.computer.get(back)
    assert pair.is_registered()


def test_the_phone_itself_is_not_the_computer(pair: Pair) -> None:
    pair.show_code()
    assert pair.phone.get(pair.address) == 409
    assert pair.phone.heading == explain("handover-same-browser").heading
    assert posted(pair.phone, pair.address, act="claim") == 409
    assert pair.stage is Stage.SHOWN


def test_the_phone_s_pages_are_the_phone_s(pair: Pair) -> None:
    pair.show_code()
    stranger = pair.site.visitor()
    for path in (pair.page, f"{pair.page}/state"):
        assert stranger.get(path) == 404
    for act in ("begin", "same", "cancel", "finish"):
        assert posted(stranger, pair.page, act=act, hand_over=pair.kept.id) == 404
    assert pair.stage is Stage.SHOWN


def test_a_button_of_an_older_code_says_nothing_about_the_newer(pair: Pair) -> None:
    pair.show_code()
    pair.take()
    pair.phone.get(pair.page)
    older = pair.phone.hidden()
    first = pair.address
    pair.phone.post(pair.page, older | {"act": "begin"})
    pair.computer.get(first)
    assert pair.computer.heading == explain("handover-cancelled").heading
    pair.take()
    for act in ("same", "different", "cancel"):
        pair.phone.post(pair.page, older | {"act": act})
        assert pair.stage is Stage.PAIRING
        assert not pair.kept.agreed


def test_guessing_numbers_is_slowed_down(site: Site) -> None:
    pair = pair_of(site)
    pair.show_code()
    guesser = site.visitor()
    guesser.get("/h")
    for _ in range(TYPED_LIMIT):
        assert guesser.send(number="000000000") == 422
    assert guesser.send(number=pair.kept.number) == 429
    assert guesser.heading == explain("too-many-attempts").heading
    site.clock.advance(timedelta(minutes=10))
    guesser.get("/h")
    guesser.send(number="000000000")
    assert guesser.status == 422


def test_right_numbers_are_not_counted(site: Site) -> None:
    pair = pair_of(site)
    pair.show_code()
    pair.computer.get("/h")
    fields = pair.computer.hidden() | {"number": pair.kept.number}
    answers = [
        pair.computer.client.post("/h", data=fields, base_url=ORIGIN).status_code
        for _ in range(TYPED_LIMIT + 2)
    ]
    assert set(answers) == {303}


@pytest.mark.parametrize("moment", ["claim", "end"])
def test_a_number_works_once(pair: Pair, moment: str) -> None:
    pair.show_code()
    number = pair.kept.number
    if moment == "claim":
        pair.take()
    else:
        press(pair.phone, "cancel")
    late = pair.site.visitor()
    late.get("/h")
    assert late.send(number=number) == 422


def test_the_code_of_yesterday_opens_nothing(pair: Pair) -> None:
    pair.show_code()
    address = pair.address
    pair.site.clock.advance(timedelta(minutes=5))
    late = pair.site.visitor()
    assert late.get(address) == 410
    assert late.heading == explain("handover-gone").heading
    assert posted(late, address, act="claim") == 410
    pair.site.clock.advance(timedelta(days=1))
    assert late.get(address) == 410


def test_names_that_nobody_made(site: Site) -> None:
    visitor = site.visitor()
    for name in ("never-made", "%F0%9F%98%80", "%ED%A0%80", "a" * 500):
        for path in (f"/h/{name}", f"/h/{name}/state", f"/h/{name}/return?code=x"):
            assert visitor.get(path) in {404, 410}


def test_a_retired_url_ends_it_at_every_step(site: Site, cards: Cards) -> None:
    pair = pair_of(site)
    pair.show_code()
    site.rotate()
    assert pair.computer.get(pair.address) == 410
    assert pair.computer.heading == explain("url-retired").heading
    assert posted(pair.computer, pair.address, act="claim") == 410
    assert pair.phone.get(pair.page) == 410


@pytest.mark.parametrize("change", ["rotate", "off"])
def test_a_url_that_goes_while_the_card_is_read(site: Site, cards: Cards, change: str) -> None:
    pair = pair_of(site, Channel.ONLINE)
    pair.walk_to_reading()
    back = pair.signed(cards.good)
    fields = pair.computer.hidden() | {"act": "read"}
    if change == "rotate":
        site.rotate(Channel.ONLINE)
    else:
        site.change_settings(online=False)
    answer = pair.computer.client.post(pair.address, data=fields, base_url=ORIGIN)
    assert answer.status_code in {404, 410}
    pair.computer.get(back)
    code = "url-retired" if change == "rotate" else "channel-off"
    assert pair.computer.heading == explain(code).heading
    assert "03-0000-1234" in pair.computer.text
    assert not pair.is_registered()
    assert pair.phone.get(pair.page) in {404, 410}


def test_answers_that_were_changed_meanwhile_are_confirmed_first(pair: Pair) -> None:
    pair.show_code()
    pair.take()
    pair.phone.get(f"{pair.journey}/items/surgery?change=yes")
    pair.phone.send("refuse")
    pair.phone.get(pair.page)
    assert pair.phone.location == f"{pair.journey}/check"
    fields = pair.phone.hidden() | {"act": "same", "hand_over": pair.kept.id}
    pair.phone.post(pair.page, fields)
    assert pair.phone.location == f"{pair.journey}/check"
    assert not pair.kept.agreed
