"""A small world to consent in: facilities with their URLs, cards that really sign, a service."""

import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any, TypedDict, Unpack

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import Table, func, select

from zaitaku.consent.document import ConsentDocument
from zaitaku.consent.model import ConsentItem, ConsentRecord, Decision, Operator
from zaitaku.consent.questions import questions_for
from zaitaku.consent.service import ConsentService, Registration
from zaitaku.consent.store import record_of_journey
from zaitaku.consent.wording import Wordings
from zaitaku.core.clock import FixedClock
from zaitaku.core.database import Database
from zaitaku.core.errors import NotFound
from zaitaku.core.ids import (
    ChallengeId,
    JourneyId,
    new_secret_name,
    random_digits,
)
from zaitaku.core.languages import Language
from zaitaku.core.signing import Keyring
from zaitaku.eligibility.model import Insured, Sex
from zaitaku.eligibility.provider import PersonFinder
from zaitaku.eligibility.sandbox import SandboxEligibility
from zaitaku.facilities.model import (
    Channel,
    Enrolment,
    EnvironmentSettings,
    Facility,
    InstitutionCode,
)
from zaitaku.facilities.service import FacilityService
from zaitaku.identity.model import VerifiedCard
from zaitaku.identity.schemes import Rsa2048Sha256
from zaitaku.reception.model import ReceptionContext
from zaitaku.reception.service import ReceptionService
from zaitaku.reception.tokens import UrlTokens
from zaitaku.wire import statement

ORIGIN = "https://zaitaku.example"
CODE = InstitutionCode("1310123456")
OTHER_CODE = InstitutionCode("2740000017")
EVERYTHING = EnvironmentSettings(
    surgery=True, clinical=True, medication=False, home_visit=True, online=True
)
VISIT_DAY = date(2026, 11, 20)
TARO = Insured("person-1", "在宅　太郎", "ザイタク　タロウ", date(1941, 3, 3), Sex.MALE)
HANAKO = Insured("person-2", "訪問　花子", "ホウモン　ハナコ", date(1950, 7, 21), Sex.FEMALE)


@cache
def rsa_key(name: str) -> RSAPrivateKey:
    """One key for each card of a test run: making keys is slow."""
    assert name
    return generate_private_key(65537, 2048)


@dataclass(frozen=True)
class Card:
    """A card with a real key, known under these hashes (newest key first)."""

    subject_hashes: tuple[str, ...]
    key_name: str = "first"

    @classmethod
    def named(cls, *names: str, key_name: str = "first") -> "Card":
        """A card whose keyed hashes are made of ``names``."""
        return cls(tuple(hashlib.sha256(name.encode()).hexdigest() for name in names), key_name)

    def sign(self, document: ConsentDocument, now: datetime) -> VerifiedCard:
        """What the identity room hands over after a successful reading."""
        key, nonce = rsa_key(self.key_name), hashlib.sha256(new_secret_name().encode()).digest()
        text = document.canonical()
        message = statement(origin=ORIGIN, nonce=nonce, document=text)
        public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return VerifiedCard(
            challenge=ChallengeId(new_secret_name()),
            journey=document.journey,
            document=text,
            origin=ORIGIN,
            nonce=nonce,
            signature=key.sign(message, PKCS1v15(), SHA256()),
            public_key=public,
            algorithm=Rsa2048Sha256.name,
            subject_hashes=self.subject_hashes,
            certificate_expires=datetime(2030, 3, 3, tzinfo=UTC),
            verified_at=now,
        )


TAROS_CARD = Card.named("taro")
HANAKOS_CARD = Card.named("hanako")


class Told(TypedDict, total=False):
    """What a statement says where it is not the usual."""

    facility: Facility
    visit_date: date
    decisions: Mapping[ConsentItem, Decision]
    decision: Decision
    """For every item that ``decisions`` does not name."""
    language: Language


