"""The JPKI applet of a My Number Card, as far as user authentication goes.

No official specification of the commands is public; files and commands follow OpenSC's
``card-jpki.c`` and ``pkcs15-jpki.c`` and other open readers. The file that holds the 12-digit
number, and the applets around it, are never touched.
"""

import hashlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Final

from zaitaku.cardbridge import apdu
from zaitaku.cardbridge.apdu import Command, Instruction, MalformedApdu, Response, Status
from zaitaku.cardbridge.transport import (
    CardBusy,
    CardConnection,
    CardRemoved,
    CardTrouble,
    CardUnresponsive,
    NoCard,
    NoReader,
    ReaderFault,
    ReaderService,
    TransportTrouble,
)

JPKI_AID: Final = bytes.fromhex("D392F000260100000001")
AUTH_CERTIFICATE: Final = 0x000A
AUTH_CA_CERTIFICATE: Final = 0x000B
AUTH_KEY: Final = 0x0017
AUTH_PIN: Final = 0x0018

PIN_DIGITS: Final = 4
PIN_TRIES: Final = 3

BY_NAME: Final = 0x04
BY_FILE: Final = 0x02
NO_ANSWER_DATA: Final = 0x0C
CURRENT_FILE: Final = 0x80
PROPRIETARY: Final = 0x80

READ_AT_ONCE: Final = 256
"""Bytes that the card gives in one READ BINARY at most."""
CERTIFICATE_HEAD: Final = 4
LONGEST_CERTIFICATE: Final = 8192
"""Far above any RSA or ECDSA certificate, far below the 15 bits of an offset."""

_DER_LONG_SEQUENCE: Final = b"\x30\x82"
_EMPTY_HEADS: Final = (bytes(CERTIFICATE_HEAD), b"\xff" * CERTIFICATE_HEAD)
_BLOCKED: Final = (apdu.AUTHENTICATION_BLOCKED, apdu.REFERENCE_DATA_UNUSABLE)
_ABSENT_APPLET: Final = range(0x67, 0x6F)


class NotMyNumberCard(CardTrouble):
    """The card does not know the JPKI applet."""

    code = "not-my-number-card"


class PinMalformed(CardTrouble):
    """What was typed is not four digits; the card was not asked and no try was used."""

    code = "pin-malformed"


class PinWrong(CardTrouble):
    """The card refused the PIN; ``tries_left`` (at least 1) are left."""

    code = "pin-wrong"

    def __init__(self, tries_left: int) -> None:
        super().__init__(f"{tries_left} left")
        self.tries_left = tries_left


class PinLocked(CardTrouble):
    """No tries are left: only the municipality can unlock the PIN."""

    code = "pin-locked"


class PinRequired(CardTrouble):
    """The card wants the PIN before this."""

    code = "pin-required"


class CertificateMissing(CardTrouble):
    """The card holds no authentication certificate (never issued, or removed)."""

    code = "certificate-missing"


class CardFault(CardTrouble):
    """The card answered what nothing foresees: worn out, damaged, or of an unknown make."""

    code = "card-fault"


@dataclass(frozen=True)
class SignatureAlgorithm:
    """How this generation of cards signs."""

    digest_info: bytes
    """DER before the digest (RFC 8017 §9.2, note 1); the card pads the whole by PKCS#1 v1.5."""
    signature_bytes: int

    def block(self, data: bytes) -> bytes:
        """Return what the card is given to sign ``data``."""
        return self.digest_info + hashlib.sha256(data).digest()


RSA_2048_SHA256: Final = SignatureAlgorithm(
    bytes.fromhex("3031300d060960864801650304020105000420"), 256
)


