"""The JPKI applet of a My Number Card, as far as user authentication goes.

No official specification of the commands is public; files and commands follow OpenSC's
``card-jpki.c`` and ``pkcs15-jpki.c`` and other open readers. The file that holds the 12-digit
number, and the applets around it, are never touched.
"""

from collections.abc import Callable
from enum import Enum
from typing import Final

from zaitaku.cardbridge.card import apdu
from zaitaku.cardbridge.card.algorithms import (
    RSA_2048_SHA256,
    SignatureAlgorithm,
    SignatureMalformed,
    UnknownAlgorithm,
    algorithm_of,
)
from zaitaku.cardbridge.card.apdu import Command, Instruction, MalformedApdu, Response, Status
from zaitaku.cardbridge.card.pinpad import PinEntry, PinPad
from zaitaku.cardbridge.card.transport import CardConnection, CardTrouble

JPKI_AID: Final = bytes.fromhex("D392F000260100000001")
AUTH_CERTIFICATE: Final = 0x000A
AUTH_CA_CERTIFICATE: Final = 0x000B
AUTH_KEY: Final = 0x0017
AUTH_PIN: Final = 0x0018
TOKEN_INFO: Final = 0x0006
CERTIFICATES_PRESENT: Final = 0x0008

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
CERTIFICATE_BEGINNING: Final = 64
LONGEST_CERTIFICATE: Final = 8192
"""Far above any RSA or ECDSA certificate, far below the 15 bits of an offset."""

_DER_LONG_SEQUENCE: Final = b"\x30\x82"
_EMPTY_HEADS: Final = (bytes(CERTIFICATE_HEAD), b"\xff" * CERTIFICATE_HEAD)
_BLOCKED: Final = (apdu.AUTHENTICATION_BLOCKED, apdu.REFERENCE_DATA_UNUSABLE)
_ABSENT_APPLET: Final = range(0x67, 0x6F)
_ABSENT_PIN: Final = (
    apdu.FILE_NOT_FOUND,
    apdu.CONDITIONS_NOT_SATISFIED,
    apdu.REFERENCE_DATA_NOT_FOUND,
)
_TOKEN_NAME_BYTES: Final = 32
_AUTH_NEVER_ISSUED: Final = 0x00
"""Second byte of ``0008``; a card with both certificates has ``8F`` there, others were not seen."""


class NotMyNumberCard(CardTrouble):
    """The card does not know the JPKI applet."""

    code = "not-my-number-card"


class JukiCard(NotMyNumberCard):
    """A 住民基本台帳カード, the card before: same applet, but no pair for user authentication."""

    code = "juki-card"


class NoPinCard(CardTrouble):
    """A My Number Card without a PIN to show: 顔認証マイナンバーカード.

    How such a card answers is not published. That a PIN which was never set is missing, or says
    that it cannot be used, is inferred from ISO/IEC 7816-4:2020 §5.6; one that says that it is
    locked cannot be told from a locked card.
    """

    code = "no-pin-card"


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


class CardChanged(CardTrouble):
    """Another card lies there than the one that the page has shown; its PIN was not touched."""

    code = "card-changed"


class CardFault(CardTrouble):
    """The card answered what nothing foresees: worn out, damaged, or of an unknown make."""

    code = "card-fault"


class TokenKind(Enum):
    """What answers as the JPKI applet, by the name in its file ``0006`` (jpki/myna)."""

    CARD = "JPKIAPICCTOKEN2"
    ANDROID = "JPKIAPGPSETOKEN"
    IPHONE = "JPKIAPIOSTOKEN"
    JUKI = "JPKIAPICCTOKEN"
    OTHER = ""