@dataclass
class World:
    """Two facilities on one database."""

    database: Database
    clock: FixedClock
    eligibility: PersonFinder
    digits: Callable[[int], str] = random_digits
    settings: EnvironmentSettings = EVERYTHING
    wordings: Wordings = field(default_factory=Wordings.load)

    def __post_init__(self) -> None:
        self.reception = ReceptionService(
            database=self.database,
            tokens=UrlTokens(Keyring(("u" * 32,))),
            origin=ORIGIN,
            clock=self.clock,
        )
        self.facilities = FacilityService(database=self.database, clock=self.clock)
        self.facility = self._found(CODE, "みどり坂クリニック")
        self.other = self._found(OTHER_CODE, "あおば薬局")
        self.consent = self.service(self.database)

    def service(self, database: Database, **changes: object) -> ConsentService:
        """A consent service as another process would have it."""
        options: dict[str, Any] = {
            "reception": self.reception,
            "eligibility": self.eligibility,
            "wordings": self.wordings,
            "clock": self.clock,
            "online_validity_days": 1,
            "digits": self.digits,
        }
        return ConsentService(database=database, **{**options, **changes})

    def context(self, channel: Channel, facility: Facility | None = None) -> ReceptionContext:
        """Where the channel's present URL leads."""
        place = facility or self.facility
        return self.reception.context_of(self.reception.show(place.id, channel).current.id)

    def document(
        self,
        channel: Channel = Channel.HOME_VISIT,
        **told: Unpack[Told],
    ) -> ConsentDocument:
        """A statement in a new journey; everything is answered with ``decision`` unless named."""
        context = self.context(channel, told.get("facility"))
        questions = questions_for(context.facility.settings)
        decision = told.get("decision", Decision.GRANT)
        answers = {question.item: decision for question in questions}
        is_online = channel is Channel.ONLINE
        return self.consent.state(
            journey=JourneyId(new_secret_name()),
            context=context,
            language=told.get("language", Language.JAPANESE),
            operator=Operator.SELF,
            visit_date=told.get("visit_date", VISIT_DAY) if is_online else None,
            decisions={**answers, **told.get("decisions", {})},
        )

    def sign(self, document: ConsentDocument, card: Card = TAROS_CARD) -> VerifiedCard:
        """Have a card sign a document."""
        return card.sign(document, self.clock.now())

    def register(
        self, channel: Channel = Channel.HOME_VISIT, card: Card = TAROS_CARD, **told: Unpack[Told]
    ) -> Registration:
        """Walk a whole journey, one second after the one before."""
        self.clock.advance(timedelta(seconds=1))
        return self.consent.register(self.sign(self.document(channel, **told), card))

    def change_settings(self, **changes: bool) -> None:
        """Change the first facility's environment settings."""
        present = self.facilities.get(self.facility.id)
        self.facilities.change_settings(
            self.facility.id,
            EnvironmentSettings.from_mapping({**present.settings.to_mapping(), **changes}),
            expected_version=present.settings_version,
            actor="test",
            accepted=dict.fromkeys(Channel, 1),
        )

    def count(self, table: Table) -> int:
        """How many rows a table has."""
        with self.database.reading() as connection:
            return connection.execute(select(func.count()).select_from(table)).scalar_one()

    def rows(self, table: Table) -> list[dict[str, Any]]:
        """Every row of a table."""
        with self.database.reading() as connection:
            return [dict(row) for row in connection.execute(select(table)).mappings()]

    def record(self, journey: str) -> ConsentRecord:
        """The record of a journey."""
        with self.database.reading() as connection:
            found = record_of_journey(connection, JourneyId(journey))
        assert found is not None
        return found

    def _found(self, code: InstitutionCode, name: str) -> Facility:
        with suppress(NotFound):
            return self.facilities.find(code)  # a copy of a file in which they are already
        facility = self.facilities.add(
            code=code,
            registered_name=name,
            phone="03-0000-1234",
            hours="",
            settings=self.settings,
            actor="test",
            enrolment=Enrolment(subsidy_pilot=True, chart_sharing_from=date(2026, 1, 1)),
        )
        with self.database.transaction() as connection:
            self.reception.issue_first(connection, facility.id, "test")
        return facility


def sandbox_with(database: Database, **people: Insured) -> SandboxEligibility:
    """An eligibility provider that knows the cards named after its arguments."""
    provider = SandboxEligibility(database)
    for name, insured in people.items():
        provider.bind(Card.named(name).subject_hashes[0], insured)
    return provider
