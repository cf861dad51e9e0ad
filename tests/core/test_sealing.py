"""Seals: what is sealed for one place opens there alone, and only as it was sealed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zaitaku.core.sealing import PLAIN, Seal, SealBroken, SealRing, is_sealed

OLD = "an-old-key-that-seals-columns-0123456"
NEW = "a-new-key-that-seals-columns-98765432"
PLACE = ("job_piece.content", "5f0c", "input", 0)


def seal(*keys: str) -> Seal:
    return Seal(SealRing(keys))


@given(content=st.binary(max_size=2000))
def test_what_was_sealed_opens_as_it_was(content: bytes) -> None:
    kept = seal(NEW).sealed(content, *PLACE)
    assert seal(OLD, NEW).opened(kept, *PLACE) == content
    assert len(kept) == len(content) + 40
    assert is_sealed(kept)


@given(text=st.text(max_size=200))
def test_a_text_stays_a_text(text: str) -> None:
    kept = seal(NEW).sealed_text(text, *PLACE)
    assert kept.startswith("zs1.")
    assert seal(NEW).opened_text(kept, *PLACE) == text


def test_nothing_of_the_content_shows_and_no_two_seals_are_alike() -> None:
    kept = {seal(NEW).sealed(b"YAMADA TARO" * 9, *PLACE) for _ in range(50)}
    assert len(kept) == 50
    assert not any(b"YAMADA" in each for each in kept)


@pytest.mark.parametrize(
    "place",
    [
        ("job_piece.other", "5f0c", "input", 0),
        ("job_piece.content", "5f0d", "input", 0),
        ("job_piece.content", "5f0c", "result", 0),
        ("job_piece.content", "5f0c", "input", 1),
        ("job_piece.content", "5f0c", "input"),
    ],
)
def test_a_value_that_was_moved_does_not_open(place: tuple[object, ...]) -> None:
    kept = seal(NEW).sealed(b"x", *PLACE)
    with pytest.raises(SealBroken):
        seal(NEW).opened(kept, *place)


@given(data=st.data())
def test_a_value_that_was_changed_does_not_open(data: st.DataObject) -> None:
    kept = bytearray(seal(NEW).sealed(b"content", *PLACE))
    spot = data.draw(st.integers(0, len(kept) - 1))
    kept[spot] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(SealBroken):
        seal(NEW, OLD).opened(bytes(kept), *PLACE)


@given(kept=st.binary(max_size=80).map(lambda noise: b"\0zs1" + noise))
def test_garbage_that_looks_sealed_does_not_open(kept: bytes) -> None:
    with pytest.raises(SealBroken):
        seal(NEW, PLAIN).opened(kept, *PLACE)


@given(kept=st.text(max_size=80).map(lambda noise: "zs1." + noise))
def test_text_that_looks_sealed_does_not_open(kept: str) -> None:
    with pytest.raises(SealBroken):
        seal(NEW).opened_text(kept, *PLACE)


def test_without_its_key_nothing_opens() -> None:
    kept = seal(OLD).sealed(b"x", *PLACE)
    with pytest.raises(SealBroken):
        seal(NEW).opened(kept, *PLACE)
    assert OLD not in repr(SealRing((OLD,)))


def test_the_ring_says_whether_plain_is_written_and_read() -> None:
    first, turning, settled = seal(PLAIN, NEW), seal(NEW, PLAIN), seal(NEW)
    assert first.sealed(b"x", *PLACE) == b"x"
    assert first.opened(turning.sealed(b"x", *PLACE), *PLACE) == b"x"
    assert turning.opened(b"x", *PLACE) == b"x"
    with pytest.raises(SealBroken):
        settled.opened(b"x", *PLACE)


def test_it_is_known_what_stands_under_the_newest_key() -> None:
    old, new = seal(OLD).sealed(b"x", *PLACE), seal(NEW).sealed(b"x", *PLACE)
    ring = seal(NEW, OLD, PLAIN)
    assert [ring.is_newest(each) for each in (old, new, b"x")] == [False, True, False]
    assert seal(PLAIN, OLD).is_newest("x")
    assert not seal(PLAIN, OLD).is_newest(old)


@pytest.mark.parametrize("keys", [(), (NEW, NEW), ("short",)])
def test_a_ring_that_cannot_be_is_refused(keys: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="key"):
        SealRing(keys)
