"""The box of virtual cards, and which of them lies in the virtual reader."""

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Final

from zaitaku.cardbridge.virtual.card import VirtualCard
from zaitaku.cardbridge.virtual.cardfile import CardFile, load_folder
from zaitaku.cardbridge.virtual.pad import VirtualPad
from zaitaku.cardbridge.virtual.reader import VirtualReader

INITIAL_TRIES_FILE: Final = ".initial-tries.json"
"""How many tries each card had when it was first seen; the card files count down."""


class UnknownCard(Exception):
    """The box holds no card of this name."""


@dataclass(frozen=True)
class BoxedCard:
    """One card as the chooser shows it."""

    id: str
    name: str
    description: str
    pin: str
    tries: int
    inserted: bool


class CardBox:
    """Virtual cards in a folder of card files, in the order of their file names."""

    def __init__(self, folder: Path, reader: VirtualReader) -> None:
        """Look into ``folder`` and put its first card into ``reader``.

        Raises:
            CardFileError: one of the files is not a card.
        """
        self.token = secrets.token_urlsafe(16)
        """Every form of the chooser carries it."""
        self._folder = folder
        self._reader = reader
        self._lock = Lock()
        cards = self._cards()
        self._remember(cards)
        if cards:
            self.insert(next(iter(cards)))

    @property
    def pad(self) -> VirtualPad | None:
        """The keys of the virtual reader, if it has them."""
        return self._reader.pad

    def contents(self) -> tuple[BoxedCard, ...]:
        """Return all cards.

        Raises:
            CardFileError
        """
        inserted = self._inserted()
        return tuple(
            BoxedCard(name, card.name, card.description, card.pin, card.tries, name == inserted)
            for name, card in self._cards().items()
        )

    def insert(self, name: str) -> None:
        """Put a card into the reader; the one that lay there comes out.

        ``name`` is the card's id, or the id without the number that sorts it.

        Raises:
            UnknownCard
            CardFileError
        """
        with self._lock:
            self._reader.insert(VirtualCard(self._cards()[self._id(name)]))

    def remove(self) -> None:
        """Leave the reader empty."""
        with self._lock:
            self._reader.remove()

    def reset(self, name: str) -> None:
        """Give a card, named as for ``insert``, the tries that it had when it was first seen.

        Raises:
            UnknownCard
            CardFileError
        """
        with self._lock:
            card_id = self._id(name)
            card = self._cards()[card_id]
            card.save_tries(self._initial().get(_fingerprint(card), card.tries))
            if self._inserted() == card_id:
                self._reader.insert(VirtualCard(self._cards()[card_id]))

    def _cards(self) -> Mapping[str, CardFile]:
        return {card.path.stem: card for card in load_folder(self._folder) if card.path}

    def _id(self, name: str) -> str:
        ids = self._cards()
        found = [one for one in ids if _bare(one) == name]
        if name not in ids and len(found) != 1:
            raise UnknownCard
        return name if name in ids else found[0]

    def _inserted(self) -> str | None:
        card = self._reader.card
        return card.card.path.stem if card and card.card.path else None

    def _initial(self) -> dict[str, Any]:
        try:
            content = json.loads((self._folder / INITIAL_TRIES_FILE).read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

    def _remember(self, cards: Mapping[str, CardFile]) -> None:
        seen = {_fingerprint(card): card.tries for card in cards.values()}
        text = json.dumps(seen | self._initial())
        (self._folder / INITIAL_TRIES_FILE).write_text(text, "utf-8")


def _bare(card_id: str) -> str:
    number, hyphen, name = card_id.partition("-")
    return name if hyphen and number.isdecimal() else card_id


def _fingerprint(card: CardFile) -> str:
    """Return a name of a card that a newly made card of the same file name does not share."""
    content = card.name.encode() + b"\0" + card.certificate
    return hashlib.sha256(content).hexdigest()