class JpkiCard:
    """A My Number Card in an open connection; the connection stays its owner's to close."""

    def __init__(self, connection: CardConnection) -> None:
        """Find the applet by its name, never by the card's ATR (several are in use).

        Raises:
            NotMyNumberCard: the card refuses the name.
            CardFault: it answers something else.
            TransportTrouble: the way to the card failed; so in every method below.
        """
        self._connection = connection
        self._algorithm = RSA_2048_SHA256
        answer = self._ask(Command(0, Instruction.SELECT, BY_NAME, NO_ANSWER_DATA, JPKI_AID))
        if answer.status.sw1 in _ABSENT_APPLET:
            raise NotMyNumberCard(str(answer.status))
        _expect_success(answer, "select applet")

    def tries_left(self) -> int:
        """Return how many wrong PINs the card still takes; 0 means locked. Uses no try.

        Raises:
            CardFault: the card does not say.
        """
        self._select_file(AUTH_PIN)
        status = self._ask(Command(0, Instruction.VERIFY, 0, CURRENT_FILE)).status
        if status in _BLOCKED:
            return 0
        if status == apdu.SUCCESS:  # verified in this session: a right PIN has reset the counter
            return PIN_TRIES
        if status.tries_left is None:
            raise _fault("tries", status)
        return status.tries_left

    def verify_pin(self, pin: bytearray) -> None:
        """Show the PIN to the card once and wipe ``pin``, whatever happens.

        The right PIN holds until the connection is closed and resets the counter.

        Raises:
            PinMalformed: not four ASCII digits.
            PinWrong: refused, with the tries left.
            PinLocked: this was the last try, or the PIN was locked before.
            CardFault: anything else.
        """
        try:
            _check_form(pin)
            self._select_file(AUTH_PIN)
            status = self._ask(Command(0, Instruction.VERIFY, 0, CURRENT_FILE, pin)).status
        finally:
            pin[:] = bytes(len(pin))
        _check_verified(status)

    def auth_certificate(self) -> bytes:
        """Return the authentication certificate as DER, without the filler behind it.

        Raises:
            CertificateMissing: there is none.
            PinRequired: this kind of token wants the PIN first (Android's does).
            CardFault: the file does not hold what its head says.
        """
        self._select_certificate()
        head = self._read(0, CERTIFICATE_HEAD)
        length = _certificate_length(head)
        rest = (
            self._read(offset, min(READ_AT_ONCE, length - offset))
            for offset in range(CERTIFICATE_HEAD, length, READ_AT_ONCE)
        )
        return head + b"".join(rest)

    def sign(self, data: bytes) -> bytes:
        """Return the authentication key's signature over ``data`` (SHA-256, PKCS#1 v1.5).

        Raises:
            PinRequired: the PIN was not verified in this session.
            CardFault: the key is missing or the signature has the wrong length.
        """
        self._select_file(AUTH_KEY)
        block = self._algorithm.block(data)
        command = Command(
            PROPRIETARY,
            Instruction.PERFORM_SECURITY_OPERATION,
            0,
            CURRENT_FILE,
            block,
            apdu.SHORT_LE,
        )
        answer = self._ask(command)
        _expect_success(answer, "sign")
        if len(answer.data) != self._algorithm.signature_bytes:
            raise CardFault(f"sign: {len(answer.data)} bytes")
        return answer.data

    def _select_file(self, file: int) -> None:
        _expect_success(self._selected(file), f"select {file:04X}")

    def _select_certificate(self) -> None:
        answer = self._selected(AUTH_CERTIFICATE)
        if answer.status == apdu.FILE_NOT_FOUND:
            raise CertificateMissing(str(answer.status))
        _expect_success(answer, "select certificate")

    def _selected(self, file: int) -> Response:
        return self._ask(Command(0, Instruction.SELECT, BY_FILE, NO_ANSWER_DATA, file.to_bytes(2)))

    def _read(self, offset: int, count: int) -> bytes:
        answer = self._ask(
            Command(0, Instruction.READ_BINARY, offset >> 8, offset & 0xFF, le=count)
        )
        _expect_success(answer, "read")
        if len(answer.data) != count:
            raise CardFault(f"read: {len(answer.data)} bytes for {count}")
        return answer.data

    def _ask(self, command: Command) -> Response:
        try:
            return apdu.exchange(self._connection, command)
        except MalformedApdu as error:
            raise CardFault(f"answer: {error}") from error


@contextmanager
def my_number_card(service: ReaderService) -> Iterator[JpkiCard]:
    """Find the My Number Card among all readers, hold it alone, and leave it reset.

    Raises:
        TransportTrouble, NotMyNumberCard: of several readers, the one that helps most: a card that
            is there but of another kind, then one that is busy or silent, then none.
    """
    troubles: list[CardTrouble] = []
    for reader in service.readers():
        try:
            connection = service.connect(reader)
        except TransportTrouble as trouble:
            troubles.append(trouble)
            continue
        with closing(connection):
            try:
                card = JpkiCard(connection)
            except CardTrouble as trouble:
                troubles.append(trouble)
                continue
            yield card
            return
    raise _most_telling(troubles)


_TELLING: Final = (
    NotMyNumberCard,
    CardFault,
    CardBusy,
    CardRemoved,
    CardUnresponsive,
    ReaderFault,
    NoCard,
)


def _most_telling(troubles: list[CardTrouble]) -> CardTrouble:
    ranked = [trouble for kind in _TELLING for trouble in troubles if isinstance(trouble, kind)]
    return (ranked or troubles or [NoReader()])[0]


def _check_form(pin: bytearray) -> None:
    if len(pin) != PIN_DIGITS or not pin.isdigit():
        raise PinMalformed


def _check_verified(status: Status) -> None:
    if status == apdu.SUCCESS:
        return
    if status in _BLOCKED or status.tries_left == 0:
        raise PinLocked(str(status))
    if status.tries_left is None:
        raise _fault("verify", status)
    raise PinWrong(status.tries_left)


def _certificate_length(head: bytes) -> int:
    if head in _EMPTY_HEADS:
        raise CertificateMissing("empty file")
    length = int.from_bytes(head[2:]) + CERTIFICATE_HEAD
    if head[:2] != _DER_LONG_SEQUENCE or length > LONGEST_CERTIFICATE:
        raise CardFault("certificate head")
    return length


def _expect_success(answer: Response, step: str) -> None:
    if answer.status == apdu.SECURITY_STATUS_NOT_SATISFIED:
        raise PinRequired(step)
    if answer.status != apdu.SUCCESS:
        raise _fault(step, answer.status)


def _fault(step: str, status: Status) -> CardFault:
    return CardFault(f"{step}: {status}")