def _go_on() -> None:
    """Let the PIN be shown."""


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
        answer = self._ask(Command(0, Instruction.SELECT, BY_NAME, NO_ANSWER_DATA, JPKI_AID))
        if answer.status.sw1 in _ABSENT_APPLET:
            raise NotMyNumberCard(str(answer.status))
        _expect_success(answer, "select applet")

    def tries_left(self) -> int:
        """Return how many wrong PINs the card still takes; 0 means locked. Uses no try.

        Raises:
            NoPinCard, JukiCard: there is no PIN to show.
            CardFault: the card does not say.
        """
        selected = self._selected(AUTH_PIN)
        if selected.status == apdu.FILE_NOT_FOUND:
            raise self._without_pin(selected.status)
        _expect_success(selected, f"select {AUTH_PIN:04X}")
        status = self._ask(Command(0, Instruction.VERIFY, 0, CURRENT_FILE)).status
        if status in _BLOCKED:
            return 0
        if status in _ABSENT_PIN:
            raise self._without_pin(status)
        if status == apdu.SUCCESS:  # verified in this session: a right PIN has reset the counter
            return PIN_TRIES
        if status.tries_left is None:
            raise _fault("tries", status)
        return status.tries_left

    def verify_pin(self, pin: bytearray, *, last_word: Callable[[], None] = _go_on) -> None:
        """Show the PIN to the card once and wipe ``pin``, whatever happens.

        The right PIN holds until the connection is closed and resets the counter. ``last_word`` is
        called when nothing but the PIN is to be sent any more; what it raises keeps it back.

        Raises:
            PinMalformed: not four ASCII digits.
            PinWrong: refused, with the tries left.
            PinLocked: this was the last try, or the PIN was locked before.
            CardFault: anything else.
        """
        try:
            _check_form(pin)
            self._select_file(AUTH_PIN)
            last_word()
            status = self._ask(Command(0, Instruction.VERIFY, 0, CURRENT_FILE, pin)).status
        finally:
            pin[:] = bytes(len(pin))
        _check_verified(status)

    def verify_on_pad(self, pad: PinPad, *, last_word: Callable[[], None] = _go_on) -> None:
        """Have the PIN typed on the reader's keys and shown to the card once.

        ``last_word`` is called just before, as by ``verify_pin``.

        Raises:
            PadTimedOut, PadCancelled, PadCount, PadUnusable: the card was not asked.
            PinWrong, PinLocked, CardFault: as ``verify_pin``.
        """
        self._select_file(AUTH_PIN)
        last_word()
        header = bytes((0, Instruction.VERIFY, 0, CURRENT_FILE))
        _check_verified(pad.enter(PinEntry(header, PIN_DIGITS)))

    def kind(self) -> TokenKind:
        """Return what kind of token this is; no PIN is needed."""
        name = self._opened(TOKEN_INFO, _TOKEN_NAME_BYTES).decode("ascii", "replace")
        names = {kind.value: kind for kind in TokenKind}
        return names.get(name.rstrip(" \0"), TokenKind.OTHER)

    def check_certificate(self) -> bytes:
        """Look whether the authentication certificate is there, as far as is told without the PIN.

        Return its first ``CERTIFICATE_BEGINNING`` bytes, which hold its serial number and tell one
        card from another; nothing from a token that wants the PIN for them.

        A card shows the head of the file itself. Android's token wants the PIN for that; its list
        of certificates counts only when it plainly says that there is none.

        Raises:
            CertificateMissing: there is none.
            CardFault: the file does not hold what its head says.
        """
        self._select_certificate()
        answer = self._ask(Command(0, Instruction.READ_BINARY, 0, 0, le=CERTIFICATE_BEGINNING))
        if answer.status == apdu.SECURITY_STATUS_NOT_SATISFIED:
            listed = self._opened(CERTIFICATES_PRESENT, 2)
            if listed[1:2] == bytes([_AUTH_NEVER_ISSUED]):
                raise CertificateMissing("list")
            return b""
        if answer.status != apdu.END_OF_FILE:
            _expect_success(answer, "read")
        _certificate_length(answer.data[:CERTIFICATE_HEAD])
        if len(answer.data) != CERTIFICATE_BEGINNING:
            raise CardFault(f"read: {len(answer.data)} bytes for {CERTIFICATE_BEGINNING}")
        return answer.data

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

    def sign(self, data: bytes, algorithm: SignatureAlgorithm = RSA_2048_SHA256) -> bytes:
        """Return the authentication key's signature over ``data``, made as ``algorithm`` says.

        Raises:
            PinRequired: the PIN was not verified in this session.
            CardFault: the key is missing, or what came back is no signature.
        """
        self._select_file(AUTH_KEY)
        command = Command(
            PROPRIETARY,
            Instruction.PERFORM_SECURITY_OPERATION,
            0,
            CURRENT_FILE,
            algorithm.block(data),
            apdu.SHORT_LE,
        )
        answer = self._ask(command)
        _expect_success(answer, "sign")
        try:
            return algorithm.signature(answer.data)
        except SignatureMalformed as error:
            raise CardFault(f"sign: {error}") from error

    def _without_pin(self, status: Status) -> CardTrouble:
        is_old = self.kind() is TokenKind.JUKI
        return JukiCard(str(status)) if is_old else NoPinCard(str(status))

    def _opened(self, file: int, count: int) -> bytes:
        """Return the beginning of a file; nothing when the card does not give it."""
        if self._selected(file).status != apdu.SUCCESS:
            return b""
        answer = self._ask(Command(0, Instruction.READ_BINARY, 0, 0, le=count))
        return answer.data if answer.status in (apdu.SUCCESS, apdu.END_OF_FILE) else b""

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


def algorithm_for(certificate: bytes) -> SignatureAlgorithm:
    """Return how the card with this authentication certificate (DER) signs.

    Raises:
        CardFault: the certificate is damaged, or its key is of a kind that is not known here.
    """
    try:
        return algorithm_of(certificate)
    except UnknownAlgorithm as error:
        raise CardFault(f"certificate: {error}") from error


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
