"""From the site to the bridge and back."""

from http import HTTPStatus

from tests.cardbridge.cards import PIN, Material
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


def test_a_pin_that_comes_too_late_is_not_shown_to_the_card(rig: Rig, card: VirtualCard) -> None:
    opened = rig.opened()
    fields = opened.fields()
    rig.shift = 600 + 130
    answer = rig.post(f"{opened.path}/pin", **fields, pin="0000")
    assert page_name(answer) == "expired"
    assert card.tries == 3


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
