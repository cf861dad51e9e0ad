"""A card that misbehaves at one command, told by number, and counts the PINs that reach it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final

from tests.cardbridge.cards import Material, make_material, typed
from zaitaku.cardbridge.card import jpki
from zaitaku.cardbridge.card.apdu import Instruction
from zaitaku.cardbridge.card.cardwork import CardWork
from zaitaku.cardbridge.virtual.card import VirtualCard
from zaitaku.cardbridge.virtual.cardfile import CardFile, CardKind
from zaitaku.cardbridge.virtual.inprocess import InProcessService
from zaitaku.cardbridge.virtual.reader import VirtualReader

Answer = Callable[[], bytes]
"""Lets the card carry the command out, and returns what it would say."""
Trick = Callable[[Answer], bytes]
"""Returns what arrives instead; may raise ``CardRemoved``."""

LOOK: Final = "look"
SIGN: Final = "sign"
_HEADER: Final = 4
_FILES: Final = {
    jpki.AUTH_PIN: "pin",
    jpki.AUTH_CERTIFICATE: "certificate",
    jpki.AUTH_KEY: "key",
}


@dataclass(frozen=True)
class Step:
    """One command of an undisturbed session."""

    session: str
    """``look`` or ``sign``."""
    number: int
    """In its session, from 1."""
    kind: str
    """What it is for."""

    def __str__(self) -> str:
        return f"{self.session}-{self.number:02}-{self.kind}"


class TrickyCard(VirtualCard):
    """An ordinary card until it is told otherwise; commands are counted from each reset."""

    def __init__(self, card: CardFile) -> None:
        super().__init__(card)
        self.pins = 0
        """PINs that have arrived."""
        self.kinds: list[str] = []
        self._number = 0
        self._at = 0
        self._trick: Trick | None = None
        self._lasts = False

    def reset(self) -> None:
        """Power down and up, or reset."""
        super().reset()
        self._number = 0

    def restock(self) -> None:
        """Give back all three tries, and forget what was counted."""
        self._tries = jpki.PIN_TRIES
        self.pins = 0

    def arm(self, number: int, trick: Trick, *, lasts: bool = False) -> None:
        """Misbehave at command ``number`` of a session, or from it on."""
        self._at, self._trick, self._lasts = number, trick, lasts

    def disarm(self) -> None:
        """Behave."""
        self._trick = None

    def process(self, raw: bytes | bytearray) -> bytes:
        """Answer one command, unless it is the one to misbehave at."""
        self._number += 1
        self.kinds.append(_kind(bytes(raw)))
        self.pins += is_pin(raw)
        trick = self._trick
        is_now = self._number == self._at or (self._lasts and self._number > self._at)
        if trick is None or not is_now:
            return super().process(raw)
        return trick(lambda: VirtualCard.process(self, raw))


def is_pin(raw: bytes | bytearray) -> bool:
    """Tell whether a command shows a PIN."""
    return raw[1] == Instruction.VERIFY and len(raw) > _HEADER


def _kind(raw: bytes) -> str:
    instruction, offset = raw[1], int.from_bytes(raw[2:4])
    if instruction == Instruction.SELECT:
        return _selects(raw)
    if instruction == Instruction.VERIFY:
        return "verify" if is_pin(raw) else "tries"
    if instruction == Instruction.READ_BINARY:
        return "read-part" if offset else "read-head"
    return "sign"


def _selects(raw: bytes) -> str:
    name = raw[5 : 5 + raw[4]]
    if name == jpki.JPKI_AID:
        return "select-applet"
    return f"select-{_FILES.get(int.from_bytes(name), 'file')}"


@cache
def shared_material() -> Material:
    """Return keys and certificates, made once for counting and for all lanes."""
    return make_material()


def card_file(material: Material) -> CardFile:
    """Return an ordinary card that is kept in no file."""
    return CardFile(
        name="ordinary",
        description="",
        kind=CardKind.JPKI,
        pin=typed().decode(),
        tries=jpki.PIN_TRIES,
        certificate=material.certificate,
        ca_certificate=material.ca_certificate,
        key=material.key,
    )


@cache
def undisturbed() -> tuple[Step, ...]:
    """Return every command of a look and of a signature, as they are when nothing happens."""
    card = TrickyCard(card_file(shared_material()))
    reader = VirtualReader()
    reader.insert(card)
    work = CardWork(InProcessService(reader))
    work.look()
    looked, card.kinds = card.kinds, []
    work.sign(typed(), b"statement", insisted=False)
    return (*_steps(LOOK, looked), *_steps(SIGN, card.kinds))


def _steps(session: str, kinds: list[str]) -> list[Step]:
    return [Step(session, number, kind) for number, kind in enumerate(kinds, 1)]
