"""A deployment for measuring: keys, test authority, one clinic, and patients with cards."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from bench.walker import Card
from zaitaku.core.signing import Keyring
from zaitaku.eligibility.model import Insured, Sex
from zaitaku.eligibility.sandbox import SandboxEligibility
from zaitaku.facilities.model import Channel, EnvironmentSettings, InstitutionCode
from zaitaku.identity.keys import RequestKeys
from zaitaku.identity.subjects import subject_hashes
from zaitaku.sandbox.authority import Generation, TestAuthority
from zaitaku.sandbox.profile import KeyKind, Period, card_builder, new_key
from zaitaku.schema import upgrade
from zaitaku.services import Services, build_services
from zaitaku.settings import Settings

_CODE: Final = InstitutionCode("1312345670")
_SETTINGS: Final = EnvironmentSettings(
    surgery=True, clinical=True, medication=False, home_visit=True, online=True
)
_SURNAMES: Final = ("山田", "佐藤", "高橋", "鈴木", "田中", "伊藤", "渡辺", "中村", "小林", "加藤")
_READINGS: Final = (
    *("ヤマダ", "サトウ", "タカハシ", "スズキ", "タナカ"),
    *("イトウ", "ワタナベ", "ナカムラ", "コバヤシ", "カトウ"),
)
_KEY_BYTES: Final = 32


@dataclass(frozen=True)
class Site:
    """A deployment that is ready to be served."""

    environ: Mapping[str, str]
    entry: str
    """The clinic's URL for home visits."""
    cards: tuple[Card, ...]
    """One a patient."""


def make_site(
    folder: Path, *, origin: str, database_url: str, ephemeral_url: str, patients: int
) -> Site:
    """Make a deployment in ``folder`` and on two empty stores.

    Revocation is looked up in a list at hand, so that no other server is measured.
    """
    authority = TestAuthority.open(folder / "authority")
    RequestKeys.make(folder / "request-key.pem")
    environ = {
        "ZAITAKU_MODE": "sandbox",
        "ZAITAKU_ORIGIN": origin,
        "ZAITAKU_DATABASE_URL": database_url,
        "ZAITAKU_EPHEMERAL_URL": ephemeral_url,
        **{f"ZAITAKU_{name}_KEYS": _new_key() for name in ("URL", "SESSION", "SUBJECT")},
        "ZAITAKU_REQUEST_KEY_FILE": str(folder / "request-key.pem"),
        "ZAITAKU_TRUST_ANCHORS": str(authority.roots_file),
        "ZAITAKU_CRL_FILE": str(authority.crl_bundle),
        # All patients have one address.
        "ZAITAKU_CROWD_FACTOR": "1000",
    }
    services = build_services(Settings.from_env(environ))
    upgrade(services.database)
    cards = _cards(authority, patients)
    _know(services, authority, cards)
    entry = _entry(services)
    services.database.close()
    services.ephemeral.close()
    return Site(environ, entry, cards)


def _new_key() -> str:
    return secrets.token_urlsafe(_KEY_BYTES)


def _entry(services: Services) -> str:
    clinic = services.facilities.add(
        _CODE,
        registered_name="医療法人みどり坂会　みどり坂クリニック",
        phone="03-0000-1234",
        hours="月〜金 9:00〜12:30、14:00〜18:00（祝日は休み）",
        settings=_SETTINGS,
        actor="bench",
        founding=services.reception.issue_first,
    )
    url = services.reception.show(clinic.id, Channel.HOME_VISIT)
    return services.reception.address(url.current)


def _cards(authority: TestAuthority, patients: int) -> tuple[Card, ...]:
    """Return cards of different certificates and one key: drawing keys takes longest."""
    key, root = new_key(KeyKind.RSA_2048), authority.roots[Generation.SECOND]
    assert isinstance(key, RSAPrivateKey)
    now = authority.clock.now()
    period = Period(now - timedelta(days=1), now + timedelta(days=1000))
    cards = []
    for _ in range(patients):
        name = x509.NameAttribute(NameOID.COMMON_NAME, secrets.token_hex(16).upper())
        builder = card_builder(root, x509.Name([name]), key.public_key(), period)
        certificate = builder.sign(root.key, SHA256())
        cards.append(Card(certificate.public_bytes(Encoding.DER).hex(), key))
    return tuple(cards)


def _know(services: Services, authority: TestAuthority, cards: tuple[Card, ...]) -> None:
    """Let the eligibility provider know whose each card is."""
    eligibility = SandboxEligibility(services.database)
    issuer = authority.roots[Generation.SECOND].certificate
    for number, card in enumerate(cards):
        certificate = x509.load_der_x509_certificate(bytes.fromhex(card.certificate))
        keys = Keyring(services.settings.subject_keys.keys)
        newest, *_ = subject_hashes(certificate=certificate, issuer=issuer, keys=keys)
        eligibility.bind(newest, _insured(number))


def _insured(number: int) -> Insured:
    first, second = divmod(number, len(_SURNAMES))
    surname = number % len(_SURNAMES)
    return Insured(
        person_key=f"bench:{number}",
        name=f"{_SURNAMES[surname]}　{_SURNAMES[second]}{first}子",
        kana=f"{_READINGS[surname]}　{_READINGS[second]}コ",
        birth_date=date(1940, 1, 1) + timedelta(days=number),
        sex=Sex.FEMALE,
    )
