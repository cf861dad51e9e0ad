"""The demo's card files: one JSON file a card, in the form that the virtual card reads."""

import json
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Final, Self

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from zaitaku.core.clock import japan_date
from zaitaku.core.files import write_private
from zaitaku.sandbox.authority import TestAuthority
from zaitaku.sandbox.people import PIN, Person, Plan, plans

KIND_JPKI: Final = "jpki"
KIND_OTHER: Final = "other"


@dataclass(frozen=True)
class DemoCard:
    """One card file's content."""

    name: str
    description: str
    kind: str
    """``jpki``, or ``other`` for what is not a My Number Card."""
    tries: int
    """Wrong PINs that the card still takes."""
    person: Person | None
    pin: str = field(repr=False)
    certificate: bytes = field(repr=False, default=b"")
    """DER."""
    ca_certificate: bytes = field(repr=False, default=b"")
    """DER of the root that issued it: on the card, but never to be trusted from there."""
    key: str = field(repr=False, default="")
    """PKCS #8, PEM."""

    @property
    def serial(self) -> str:
        """The certificate's serial number in decimal; empty if there is none."""
        certificate = self._parsed()
        return str(certificate.serial_number) if certificate else ""

    def to_json(self) -> str:
        """Return the text of the card file."""
        body = {
            **asdict(self),
            "certificate": self.certificate.hex(),
            "ca_certificate": self.ca_certificate.hex(),
            "person": _person_body(self.person),
            "serial": self.serial,
        }
        return json.dumps(body, ensure_ascii=False, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read the text of a card file.

        Raises:
            ValueError, KeyError, TypeError: it is not one.
        """
        body: dict[str, Any] = json.loads(text)
        return cls(
            name=body["name"],
            description=body["description"],
            kind=body["kind"],
            tries=body["tries"],
            person=_person(body["person"]),
            pin=body["pin"],
            certificate=bytes.fromhex(body["certificate"]),
            ca_certificate=bytes.fromhex(body["ca_certificate"]),
            key=body["key"],
        )

    def _parsed(self) -> x509.Certificate | None:
        return x509.load_der_x509_certificate(self.certificate) if self.certificate else None

    def suits(self, plan: Plan, authority: TestAuthority) -> bool:
        """Tell whether this card still shows what ``plan`` is for, under this authority."""
        certificate = self._parsed()
        if certificate is None or plan.person is None:
            return certificate is None and plan.person is None
        ends = japan_date(certificate.not_valid_after_utc)
        return authority.generation_of(certificate) is plan.generation and plan.suits(
            ends, japan_date(authority.clock.now())
        )


def make_demo_cards(folder: Path, authority: TestAuthority) -> tuple[DemoCard, ...]:
    """Write the card files that are missing or have outlived their purpose; return all cards.

    Keys and certificates that still serve are kept, so a person is the same patient after a
    restart. The PIN tries are set back each time: a restart is the demo's municipal counter.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    planned = plans(japan_date(authority.clock.now()))
    return tuple(
        _make(folder / f"{number:02d}-{plan.case}.json", plan, authority)
        for number, plan in enumerate(planned, start=1)
    )


def _make(path: Path, plan: Plan, authority: TestAuthority) -> DemoCard:
    kept = _kept(path, plan, authority)
    card = _with_plan(kept, plan) if kept else _new(plan, authority)
    if plan.is_revoked:
        authority.revoke(x509.load_der_x509_certificate(card.certificate))
    if card != kept:
        write_private(path, card.to_json().encode())
    return card


def _kept(path: Path, plan: Plan, authority: TestAuthority) -> DemoCard | None:
    try:
        card = DemoCard.from_json(path.read_text("utf-8"))
        return card if card.suits(plan, authority) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _with_plan(card: DemoCard, plan: Plan) -> DemoCard:
    return DemoCard(
        name=plan.name,
        description=plan.description,
        kind=card.kind,
        tries=plan.tries,
        person=card.person,
        pin=PIN,
        certificate=card.certificate,
        ca_certificate=card.ca_certificate,
        key=card.key,
    )


def _new(plan: Plan, authority: TestAuthority) -> DemoCard:
    if plan.person is None:
        return DemoCard(plan.name, plan.description, KIND_OTHER, plan.tries, None, PIN)
    issued = authority.issue_for(plan.period, plan.generation)
    root = authority.roots[plan.generation].certificate
    return DemoCard(
        name=plan.name,
        description=plan.description,
        kind=KIND_JPKI,
        tries=plan.tries,
        person=plan.person,
        pin=PIN,
        certificate=issued.certificate.public_bytes(Encoding.DER),
        ca_certificate=root.public_bytes(Encoding.DER),
        key=issued.pem(),
    )


def _person_body(person: Person | None) -> dict[str, str] | None:
    if person is None:
        return None
    return {**asdict(person), "birth_date": person.birth_date.isoformat()}


def _person(body: dict[str, str] | None) -> Person | None:
    if body is None:
        return None
    return Person(
        name=body["name"],
        kana=body["kana"],
        birth_date=date.fromisoformat(body["birth_date"]),
        sex=body["sex"],
    )
