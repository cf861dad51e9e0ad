"""What the card answers is for one hand-over, and for the answers that the phone confirmed."""

from collections.abc import Callable

import pytest

from tests.patient.conftest import Cards
from tests.patient.handing import ORIGIN, Pair, pair_of, press
from tests.patient.site import Site
from zaitaku import wire
from zaitaku.blueprints.failures import explain
from zaitaku.identity.handover import HandOvers
from zaitaku.identity.handover_model import HandOver, Stage
from zaitaku.identity.model import SignedRequest

CANCELLED = explain("handover-cancelled").heading


@pytest.fixture
def pair(site: Site) -> Pair:
    """A phone that has answered everything, and a computer at its card page."""
    made = pair_of(site)
    made.walk_to_reading()
    return made


def code_of(back: str) -> str:
    return back.partition("code=")[2]


def cancel_on_phone(pair: Pair) -> None:
    pair.phone.get(pair.page)
    press(pair.phone, "cancel")
    assert "まだ何も登録されていません" in pair.phone.text


def refuse_everything(pair: Pair) -> None:
    """Answer anew on the phone, and confirm."""
    pair.phone.get(f"{pair.journey}/choose")
    pair.phone.send("none")
    pair.phone.send()
    assert pair.phone.location == f"{pair.journey}/card"


def test_a_cancelled_request_takes_no_proof(pair: Pair, cards: Cards) -> None:
    request = pair.ask()
    cancel_on_phone(pair)
    with pytest.raises(AssertionError, match="challenge-unknown"):
        pair.computer.prove(request, cards.other)


def test_what_was_cancelled_is_not_registered_by_the_phone_s_own_return(
    pair: Pair, cards: Cards
) -> None:
    """Somebody else's card signed, and the phone was talked into opening the way back."""
    code = code_of(pair.signed(cards.other))
    cancel_on_phone(pair)
    assert pair.phone.get(f"{pair.journey}/card/return?code={code}") == 403
    assert not pair.is_registered()


def test_a_living_hand_over_s_answer_comes_in_by_its_own_door_alone(
    pair: Pair, cards: Cards
) -> None:
    back = pair.signed(cards.good)
    assert pair.phone.get(f"{pair.journey}/card/return?code={code_of(back)}") == 403
    assert not pair.is_registered()
    pair.computer.get(back)
    assert pair.is_registered()


def test_an_earlier_hand_over_s_code_is_not_registered_by_a_later(pair: Pair, cards: Cards) -> None:
    code = code_of(pair.signed(cards.good))
    cancel_on_phone(pair)
    refuse_everything(pair)
    pair.computer = pair.site.visitor()
    pair.walk_to_reading()
    assert pair.computer.get(f"{pair.address}/return?code={code}") == 403
    assert not pair.is_registered()
    assert pair.stage is Stage.READING


def test_another_reading_s_code_is_not_registered_by_the_hand_over(
    pair: Pair, cards: Cards
) -> None:
    back = pair.phone.prove(pair.phone.ask(pair.journey), cards.good)
    assert pair.computer.get(f"{pair.address}/return?code={code_of(back)}") == 403
    assert not pair.is_registered()
    pair.phone.get(back)
    assert pair.is_registered()


def _answer_again(pair: Pair) -> None:
    pair.phone.get(f"{pair.journey}/items/surgery?change=yes")
    pair.phone.send("refuse")


@pytest.mark.parametrize("change", [_answer_again, refuse_everything])
def test_answering_again_ends_a_hand_over_before_the_card_is_asked(
    pair: Pair, change: Callable[[Pair], None]
) -> None:
    change(pair)
    assert pair.stage is Stage.CANCELLED
    press(pair.computer, "read")
    assert pair.computer.heading == CANCELLED
    assert "答え直しがありました" in pair.computer.text


@pytest.mark.parametrize("change", [_answer_again, refuse_everything])
def test_answering_again_ends_a_hand_over_while_the_card_is_read(
    pair: Pair, cards: Cards, change: Callable[[Pair], None]
) -> None:
    back = pair.signed(cards.good)
    change(pair)
    pair.computer.get(back)
    assert pair.computer.heading == CANCELLED
    assert not pair.is_registered()


def test_after_new_answers_a_new_hand_over_asks_for_those(pair: Pair, cards: Cards) -> None:
    refuse_everything(pair)
    pair.computer = pair.site.visitor()
    pair.walk_to_reading()
    request = pair.ask()
    assert not [choice for choice in request.choices if choice.granted]
    pair.computer.get(pair.computer.prove(request, cards.good))
    assert pair.is_registered()


def test_answering_before_both_agreed_ends_nothing(site: Site) -> None:
    pair = pair_of(site)
    pair.show_code()
    pair.take()
    refuse_everything(pair)
    pair.agree()
    pair.computer.get(pair.address)
    assert not [choice for choice in pair.ask().choices if choice.granted]


def test_an_answer_at_the_very_moment_of_agreeing_ends_it(
    site: Site, cards: Cards, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In another tab, after the request was made and before it is kept."""
    pair = pair_of(site)
    pair.show_code()
    pair.take()
    pair.phone.get(pair.page)
    same = pair.phone.hidden() | {"act": "same"}
    agree = HandOvers.agree_on_phone

    def agree_later(self: HandOvers, kept: HandOver, request: SignedRequest) -> HandOver:
        _answer_again(pair)
        return agree(self, kept, request)

    monkeypatch.setattr(HandOvers, "agree_on_phone", agree_later)
    pair.phone.client.post(pair.page, data=same, base_url=ORIGIN)
    press(pair.computer, "same")
    assert pair.stage is Stage.CANCELLED


def test_how_the_phone_would_read_a_card_is_no_answer(pair: Pair, cards: Cards) -> None:
    pair.phone.ask(pair.journey)
    assert pair.stage is Stage.READING
    pair.read_card(cards.good)
    assert pair.is_registered()


def test_too_late_answers_do_not_undo_what_is_registered(pair: Pair, cards: Cards) -> None:
    pair.phone.get(f"{pair.journey}/items/surgery?change=yes")
    fields = pair.phone.hidden() | {"answer": "refuse"}
    pair.read_card(cards.good)
    pair.phone.post(f"{pair.journey}/items/surgery?change=yes", fields)
    assert pair.stage is Stage.REGISTERED
    pair.phone.get(pair.page)
    assert pair.phone.location == f"{pair.journey}/done"


def test_the_bridge_is_told_that_a_request_was_withdrawn(pair: Pair, cards: Cards) -> None:
    request = pair.ask()
    press(pair.computer, "cancel")
    proof = wire.CardProof(request.challenge, "00", "00")
    answer = pair.site.app.test_client().post(wire.PROOF_PATH, json=proof.__dict__, base_url=ORIGIN)
    assert (answer.status_code, answer.json) == (410, {"error": "challenge-unknown"})
