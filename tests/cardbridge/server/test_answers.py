"""Every form is answered by a redirect: Back and Reload never send anything again."""

from collections.abc import Callable
from http import HTTPStatus

import pytest
from werkzeug.test import TestResponse

from tests.cardbridge.cards import PIN, WRONG_PIN
from tests.cardbridge.server.rig import Opened, Rig, hidden_fields, page_name
from zaitaku.cardbridge.virtual.card import VirtualCard
from zaitaku.cardbridge.virtual.reader import VirtualReader

Prepare = Callable[[Rig, VirtualReader], None]


def post_pin(opened: Opened, pin: str, **changes: str) -> TestResponse:
    """Post a PIN and stay at the answer to the form itself."""
    fields = {**opened.fields(), "pin": pin, **changes}
    return opened.rig.post_only(f"{opened.path}/pin", {}, **fields)


def as_it_is(rig: Rig, reader: VirtualReader) -> None:
    """Change nothing."""


def pulled(rig: Rig, reader: VirtualReader) -> None:
    reader.remove()


def unreachable(rig: Rig, reader: VirtualReader) -> None:
    rig.site.proof_status = HTTPStatus.SERVICE_UNAVAILABLE


def refusing(rig: Rig, reader: VirtualReader) -> None:
    rig.site.proof_status = HTTPStatus.BAD_REQUEST


@pytest.mark.parametrize(
    "case",
    [
        (as_it_is, WRONG_PIN, "pin"),
        (as_it_is, "12", "pin"),
        (pulled, PIN, "no-card"),
        (unreachable, PIN, "send-failed"),
        (refusing, PIN, "send-refused"),
    ],
)
def test_what_a_form_brought_is_shown_by_a_page_that_can_be_reloaded(
    rig: Rig, virtual_reader: VirtualReader, card: VirtualCard, case: tuple[Prepare, str, str]
) -> None:
    prepare, pin, name = case
    opened = rig.opened()
    fields = opened.fields()
    prepare(rig, virtual_reader)
    answer = rig.post_only(f"{opened.path}/pin", {}, **fields, pin=pin)
    assert answer.status_code == HTTPStatus.SEE_OTHER
    before = card.tries
    shown = [rig.get(answer.location) for _ in range(2)]
    assert [page_name(page) for page in shown] == [name] * 2
    assert [page.status_code for page in shown] == [shown[0].status_code] * 2
    assert card.tries == before
    assert len(rig.site.proofs) == (1 if name.startswith("send") else 0)


def test_the_address_of_an_answer_tells_a_number_and_nothing_typed(rig: Rig) -> None:
    opened = rig.opened()
    assert post_pin(opened, WRONG_PIN).location == f"{opened.path}?after=1"
    assert post_pin(opened, "12").location == f"{opened.path}?after=1"
    assert post_pin(opened, WRONG_PIN).location == f"{opened.path}?after=2"


def test_back_to_an_earlier_answer_shows_the_card_as_it_lies_there(rig: Rig) -> None:
    opened = rig.opened()
    first = post_pin(opened, WRONG_PIN).location
    post_pin(opened, WRONG_PIN)
    page = rig.get(first)
    assert page_name(page) == "last-try"
    assert 'class="error-summary"' not in page.text


def test_a_wrong_pin_before_the_last_try_does_not_ask_for_another(rig: Rig) -> None:
    opened = rig.opened()
    post_pin(opened, WRONG_PIN)
    page = rig.get(post_pin(opened, WRONG_PIN).location)
    assert page_name(page) == "last-try"
    said = page.text.split('class="error-summary"')[1].split("</div>")[0]
    assert "暗証番号がちがいました。" in said
    assert "もう一度" not in said


def test_an_answer_is_left_by_the_way_on(rig: Rig, virtual_reader: VirtualReader) -> None:
    opened = rig.opened()
    fields = opened.fields()
    virtual_reader.remove()
    answer = rig.post(f"{opened.path}/pin", **fields, pin=PIN)
    assert f'href="{opened.path}">もう一度' in answer.text


def test_a_form_sent_twice_brings_the_same_answer_twice(rig: Rig, card: VirtualCard) -> None:
    opened = rig.opened()
    fields = {**opened.fields(), "pin": WRONG_PIN}
    first, second = (rig.post_only(f"{opened.path}/pin", {}, **fields) for _ in range(2))
    assert first.location == second.location
    assert "暗証番号がちがいました" in rig.get(second.location).text
    assert card.tries == 2


def test_the_answer_of_a_made_up_turn_is_not_shown(rig: Rig) -> None:
    opened = rig.opened()
    post_pin(opened, WRONG_PIN)
    for after in ("0", "2", "x", "-1"):
        assert "暗証番号がちがいました" not in opened.page(after=after).text


def test_the_language_of_an_answer_can_be_changed(rig: Rig) -> None:
    opened = rig.opened()
    location = post_pin(opened, WRONG_PIN).location
    page = rig.get(f"{location}&lang=en")
    assert "<title>Error: " in page.text
    assert '?after=1&amp;lang=ja"' in page.text
    assert hidden_fields(page)["turn"] == "1"
