"""What lies in the reader when it is no My Number Card, so that the page can name it.

Applications are selected by name and nothing is read from them. The names of the driving licence,
the residence card and the passport are in their published specifications (警察庁 仕様書;
出入国在留管理庁 在留カード等仕様書; ICAO Doc 9303-10 §3.6.2), those of payment cards in EMV Book 1
§12.2 and the contactless Book B. FeliCa is told from the ATR that a reader makes up for cards
without one (PC/SC part 3 §3.1.3.2.3.2): transit cards, electronic money and staff cards alike. That
an older 住基カード without the JPKI applet knows the name of the 住基 application is inferred.
"""

from dataclasses import dataclass
from typing import Final

from zaitaku.cardbridge.card import apdu, jpki
from zaitaku.cardbridge.card.apdu import Command, Instruction, MalformedApdu
from zaitaku.cardbridge.card.jpki import JukiCard, NotMyNumberCard
from zaitaku.cardbridge.card.transport import AtrHolder, CardConnection

LICENCE_AID: Final = bytes.fromhex("A0000002310100000000000000000000")
RESIDENCE_AID: Final = bytes.fromhex("D392F0004F0200000000000000000000")
PASSPORT_AID: Final = bytes.fromhex("A0000002471001")
CONTACTLESS_PAYMENT: Final = b"2PAY.SYS.DDF01"
CONTACT_PAYMENT: Final = b"1PAY.SYS.DDF01"
JUKI_AID: Final = bytes.fromhex("D3921000310001010100")

FELICA_ATR: Final = bytes.fromhex("3B8F8001804F0CA000000306") + b"\x11"
"""Beginning of the ATR: a storage card (RID of the PC/SC group) of the standard FeliCa."""

_KNOWN_STATUS: Final = (0x90, 0x61, 0x62)


class DriversLicence(NotMyNumberCard):
    """A driving licence."""

    code = "drivers-licence"


class ResidenceCard(NotMyNumberCard):
    """A 在留カード or 特別永住者証明書."""

    code = "residence-card"


class Passport(NotMyNumberCard):
    """A passport."""

    code = "passport"


class PaymentCard(NotMyNumberCard):
    """A credit, debit or cash card."""

    code = "payment-card"


class TransitCard(NotMyNumberCard):
    """A FeliCa card: transit, electronic money, staff."""

    code = "transit-card"


@dataclass(frozen=True)
class _Sign:
    name: bytes
    kind: type[NotMyNumberCard]
    p2: int = jpki.NO_ANSWER_DATA
    le: int | None = None

    def select(self) -> Command:
        return Command(0, Instruction.SELECT, jpki.BY_NAME, self.p2, self.name, self.le)


_SIGNS: Final = (
    _Sign(JUKI_AID, JukiCard),
    _Sign(LICENCE_AID, DriversLicence),
    _Sign(RESIDENCE_AID, ResidenceCard),
    _Sign(PASSPORT_AID, Passport),
    # EMV knows SELECT only with an answer, which is thrown away.
    _Sign(CONTACTLESS_PAYMENT, PaymentCard, p2=0, le=apdu.SHORT_LE),
    _Sign(CONTACT_PAYMENT, PaymentCard, p2=0, le=apdu.SHORT_LE),
)


def is_felica(connection: CardConnection) -> bool:
    """Tell whether the reader says that a FeliCa card lies on it; no command reaches the card."""
    return isinstance(connection, AtrHolder) and connection.atr().startswith(FELICA_ATR)


def recognised(connection: CardConnection) -> NotMyNumberCard:
    """Return what the card is that does not know the JPKI applet.

    Raises:
        TransportTrouble: the way to the card failed.
    """
    if is_felica(connection):
        return TransitCard()
    for sign in _SIGNS:
        if _knows(connection, sign):
            return sign.kind()
    return NotMyNumberCard()


def _knows(connection: CardConnection, sign: _Sign) -> bool:
    try:
        return apdu.exchange(connection, sign.select()).status.sw1 in _KNOWN_STATUS
    except MalformedApdu:
        return False
