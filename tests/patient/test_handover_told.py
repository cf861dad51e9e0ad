"""What the screens of a hand-over say about the registration is so, whatever was lost or late."""

from datetime import timedelta

import pytest

from tests.patient.conftest import Cards
from tests.patient.handing import Pair, pair_of, press
from tests.patient.site import Site
from zaitaku.blueprints.failures import explain
from zaitaku.core.errors import StoreUnavailable
from zaitaku.identity.handover import KEPT
from zaitaku.identity.handover_model import Stage
from zaitaku.identity.revocation import RevocationChain, RevocationStatus

NOTHING = "登録されていません"
DONE = "カードの読み取りが終わりました"


@pytest.fixture
def pair(site: Site) -> Pair:
    """A phone that has answered everything, and a computer."""
    return pair_of(site)


def away(*_: object) -> None:
    raise StoreUnavailable("away")


def is_at_receipt(pair: Pair) -> bool:
    return pair.phone.location == f"{pair.journey}/done"


@pytest.fixture
def late(pair: Pair, cards: Cards) -> str:
    """Let the card sign in the last minute; return the way back, which nobody has taken yet."""
    pair.walk_to_reading()
    pair.site.clock.advance(timedelta(minutes=9))
    back = pair.signed(cards.good)
    pair.site.clock.advance(timedelta(minutes=2))
    return back


def test_a_late_page_promises_nothing_and_goes_on_by_itself(pair: Pair, late: str) -> None:
    pair.phone.get(pair.page)
    pair.computer.get(pair.address)
    for screen in (pair.phone, pair.computer):
        assert explain("handover-late").heading in screen.text
        assert NOTHING not in screen.text
    watched = [
        e.attrib["data-handover-state"]
        for e in pair.phone.page.iter("div")
        if e.attrib.get("data-handover")
    ]
    assert watched == [pair.state_on_phone()]
    assert any(e.attrib.get("http-equiv") == "refresh" for e in pair.phone.page.iter("meta"))
    pair.computer.get(late)
    assert pair.computer.heading == DONE
    assert pair.state_on_phone() not in watched
    pair.phone.get(pair.page)
    assert is_at_receipt(pair)


def test_beginning_anew_settles_a_late_one(pair: Pair, late: str) -> None:
    pair.phone.get(pair.page)
    press(pair.phone, "begin")
    assert pair.stage is Stage.SHOWN
    pair.computer.get(late)
    assert pair.computer.heading == explain("handover-cancelled").heading
    assert not pair.is_registered()


def test_beginning_anew_after_a_late_one_came_back_leads_to_the_receipt(
    pair: Pair, late: str
) -> None:
    pair.phone.get(pair.page)
    pair.computer.get(late)
    press(pair.phone, "begin")
    assert is_at_receipt(pair)


def test_a_late_page_asks_until_nothing_can_come_back(pair: Pair, late: str) -> None:
    pair.phone.get(pair.page)
    pair.site.clock.advance(KEPT)
    assert pair.state_on_phone() == ""
    assert pair.computer.get(late) == 410
    pair.phone.get(pair.page)
    assert explain("handover-late").heading not in pair.phone.text
    assert not any("data-handover" in e.attrib for e in pair.phone.page.iter("div"))


def test_an_older_page_s_button_shows_no_code_for_what_is_registered(
    pair: Pair, cards: Cards
) -> None:
    pair.phone.get(pair.page)
    older = pair.phone.hidden() | {"act": "begin"}
    pair.walk_to_reading()
    pair.read_card(cards.good)
    pair.phone.post(pair.page, older)
    assert is_at_receipt(pair)
    assert pair.stage is Stage.REGISTERED


