"""One reading at a time, and one try a form, however often it is sent."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from http import HTTPStatus
from typing import Any

import pytest

from tests.cardbridge.cards import PIN, WRONG_PIN
from tests.cardbridge.server.fakesite import CODE
from tests.cardbridge.server.rig import (
    Rig,
    back_to,
    choices,
    document_of,
    hidden_fields,
    page_name,
    return_path_of,
)
from zaitaku import wire
from zaitaku.cardbridge.reading.desk import IDLE_SECONDS, Reading
from zaitaku.cardbridge.virtual.card import VirtualCard
from zaitaku.cardbridge.web import reading_views


def test_of_two_requests_at_once_one_is_served(rig: Rig) -> None:
    tokens = [rig.token(f"c-{number}") for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(rig.read, tokens))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [HTTPStatus.SEE_OTHER] + [HTTPStatus.CONFLICT] * 5
    busy = [answer for answer in answers if answer.status_code == HTTPStatus.CONFLICT]
    assert {page_name(answer) for answer in busy} == {"busy"}


def test_the_busy_page_offers_another_try_and_the_way_back(rig: Rig) -> None:
    rig.opened("c-1")
    token = rig.token("c-2")
    answer = rig.read(token)
    assert page_name(answer) == "busy"
    assert f'href="/read?request={token}"' in answer.text
    assert f"{rig.site.origin}{return_path_of('c-2')}?cancelled=1" in answer.text
    assert "/give-up" not in answer.text
    # The page after it asks whether the earlier reading shall end.
    assert "秒ほど待つと、こちらを進められます。" in answer.text
    assert "空きます" not in answer.text


def test_a_journey_that_asks_anew_takes_the_place_of_what_it_asked_before(rig: Rig) -> None:
    first = rig.opened("c-1")
    second = rig.opened("c-2", return_path=return_path_of("c-1"))
    assert page_name(first.page()) == "gone"
    assert page_name(second.page()) == "pin"


def test_a_journey_that_asks_anew_for_the_same_finds_its_kept_proof(rig: Rig) -> None:
    first = rig.opened("c-1")
    rig.site.proof_status = HTTPStatus.SERVICE_UNAVAILABLE
    first.enter()
    second = rig.opened("c-2", return_path=return_path_of("c-1"))
    assert second.path == first.path
    assert page_name(second.page()) == "send-failed"


def test_a_journey_that_asks_anew_for_something_else_drops_its_kept_proof(rig: Rig) -> None:
    first = rig.opened("c-1")
    rig.site.proof_status = HTTPStatus.SERVICE_UNAVAILABLE
    first.enter()
    asked = changed_choices()
    second = rig.opened("c-2", return_path=return_path_of("c-1"), **asked)
    assert page_name(second.page()) == "pin"
    assert page_name(first.page()) == "gone"


def changed_choices() -> dict[str, Any]:
    """Return the claims that change when the last answer does."""
    *others, last = choices()
    shown = (*others, replace(last, granted=True))
    claims = [asdict(choice) for choice in shown]
    for choice in claims:
        del choice["marked"]
    return {"document": document_of(shown), "choices": claims}


def test_another_journey_waits_while_a_proof_is_kept(rig: Rig) -> None:
    rig.site.proof_status = HTTPStatus.SERVICE_UNAVAILABLE
    rig.opened("c-1").enter()
    assert page_name(rig.read(rig.token("c-2"))) == "busy"


def test_an_older_request_does_not_take_the_place_of_a_newer_one(rig: Rig) -> None:
    now, same = int(rig.now()), return_path_of("c-1")
    newer = rig.opened("c-2", return_path=same, iat=now, exp=now + 600)
    older = rig.token("c-1", return_path=same, iat=now - 1, exp=now + 600)
    assert page_name(rig.read(older)) == "busy"
    assert page_name(newer.page()) == "pin"


def test_a_request_of_the_same_second_takes_the_place(rig: Rig) -> None:
    now, same = int(rig.now()), return_path_of("c-1")
    first = rig.opened("c-1", return_path=same, iat=now, exp=now + 600)
    rig.opened("c-2", return_path=same, iat=now, exp=now + 600)
    assert page_name(first.page()) == "gone"


def test_while_the_card_is_at_work_the_newer_request_waits(rig: Rig) -> None:
    opened = rig.opened("c-1")
    fields = opened.fields()
    newer = rig.token("c-2", return_path=return_path_of("c-1"))
    rig.site.holds_proofs = may_answer = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(rig.post, f"{opened.path}/pin", **fields, pin=PIN)
        while wire.PROOF_PATH not in rig.site.asked:
            time.sleep(0.01)
        waits = rig.read(newer)
        assert not sending.done()
        may_answer.set()
        answer = sending.result()
    assert page_name(waits) == "busy"
    assert answer.location == back_to(rig.site, f"code={CODE}")
    assert [proof["challenge"] for proof in rig.site.proofs] == ["c-1"]
    assert rig.read(newer).status_code == HTTPStatus.SEE_OTHER


@pytest.mark.parametrize("action", ["pin", "send", "cancel"])
def test_a_reading_that_is_replaced_under_its_form_does_nothing_any_more(
    rig: Rig, card: VirtualCard, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    opened = rig.opened("c-1")
    fields = opened.fields()
    newer = rig.token("c-2", return_path=return_path_of("c-1"))
    found = reading_views._posted

    def replaced(reading_id: str) -> Reading:
        reading = found(reading_id)
        assert rig.read(newer).status_code == HTTPStatus.SEE_OTHER
        return reading

    monkeypatch.setattr(reading_views, "_posted", replaced)
    answer = rig.post(f"{opened.path}/{action}", **fields, pin=WRONG_PIN)
    assert (answer.status_code, page_name(answer)) == (HTTPStatus.NOT_FOUND, "gone")
    assert card.tries == 3
    assert rig.site.proofs == []


def test_an_idle_reading_can_be_given_up_for_another(rig: Rig) -> None:
    first = rig.opened("c-1")
    rig.shift = IDLE_SECONDS + 1
    answer = rig.read(rig.token("c-2"))
    assert page_name(answer) == "busy-idle"
    moved = rig.post("/give-up", **hidden_fields(answer))
    assert moved.status_code == HTTPStatus.SEE_OTHER
    assert page_name(rig.get(moved.location)) == "pin"
    assert page_name(first.page()) == "gone"


def test_a_reading_that_somebody_attends_to_is_not_given_up(rig: Rig) -> None:
    first = rig.opened("c-1")
    rig.shift = IDLE_SECONDS + 1
    fields = hidden_fields(rig.read(rig.token("c-2")))
    first.page()
    assert page_name(rig.post("/give-up", **fields)) == "busy"
    assert page_name(first.page()) == "pin"


def test_giving_up_needs_the_token_and_a_signed_request(rig: Rig) -> None:
    first = rig.opened("c-1")
    rig.shift = IDLE_SECONDS + 1
    fields = hidden_fields(rig.read(rig.token("c-2")))
    assert page_name(rig.post("/give-up", **{**fields, "token": "x"})) == "stale-form"
    assert page_name(rig.post("/give-up", **{**fields, "request": "x"})) == "malformed"
    assert page_name(first.page()) == "pin"


def test_a_reading_that_ran_out_of_time_is_in_nobodys_way(rig: Rig) -> None:
    rig.opened("c-1")
    rig.shift = 600 + 130
    issued = int(rig.now())
    rig.opened("c-2", iat=issued, exp=issued + 600)


def send_twice(rig: Rig, pin: str) -> list[tuple[int, str | None]]:
    """Send one PIN form twice at the same time."""
    opened = rig.opened()
    fields = opened.fields() | {"pin": pin}
    with ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(rig.post, f"{opened.path}/pin", **fields) for _ in range(2)]
        answers = [job.result() for job in jobs]
    assert "暗証番号がちがいました" in "".join(answer.text for answer in answers) or pin == PIN
    return [(answer.status_code, answer.location) for answer in answers]


def test_a_wrong_pin_sent_twice_is_one_try(rig: Rig, card: VirtualCard) -> None:
    assert send_twice(rig, WRONG_PIN) == [(HTTPStatus.UNPROCESSABLE_ENTITY, None)] * 2
    assert card.tries == 2


def test_the_right_pin_sent_twice_is_one_proof_and_one_way_back(rig: Rig) -> None:
    rig.site.proof_delay = 0.05
    back = back_to(rig.site, f"code={CODE}")
    assert send_twice(rig, PIN) == [(HTTPStatus.SEE_OTHER, back)] * 2
    assert len(rig.site.proofs) == 1


def test_a_form_from_an_earlier_screen_is_not_shown_to_the_card(
    rig: Rig, card: VirtualCard
) -> None:
    opened = rig.opened()
    old = opened.fields()
    opened.enter(WRONG_PIN)
    answer = rig.post(f"{opened.path}/pin", **old, pin=WRONG_PIN)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert card.tries == 2


@pytest.mark.parametrize("turn", ["-1", "1", "x", ""])
def test_a_made_up_turn_is_not_shown_to_the_card(rig: Rig, card: VirtualCard, turn: str) -> None:
    answer = rig.opened().enter(WRONG_PIN, turn=turn)
    assert "カードには触れていません" in answer.text
    assert card.tries == 3


def test_looking_and_typing_at_once_do_not_disturb_each_other(rig: Rig) -> None:
    opened = rig.opened()
    fields = opened.fields()
    with ThreadPoolExecutor(8) as pool:
        looks = [pool.submit(rig.get, "/") for _ in range(8)]
        answer = pool.submit(rig.post, f"{opened.path}/pin", **fields, pin=PIN).result()
        pages = [look.result() for look in looks]
    assert answer.status_code == HTTPStatus.SEE_OTHER
    assert {page.status_code for page in pages} == {HTTPStatus.OK}
