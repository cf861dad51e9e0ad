"""A My Number Card in software that speaks APDUs, for trying things without a real one.

It answers as far as open readers tell how a real card does: the files of the JPKI applet with
filler behind the certificates, a PIN counter that survives power-down, a verification that does
not, PKCS#1 padding inside the card. With a P-384 key it signs as ``algorithms`` expects of the
coming generation: it takes a digest and gives both numbers bare. The signing pair is there, with
its PIN locked. The kinds that are no My Number Card know the names of their own applications and
nothing else.
"""

import hmac
from collections.abc import Callable, Mapping
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import (
    NoDigestInfo,
    Prehashed,
    decode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA384

from zaitaku.cardbridge.card import apdu, jpki, recognition
from zaitaku.cardbridge.card.algorithms import ECDSA_P384_SHA384
from zaitaku.cardbridge.card.apdu import Command, Instruction, MalformedApdu, Response, Status
from zaitaku.cardbridge.card.jpki import TokenKind
from zaitaku.cardbridge.virtual.cardfile import CardFile, CardFileError, CardKey, CardKind

ATR: Final = bytes.fromhex("3BE000FF8131FE4514")
"""One of several in use (OpenSC ``card-jpki.c``)."""

FELICA_ATR: Final = recognition.FELICA_ATR + bytes.fromhex("003B0000000042")
"""What a reader says for a card without an ATR (PC/SC part 3 §3.1.3.2.3.2)."""
SIGN_CERTIFICATE: Final = 0x0001
SIGN_CA_CERTIFICATE: Final = 0x0002
SIGN_KEY: Final = 0x001A
SIGN_PIN: Final = 0x001B

_TOKENS: Final = {
    CardKind.JPKI: TokenKind.CARD,
    CardKind.ANDROID: TokenKind.ANDROID,
    CardKind.NO_CERTIFICATE: TokenKind.CARD,
    CardKind.NO_PIN: TokenKind.CARD,
    CardKind.JUKI: TokenKind.JUKI,
}
"""The kinds that know the JPKI applet."""
_STRANGERS: Final = {
    CardKind.LICENCE: (recognition.LICENCE_AID,),
    CardKind.RESIDENCE: (recognition.RESIDENCE_AID,),
    CardKind.PASSPORT: (recognition.PASSPORT_AID,),
    CardKind.PAYMENT: (recognition.CONTACTLESS_PAYMENT, recognition.CONTACT_PAYMENT),
}
"""The applications of the others."""
_BOTH_PRESENT: Final = bytes.fromhex("8F8F00")
_SIGNING_PRESENT: Final = bytes.fromhex("8F0000")
_FILLER: Final = b"\xff"
_FILE_STEP: Final = 256
_FILE_NAME_BYTES: Final = 2
_LONGEST_BLOCK: Final = 245
"""What PKCS#1 v1.5 leaves of 256 bytes (RFC 8017 §7.2)."""
_OFFSET_LIMIT: Final = 0x80

_Handler = Callable[[Command], Response]
_DONE: Final = Response(b"", apdu.SUCCESS)


class _Refusal(Exception):
    def __init__(self, status: Status) -> None:
        super().__init__(str(status))
        self.status = status


class VirtualCard:
    """One card between power-up and power-down; not safe for two threads at once."""

    def __init__(
        self, card: CardFile, *, blocked_status: Status = apdu.REFERENCE_DATA_UNUSABLE
    ) -> None:
        """Take the card of ``card``; ``blocked_status`` is ``6984`` or, on some cards, ``6983``.

        Raises:
            CardFileError: the file was damaged since ``card`` was loaded.
        """
        self.card = card
        self._tries = card.saved_tries() if card.kind.has_pin else card.tries
        self._blocked = blocked_status
        self._files = _files(card)
        self._applet = False
        self._file: int | None = None
        self._verified = False

    def __repr__(self) -> str:
        return f"VirtualCard({self.card.name!r}, tries={self._tries})"

    @property
    def tries(self) -> int:
        """Wrong PINs that the card still takes."""
        return self._tries

    @property
    def atr(self) -> bytes:
        """The answer to reset (ISO/IEC 7816-3 §8)."""
        return FELICA_ATR if self.card.kind is CardKind.TRANSIT else ATR

    def reset(self) -> None:
        """Power down and up, or reset: nothing is selected, nothing verified."""
        self._applet = False
        self._file = None
        self._verified = False

    def process(self, raw: bytes | bytearray) -> bytes:
        """Answer one command APDU; never fails, whatever the bytes are."""
        try:
            return self._dispatch(Command.decode(raw)).encode()
        except MalformedApdu:
            return Response(b"", apdu.WRONG_LENGTH).encode()
        except _Refusal as refusal:
            return Response(b"", refusal.status).encode()

    def _dispatch(self, command: Command) -> Response:
        classes = {cla for cla, _ in self._handlers()}
        if command.cla not in classes:
            raise _Refusal(apdu.CLASS_UNKNOWN)
        handler = self._handlers().get((command.cla, command.ins))
        if handler is None:
            raise _Refusal(apdu.INSTRUCTION_UNKNOWN)
        return handler(command)

    def _handlers(self) -> Mapping[tuple[int, int], _Handler]:
        return {
            (0x00, Instruction.SELECT): self._select,
            (0x00, Instruction.VERIFY): self._verify,
            (0x00, Instruction.READ_BINARY): self._read,
            (jpki.PROPRIETARY, Instruction.PERFORM_SECURITY_OPERATION): self._sign,
        }

    def _select(self, command: Command) -> Response:
        ways = {jpki.BY_NAME: self._select_applet, jpki.BY_FILE: self._select_file}
        way = ways.get(command.p1)
        answers = (jpki.NO_ANSWER_DATA, *([0] if self.card.kind is CardKind.PAYMENT else []))
        if way is None or command.p2 not in answers:
            raise _Refusal(apdu.WRONG_PARAMETERS)
        way(bytes(command.data))
        return _DONE

    def _select_applet(self, name: bytes) -> None:
        if name in _STRANGERS.get(self.card.kind, ()):
            return
        if self.card.kind not in _TOKENS or name != jpki.JPKI_AID:
            raise _Refusal(apdu.FILE_NOT_FOUND)
        # What was verified stays so until power-down or reset: only that ends a session.
        self._applet = True
        self._file = None

    def _select_file(self, name: bytes) -> None:
        if len(name) != _FILE_NAME_BYTES:
            raise _Refusal(apdu.WRONG_LENGTH)
        file = int.from_bytes(name)
        if not self._applet or file not in self._files:
            raise _Refusal(apdu.FILE_NOT_FOUND)
        self._file = file

    def _verify(self, command: Command) -> Response:
        _expect_current_file(command)
        if self._file not in (jpki.AUTH_PIN, SIGN_PIN):
            raise _Refusal(apdu.CONDITIONS_NOT_SATISFIED)
        tries = self._tries if self._file == jpki.AUTH_PIN else 0
        if not command.data:
            raise _Refusal(apdu.tries_left_status(tries))
        if tries == 0:
            raise _Refusal(self._blocked)
        if len(command.data) != jpki.PIN_DIGITS:
            raise _Refusal(apdu.WRONG_LENGTH)
        self._compare(bytes(command.data))
        return _DONE

    def _compare(self, pin: bytes) -> None:
        self._verified = hmac.compare_digest(pin, self.card.pin.encode())
        self._count(jpki.PIN_TRIES if self._verified else self._tries - 1)
        if not self._verified:
            raise _Refusal(apdu.tries_left_status(self._tries))

    def _count(self, tries: int) -> None:
        """Remember the counter before the answer leaves, so that no restart gives a try back."""
        if tries == self._tries:
            return
        self._tries = tries
        try:
            self.card.save_tries(tries)
        except CardFileError:
            self._verified = False
            raise _Refusal(apdu.MEMORY_FAILURE) from None

    def _read(self, command: Command) -> Response:
        content = self._content()
        offset = command.p1 << 8 | command.p2
        if command.p1 >= _OFFSET_LIMIT:
            raise _Refusal(apdu.WRONG_PARAMETERS)
        if command.data or command.le is None or command.le > jpki.READ_AT_ONCE:
            raise _Refusal(apdu.WRONG_LENGTH)
        if offset >= len(content):
            raise _Refusal(apdu.WRONG_OFFSET)
        part = content[offset : offset + command.le]
        return Response(part, apdu.SUCCESS if len(part) == command.le else apdu.END_OF_FILE)

    def _content(self) -> bytes:
        if self._file in (SIGN_CERTIFICATE, SIGN_CA_CERTIFICATE):
            raise _Refusal(apdu.SECURITY_STATUS_NOT_SATISFIED)
        if self._file == jpki.AUTH_CERTIFICATE and self._hides_certificate():
            raise _Refusal(apdu.SECURITY_STATUS_NOT_SATISFIED)
        content = b"" if self._file is None else self._files[self._file]
        if not content:
            raise _Refusal(apdu.CONDITIONS_NOT_SATISFIED)
        return content

    def _hides_certificate(self) -> bool:
        return self.card.kind is CardKind.ANDROID and not self._verified

    def _sign(self, command: Command) -> Response:
        _expect_current_file(command)
        if self._file not in (jpki.AUTH_KEY, SIGN_KEY):
            raise _Refusal(apdu.CONDITIONS_NOT_SATISFIED)
        if self._file == SIGN_KEY or not self._verified:
            raise _Refusal(apdu.SECURITY_STATUS_NOT_SATISFIED)
        if not 0 < len(command.data) <= _LONGEST_BLOCK or command.le is None:
            raise _Refusal(apdu.WRONG_LENGTH)
        return Response(self._signature(bytes(command.data), command.le), apdu.SUCCESS)

    def _signature(self, block: bytes, le: int) -> bytes:
        key = self.card.key
        if key is None:
            raise _Refusal(apdu.CONDITIONS_NOT_SATISFIED)
        signature = _signed(key, block)
        if le < len(signature):
            raise _Refusal(apdu.wrong_le_status(len(signature)))
        return signature


def _signed(key: CardKey, block: bytes) -> bytes:
    if isinstance(key, RSAPrivateKey):
        return key.sign(block, PKCS1v15(), NoDigestInfo())
    return _signed_by_curve(key, block)


def _signed_by_curve(key: EllipticCurvePrivateKey, digest: bytes) -> bytes:
    if len(digest) != SHA384.digest_size:
        raise _Refusal(apdu.WRONG_LENGTH)
    numbers = decode_dss_signature(key.sign(digest, ECDSA(Prehashed(SHA384()))))
    return b"".join(number.to_bytes(ECDSA_P384_SHA384.number_bytes) for number in numbers)


def _expect_current_file(command: Command) -> None:
    if (command.p1, command.p2) != (0, jpki.CURRENT_FILE):
        raise _Refusal(apdu.WRONG_PARAMETERS)


def _files(card: CardFile) -> Mapping[int, bytes]:
    """Return the files that can be selected; those without content are no files of bytes."""
    token = _TOKENS.get(card.kind)
    if token is None:
        return {}
    hidden = [SIGN_CERTIFICATE, SIGN_CA_CERTIFICATE, SIGN_KEY, SIGN_PIN]
    hidden += [jpki.AUTH_PIN] if card.kind.has_pin else []
    files = dict.fromkeys(hidden, b"") | {
        jpki.TOKEN_INFO: token.value.encode().ljust(32).ljust(160, b"\x00"),
        jpki.CERTIFICATES_PRESENT: _BOTH_PRESENT if card.kind.has_key else _SIGNING_PRESENT,
    }
    return files | _authentication_files(card) if card.kind.has_key else files


def _authentication_files(card: CardFile) -> dict[int, bytes]:
    return {
        jpki.AUTH_KEY: b"",
        jpki.AUTH_CERTIFICATE: _with_filler(card.certificate),
        jpki.AUTH_CA_CERTIFICATE: _with_filler(card.ca_certificate),
    }


def _with_filler(content: bytes) -> bytes:
    return content.ljust((len(content) // _FILE_STEP + 2) * _FILE_STEP, _FILLER)