@pytest.mark.parametrize("at", ["shown", "pairing", "reading"])
def test_what_was_registered_in_another_way_is_said_at_every_stage(
    pair: Pair, cards: Cards, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    """Also when the short-lived store could not note it with the journey."""
    pair.show_code()
    if at != "shown":
        pair.take()
    if at == "reading":
        pair.agree()
    back = pair.phone.prove(pair.phone.ask(pair.journey), cards.good)
    with monkeypatch.context() as broken:
        broken.setattr(type(pair.site.services.ephemeral), "merge", away)
        pair.phone.get(back)
    assert pair.is_registered()
    pair.phone.get(pair.page)
    assert is_at_receipt(pair)


@pytest.mark.parametrize("act", ["begin", "same"])
def test_no_button_goes_on_when_the_journey_is_registered(
    pair: Pair, cards: Cards, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    pair.show_code()
    pair.take()
    pair.phone.get(pair.page)
    pressed = pair.phone.hidden() | {"act": act}
    back = pair.phone.prove(pair.phone.ask(pair.journey), cards.good)
    with monkeypatch.context() as broken:
        broken.setattr(type(pair.site.services.ephemeral), "merge", away)
        pair.phone.get(back)
    before = pair.kept
    pair.phone.post(pair.page, pressed)
    assert is_at_receipt(pair)
    assert pair.kept == before


def test_cancelling_needs_no_records(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    pair.walk_to_reading()
    pair.phone.get(pair.page)
    with monkeypatch.context() as broken:
        broken.setattr(type(pair.site.services.consent), "receipt_of", away)
        press(pair.phone, "cancel")
    assert pair.stage is Stage.CANCELLED


def lose_the_note(pair: Pair, back: str, patch: pytest.MonkeyPatch, lost: str) -> None:
    """Come back from the bridge while the store fails at ``lost``; then let the outcome die."""
    owner = (
        pair.site.services.hand_overs if lost == "note_registered" else pair.site.services.consent
    )
    with patch.context() as broken:
        broken.setattr(type(owner), lost, away)
        pair.computer.get(back)
    pair.site.services.identity.forget(pair.kept.outcome)
    assert pair.stage is Stage.FINISHING


@pytest.mark.parametrize("way", ["button", "reload"])
def test_the_computer_learns_that_it_is_registered_when_only_the_note_was_lost(
    pair: Pair, cards: Cards, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    pair.walk_to_reading()
    back = pair.signed(cards.good)
    lose_the_note(pair, back, monkeypatch, "note_registered")
    if way == "reload":
        pair.computer.get(back)
    else:
        pair.computer.get(pair.address)
        press(pair.computer, "finish")
    assert pair.computer.heading == DONE
    assert pair.stage is Stage.REGISTERED


def test_an_answer_that_died_before_it_was_registered_can_be_read_again(
    pair: Pair, cards: Cards, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair.walk_to_reading()
    lose_the_note(pair, pair.signed(cards.good), monkeypatch, "register")
    pair.computer.get(pair.address)
    press(pair.computer, "finish")
    pair.phone.get(pair.page)
    for screen in (pair.phone, pair.computer):
        assert explain("outcome-unknown").heading in screen.text
    press(pair.phone, "begin")
    assert pair.stage is Stage.SHOWN


@pytest.mark.parametrize("is_told", [False, True])
def test_a_card_that_nobody_could_ask_about(
    pair: Pair, cards: Cards, monkeypatch: pytest.MonkeyPatch, *, is_told: bool
) -> None:
    """The bridge sends the same proof again: it counts, unless the phone was told already."""
    pair.walk_to_reading()
    request = pair.ask()
    with monkeypatch.context() as outage:
        outage.setattr(RevocationChain, "status", lambda *_: RevocationStatus.UNKNOWN)
        back = pair.computer.prove(request, cards.good)
        if is_told:
            pair.computer.get(back)
    assert pair.computer.prove(request, cards.good) == back
    pair.computer.get(back)
    pair.phone.get(pair.page)
    unknown = explain("revocation-unknown").heading
    assert pair.is_registered() is is_at_receipt(pair) is not is_told
    assert pair.computer.heading == (unknown if is_told else DONE)
    assert (unknown in pair.phone.text) is is_told


def test_the_computer_is_not_promised_to_remember_nothing(pair: Pair, cards: Cards) -> None:
    """The address that was opened carries the whole consent, and a browser may keep it."""
    pair.walk_to_reading()
    pair.read_card(cards.good)
    assert pair.computer.heading == DONE
    assert "残りません" not in pair.computer.text
    assert "ブラウザーの履歴" in pair.computer.text
