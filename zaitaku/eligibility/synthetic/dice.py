"""Draws that come out the same for the same seed, on every machine and every day."""

import hashlib
from collections.abc import Sequence
from typing import TypeVar

Choice = TypeVar("Choice")


class Dice:
    """Deterministic draws; not for anything that has to be secret."""

    def __init__(self, *seed: object) -> None:
        self._seed = "\0".join(map(str, seed)).encode()
        self._drawn = 0

    def below(self, limit: int) -> int:
        """Return the next whole number from 0 to ``limit - 1``."""
        self._drawn += 1
        digest = hashlib.blake2b(self._seed, digest_size=8, salt=self._drawn.to_bytes(16)).digest()
        return int.from_bytes(digest) % limit

    def between(self, least: int, most: int) -> int:
        """Return the next whole number from ``least`` to ``most``, both included."""
        return least + self.below(most - least + 1)

    def pick(self, choices: Sequence[Choice]) -> Choice:
        """Return the next one of ``choices``."""
        return choices[self.below(len(choices))]

    def happens(self, percent: int) -> bool:
        """Tell whether what happens in so many of a hundred cases happens in this one."""
        return self.below(100) < percent
