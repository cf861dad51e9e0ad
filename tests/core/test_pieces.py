"""Bytes in pieces of one size."""

from hypothesis import given
from hypothesis import strategies as st

from zaitaku.core.pieces import in_pieces


@given(st.lists(st.binary(max_size=30), max_size=8), st.integers(1, 12))
def test_pieces_are_whole_and_bounded(parts: list[bytes], size: int) -> None:
    pieces = list(in_pieces(parts, size))
    assert b"".join(pieces) == b"".join(parts)
    assert all(len(piece) == size for piece in pieces[:-1])
    assert all(0 < len(piece) <= size for piece in pieces)
