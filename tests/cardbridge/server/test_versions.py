"""A site can ask for a newer bridge; who has an older one is told so before anything else."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from tests.cardbridge.server.rig import Rig, page_name, return_path_of
from zaitaku import wire
from zaitaku.cardbridge.trust.operator import Operator
from zaitaku.cardbridge.trust.versions import installed_version, is_older

NUMBERS = st.lists(st.integers(0, 999_999), min_size=1, max_size=4)


def written(numbers: list[int]) -> str:
    return ".".join(map(str, numbers))


@given(NUMBERS, NUMBERS)
def test_versions_are_compared_number_by_number(mine: list[int], theirs: list[int]) -> None:
    longest = max(len(mine), len(theirs))
    filled = [numbers + [0] * (longest - len(numbers)) for numbers in (mine, theirs)]
    assert is_older(written(mine), written(theirs)) == (filled[0] < filled[1])


@given(st.text(), NUMBERS)
def test_what_is_no_version_asks_for_nothing(text: str, mine: list[int]) -> None:
    try:
        wire.version_of(text)
    except wire.MalformedMessage:
        assert not is_older(written(mine), text)


def test_a_build_that_cannot_tell_its_version_is_older_than_any() -> None:
    assert is_older("", "0.0.1")
    assert is_older("unknown", "1")
    assert not is_older("1.2.dev3+local", "1.2")


def test_the_bridge_knows_its_version() -> None:
    assert wire.version_of(installed_version())


def test_an_old_bridge_says_so_and_leads_back(rig: Rig) -> None:
    answer = rig.read(rig.token(bridge="999.1"))
    assert page_name(answer) == "too-old"
    assert answer.status_code == 400
    assert "999.1" in answer.text
    assert installed_version() in answer.text
    back = f"{rig.site.origin}{return_path_of('c-1')}?cancelled=1"
    assert f'href="{back}"' in answer.text


def test_a_bridge_that_is_new_enough_goes_on(rig: Rig) -> None:
    rig.opened(bridge=installed_version())


def test_only_a_signed_request_can_send_people_after_a_new_bridge(rig: Rig) -> None:
    token = rig.token(bridge="999")
    assert page_name(rig.read(token[:-8] + "AAAAAAAA")) == "bad-signature"


def test_a_request_of_a_later_form_is_too_new_rather_than_broken(rig: Rig) -> None:
    answer = rig.read(rig.token(bridge="999", choices=[], return_path="?"))
    assert page_name(answer) == "too-old"
    assert "cancelled=1" not in answer.text


@pytest.mark.parametrize("claim", ["", "1.2.3.4.5", "v2", 2, None, ["1"]])
def test_a_version_that_is_none_is_a_broken_request(rig: Rig, claim: object) -> None:
    assert page_name(rig.read(rig.token(bridge=claim))) == "malformed"


def test_an_operators_build_tells_where_the_new_one_lies(rig: Rig) -> None:
    operator = Operator(
        "架空ネット", frozenset({"https://a.example"}), download="https://a.example/b"
    )
    built = Rig(rig.site, rig.readers, rig.state, extra={"operator": operator})
    answer = built.read(built.token(bridge="999"))
    assert 'href="https://a.example/b"' in answer.text
    assert "架空ネット" in answer.text
