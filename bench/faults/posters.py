"""What patients have before they begin: the poster on the wall and the card in the hand."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from bench.walker import Card

KEPT_BACK: Final = 10


@dataclass(frozen=True)
class Poster:
    """The address that hangs on the wall now, and its version."""

    url: str
    version: str


def write_posters(path: Path, posters: Sequence[Poster]) -> None:
    """Hang up the posters of now, all at once."""
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps([asdict(poster) for poster in posters]), "utf-8")
    draft.replace(path)


def read_posters(path: Path) -> list[Poster]:
    """Return what hangs on the walls now."""
    return [Poster(**body) for body in json.loads(path.read_text("utf-8"))]


def cards_in_hand(path: Path) -> list[Card]:
    """Return the cards with which patients walk."""
    return read_cards(path)[:-KEPT_BACK]


def cards_kept_back(path: Path) -> list[Card]:
    """Return the cards of those who withdraw: nobody else consents anew with one meanwhile."""
    return read_cards(path)[-KEPT_BACK:]


def read_cards(path: Path) -> list[Card]:
    """Return the patients' cards, all of them of one key."""
    body = json.loads(path.read_text("utf-8"))
    key = load_pem_private_key(body["key"].encode(), password=None)
    assert isinstance(key, RSAPrivateKey)
    return [Card(certificate, key) for certificate in body["certificates"]]
