"""Bytes in pieces of one size, whatever they come in."""

from collections.abc import Iterable, Iterator


def in_pieces(parts: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Yield what ``parts`` hold together in pieces of ``size`` bytes; the last may be shorter."""
    held = bytearray()
    for part in parts:
        held += part
        while len(held) >= size:
            yield bytes(held[:size])
            del held[:size]
    if held:
        yield bytes(held)
