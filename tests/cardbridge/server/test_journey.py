"""From the site to the bridge and back."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

import pytest

from tests.cardbridge.cards import PIN, WRONG_PIN, Material
from tests.cardbridge.server.fakesite import CODE
from tests.cardbridge.server.rig import (
    LABELS,
    WORDING,
    Opened,
    Rig,
    back_to,
    check_signature,
    claims_for,
    hidden_fields,
    page_name,
)
from zaitaku.cardbridge.reading.desk import Desk, Reading
from zaitaku.cardbridge.trust import site as trusted_site
from zaitaku.cardbridge.virtual.card import VirtualCard


def test_the_right_pin_brings_the_browser_back_with_a_code(rig: Rig, material: Material) -> None:
    answer = rig.opened().enter()
    assert answer.status_code == HTTPStatus.SEE_OTHER
    assert answer.location == back_to(rig.site, f"code={CODE}")
    [proof] = rig.site.proofs
    assert proof["challenge"] == "c-1"
    assert bytes.fromhex(proof["certificate"]) == material.certificate
    claims = claims_for(rig.site.origin, now=rig.now())
    check_signature(proof, material.public_key, claims)


def test_the_page_shows_who_asks_for_what_before_the_pin(rig: Rig) -> None:
    page = rig.opened().page()
    assert page_name(page) == "pin"
    for shown in (rig.site.origin, "架空在宅クリニック", "訪問診療など", WORDING, *LABELS.values()):
        assert shown in page.text
    assert page.text.count("同意する</strong>") == 2
    assert page.text.count("同意しない</strong>") == 1
    assert page.text.index("あと3回") < page.text.index('id="pin"')


def test_a_test_origin_is_named_as_one(rig: Rig) -> None:
    assert "試験用のサイトです" in rig.opened().page().text


def test_full_width_digits_spaces_and_hyphens_are_understood(rig: Rig) -> None:
    full_width = PIN.translate(str.maketrans("0123456789", "０１２３４５６７８９"))
    typed = f" {full_width[:2]}－{full_width[2:]}　"
    assert rig.opened().enter(typed).status_code == HTTPStatus.SEE_OTHER


def test_cancel_goes_back_and_touches_no_card(rig: Rig, card: VirtualCard) -> None:
    opened = rig.opened()
    answer = opened.cancel()
    assert answer.status_code == HTTPStatus.SEE_OTHER
    assert answer.location == back_to(rig.site, "cancelled=1")
    assert card.tries == 3
    assert rig.site.proofs == []


def test_a_cancelled_request_can_be_read_after_all(rig: Rig) -> None:
    rig.opened().cancel()
    assert rig.opened().enter().location == back_to(rig.site, f"code={CODE}")


def test_the_same_request_again_continues_the_same_reading(rig: Rig) -> None:
    token = rig.token()
    assert rig.read(token).location == rig.read(token).location


def test_a_finished_reading_says_so_and_links_back(rig: Rig) -> None:
    opened = rig.opened()
    opened.enter()
    page = opened.page()
    assert page_name(page) == "finished"
    assert f'href="{back_to(rig.site, f"code={CODE}")}"' in page.text


def test_a_request_is_not_read_twice(rig: Rig) -> None:
    token = rig.token()
    opened = Opened(rig, rig.read(token).location)
    rig.site.proof_status = HTTPStatus.SERVICE_UNAVAILABLE
    opened.enter()
    rig.post(f"{opened.path}/cancel", token=hidden_fields(opened.page())["token"])
    answer = rig.read(token)
    assert answer.status_code == HTTPStatus.CONFLICT
    assert page_name(answer) == "used"
    assert back_to(rig.site, "cancelled=1") in answer.text
    assert len(rig.site.proofs) == 1


def assert_too_late(rig: Rig, opened: Opened, card: VirtualCard, *, after: float) -> None:
    """A PIN that is typed ``after`` so many seconds meets the page, not the card."""
    fields = opened.fields()
    rig.shift += after
    for pin in (WRONG_PIN, PIN):
        answer = rig.post(f"{opened.path}/pin", **fields, pin=pin)
        assert (answer.status_code, page_name(answer)) == (HTTPStatus.GONE, "expired")
        assert back_to(rig.site, "cancelled=1") in answer.text
    assert card.tries == 3
    assert rig.site.proofs == []


@pytest.mark.parametrize("after", [612, 730])
def test_a_pin_that_comes_too_late_is_not_shown_to_the_card(
    rig: Rig, card: VirtualCard, after: float
) -> None:
    assert_too_late(rig, rig.opened(), card, after=after)


def test_the_time_runs_from_the_asking_not_from_the_bridge_s_start(
    rig: Rig, card: VirtualCard
) -> None:
    asked_at = int(time.time()) - 300  # so long it took until the bridge ran
    opened = rig.opened(iat=asked_at, exp=asked_at + 600)
    assert_too_late(rig, opened, card, after=312)


@pytest.mark.parametrize("ahead", [-110, 110])
def test_a_clock_that_is_apart_makes_no_pin_come_later_or_sooner(
    rig: Rig, card: VirtualCard, ahead: float
) -> None:
    rig.shift = ahead
    asked_at = int(time.time())
    opened = rig.opened(iat=asked_at, exp=asked_at + 600)
    rig.shift = ahead + 590
    assert page_name(opened.page()) == "pin"
    rig.shift = ahead
    assert_too_late(rig, opened, card, after=605)


def test_where_no_site_tells_its_time_the_reading_s_own_time_counts(
    rig: Rig, card: VirtualCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trusted_site, "_site_time", lambda _: None)
    assert_too_late(rig, rig.opened(), card, after=605)


@pytest.mark.parametrize("waited", [597, 612], ids=["a moment before", "past"])
def test_a_pin_that_waited_until_the_end_is_not_shown_to_the_card(
    rig: Rig, card: VirtualCard, monkeypatch: pytest.MonkeyPatch, waited: int
) -> None:
    opened = rig.opened()
    fields, work_on = opened.fields(), Desk.work_on

    @contextmanager
    def late(desk: Desk, reading: Reading, *, patience: float) -> Iterator[None]:
        with work_on(desk, reading, patience=patience):
            rig.shift = waited
            yield

    monkeypatch.setattr(Desk, "work_on", late)
    answer = rig.post(f"{opened.path}/pin", **fields, pin=WRONG_PIN)
    assert page_name(answer) == "expired"
    assert card.tries == 3


def test_back_to_the_asking_opens_no_reading_whose_time_is_over(rig: Rig) -> None:
    token = rig.token()
    rig.read(token)
    asked_at = int(time.time()) - 612
    old = rig.token("c-2", iat=asked_at, exp=asked_at + 600)
    assert page_name(rig.read(old)) == "expired"


def test_an_expired_reading_knows_the_way_back(rig: Rig) -> None:
    opened = rig.opened()
    rig.shift = 600 + 130
    answer = opened.page()
    assert answer.status_code == HTTPStatus.GONE
    assert page_name(answer) == "expired"
    assert back_to(rig.site, "cancelled=1") in answer.text
    rig.shift = 2 * 3600
    forgotten = opened.page()
    assert forgotten.status_code == HTTPStatus.NOT_FOUND
    assert page_name(forgotten) == "gone"


def test_the_language_of_the_request_is_spoken_and_can_be_switched(rig: Rig) -> None:
    opened = rig.opened(language="en")
    page = opened.page()
    assert '<html lang="en">' in page.text
    assert "Send with these choices" in page.text
    easy = opened.page(lang="ja-x-yasashii")
    assert '<html lang="ja-x-yasashii">' in easy.text
    assert "<ruby>暗証番号<rp>(</rp><rt>あんしょうばんごう</rt><rp>)</rp></ruby>" in easy.text
    assert '<html lang="ja-x-yasashii">' in opened.page().text
    assert '<html lang="ja-x-yasashii">' in opened.page(lang="xx").text


def test_an_unknown_language_falls_back_to_japanese(rig: Rig) -> None:
    assert '<html lang="ja">' in rig.opened(language="fr").page().text
