"""A test authority after the model of JPKI, made on the fly in a folder and kept there.

It has three root generations of one name, the last of them on P-384 as the coming one may be; and
another authority of the very same name whose root is never pinned: a certificate from there looks
right in every field and must be refused.
"""

import contextlib
from collections.abc import Mapping
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, Final, Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from zaitaku.core.clock import Clock, SystemClock
from zaitaku.core.files import write_once, write_private
from zaitaku.sandbox.profile import (
    KeyKind,
    Period,
    Signer,
    card_period,
    new_card,
    new_responder,
    new_revocation_list,
    new_root,
)
from zaitaku.sandbox.register import Register

LIST_LIFETIME: Final = timedelta(days=7)
LIST_RENEWAL: Final = timedelta(days=3)
"""A list with less than this left is made anew."""


class Generation(StrEnum):
    """Which root signs."""

    FIRST = "first"
    SECOND = "second"
    """The present one."""
    THIRD = "third"
    """The coming one, on P-384."""
    FOREIGN = "foreign"
    """Another authority that only has the same name."""


PINNED: Final = (Generation.SECOND, Generation.FIRST, Generation.THIRD)

KINDS: Final = dict.fromkeys(Generation, KeyKind.RSA_2048) | {Generation.THIRD: KeyKind.P_384}
"""What kind of key each root has, and the cards that it signs unless told otherwise."""

_ROOT_DAYS: Final = {
    Generation.FIRST: (-3650, 3650),
    Generation.SECOND: (-2190, 5475),
    Generation.THIRD: (-1095, 7300),
    Generation.FOREIGN: (-2190, 5475),
}
"""First and last day of each root, seen from the day on which the authority is made."""


class TestAuthority:
    """The authority in one folder. What it makes is valid nowhere else."""

    __test__: ClassVar[bool] = False  # the name does not make it a test

    def __init__(
        self,
        folder: Path,
        *,
        roots: Mapping[Generation, Signer],
        responders: Mapping[Generation, Signer],
        clock: Clock,
    ) -> None:
        self.folder = folder
        self.roots = roots
        self.responders = responders
        self.clock = clock
        self._registers = {entry: Register(folder / entry) for entry in Generation}

    @classmethod
    def open(cls, folder: Path, clock: Clock | None = None) -> Self:
        """Load the authority of ``folder``, or make it there; both leave a fresh list behind."""
        clock = clock or SystemClock()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        roots = {entry: _open_root(folder, entry, clock) for entry in Generation}
        responders = {entry: _open_responder(folder, entry, roots[entry]) for entry in PINNED}
        authority = cls(folder, roots=roots, responders=responders, clock=clock)
        pem = (roots[entry].certificate.public_bytes(Encoding.PEM) for entry in PINNED)
        write_private(authority.roots_file, b"".join(pem))
        authority.refresh()
        return authority

    @property
    def roots_file(self) -> Path:
        """PEM file of the root certificates to pin."""
        return self.folder / "roots.pem"

    @property
    def crl_file(self) -> Path:
        """DER file of the present generation's revocation list."""
        return self.folder / "crl.der"

    @property
    def crl_bundle(self) -> Path:
        """PEM file of the revocation lists of all pinned generations."""
        return self.folder / "crl.pem"

    def issue(
        self,
        *,
        birth_date: date,
        issued_on: date,
        generation: Generation = Generation.SECOND,
    ) -> Signer:
        """Issue an authentication certificate that ends on the fifth birthday after its issue."""
        return self.issue_for(card_period(issued_on, birth_date), generation)

    def issue_for(
        self,
        period: Period,
        generation: Generation = Generation.SECOND,
        kind: KeyKind | None = None,
    ) -> Signer:
        """Issue an authentication certificate for a given period; its key is of the root's kind."""
        card = new_card(self.roots[generation], period, kind or KINDS[generation])
        self._registers[generation].add(card.certificate.serial_number, self.clock.now())
        return card

    def revoke(self, certificate: x509.Certificate) -> None:
        """Revoke a certificate; lists and responder say so at once.

        Raises:
            ValueError: another authority issued it.
        """
        generation = self.generation_of(certificate)
        if generation is None:
            raise ValueError("issued by another authority")
        self._registers[generation].revoke(certificate.serial_number, self.clock.now())
        self.refresh(force=True)

    def generation_of(self, certificate: x509.Certificate) -> Generation | None:
        """Return whose root signed ``certificate``."""
        for generation, root in self.roots.items():
            with contextlib.suppress(InvalidSignature, ValueError):
                certificate.verify_directly_issued_by(root.certificate)
                return generation
        return None

    def register_of(self, generation: Generation) -> Register:
        """Return the books of a generation."""
        return self._registers[generation]

    def refresh(self, *, force: bool = False) -> None:
        """Make the revocation lists anew when they are near their end, or when told to."""
        if not force and self._is_list_fresh():
            return
        lists = {entry: self._new_list(entry) for entry in PINNED}
        bundle = b"".join(crl.public_bytes(Encoding.PEM) for crl in lists.values())
        write_private(self.crl_bundle, bundle)
        write_private(self.crl_file, lists[Generation.SECOND].public_bytes(Encoding.DER))

    def _new_list(self, generation: Generation) -> x509.CertificateRevocationList:
        revoked = dict(self._registers[generation].revoked())
        return new_revocation_list(self.roots[generation], revoked, self.clock.now(), LIST_LIFETIME)

    def _is_list_fresh(self) -> bool:
        try:
            crl = x509.load_der_x509_crl(self.crl_file.read_bytes())
            lists = self.crl_bundle.read_bytes().count(b"-----BEGIN X509 CRL-----")
        except (OSError, ValueError):
            return False
        if lists != len(PINNED):  # made before a generation was added
            return False
        now = self.clock.now()
        ends = crl.next_update_utc
        return ends is not None and crl.last_update_utc <= now < ends - LIST_RENEWAL


def _open_root(folder: Path, generation: Generation, clock: Clock) -> Signer:
    path = folder / f"{generation}.pem"
    if path.exists():
        return _read(path.read_bytes())
    first, last = _ROOT_DAYS[generation]
    now = clock.now()
    period = Period(now + timedelta(days=first), now + timedelta(days=last))
    return _read(write_once(path, _text(new_root(period, KINDS[generation]))))


def _open_responder(folder: Path, generation: Generation, root: Signer) -> Signer:
    path = folder / f"{generation}-responder.pem"
    if path.exists():
        return _read(path.read_bytes())
    certificate = root.certificate
    period = Period(certificate.not_valid_before_utc, certificate.not_valid_after_utc)
    return _read(write_once(path, _text(new_responder(root, period))))


def _text(signer: Signer) -> bytes:
    return signer.pem().encode() + signer.certificate.public_bytes(Encoding.PEM)


def _read(text: bytes) -> Signer:
    key = load_pem_private_key(text, password=None)
    if not isinstance(key, RSAPrivateKey | EllipticCurvePrivateKey):
        raise TypeError("not a key of the test authority")
    return Signer(x509.load_pem_x509_certificate(text), key)
