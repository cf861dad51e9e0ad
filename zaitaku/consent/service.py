"""Use cases on consent: state it, register it, show its receipt."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from zaitaku.consent.document import ConsentDocument
from zaitaku.consent.errors import (
    ChallengeReused,
    ForeignDocument,
    JourneyRegistered,
    NotConfirmed,
    VisitDateOver,
)
from zaitaku.consent.evidence import evidence_of
from zaitaku.consent.model import (
    ConsentItem,
    ConsentRecord,
    Decision,
    Operator,
    Receipt,
    Standing,
)
from zaitaku.consent.patients import PatientMoved, PatientStore
from zaitaku.consent.receipts import receipt_from, receipt_of
from zaitaku.consent.registering import Entry, look, write
from zaitaku.consent.standing import standing_from
from zaitaku.consent.statement import check_wordings, choices_of, compose_document
from zaitaku.consent.store import (
    place_of_journey,
    placed_record,
    present_states,
    registered_record,
)
from zaitaku.consent.validity import end_of_validity
from zaitaku.consent.wording import Wordings
from zaitaku.core.clock import Clock, japan_date
from zaitaku.core.database import Database
from zaitaku.core.errors import StoreUnavailable
from zaitaku.core.ids import (
    CredentialId,
    JourneyId,
    RecordId,
    UrlVersionId,
    new_uuid,
    random_digits,
)
from zaitaku.core.languages import Language
from zaitaku.core.watch import NO_WATCH, Happening, Watch
from zaitaku.eligibility.model import Identified
from zaitaku.eligibility.provider import PersonFinder, insured_or_none
from zaitaku.identity.model import Verified
from zaitaku.reception.model import ReceptionContext
from zaitaku.reception.service import ReceptionService
from zaitaku.wire import Choice, document_digest

ATTEMPTS: Final = 5
"""How often a registration begins anew when others do the same at the same moment."""
_REFERENCE_DIGITS: Final = 7


@dataclass(frozen=True)
class Registration:
    """What became of a registration."""

    receipt: Receipt
    is_new: bool
    """False when this very proof stood in the records already: a retry or a reload."""


@dataclass(frozen=True)
class _Case:
    """What is about to be registered."""

    card: Verified
    """A card, or the patient's phone that read one."""
    document: ConsentDocument
    insured: Identified | None
    asked_at: datetime
    """The moment before who it is was asked."""


class _Standing(Exception):
    """Another request has registered the journey meanwhile."""

    def __init__(self, record: ConsentRecord) -> None:
        super().__init__(record.reference)
        self.record = record


class ConsentService:
    """Consents of all facilities; each registration is one transaction."""

    def __init__(
        self,
        *,
        database: Database,
        reception: ReceptionService,
        eligibility: PersonFinder,
        wordings: Wordings,
        clock: Clock,
        online_validity_days: int,
        digits: Callable[[int], str] = random_digits,
        watch: Watch = NO_WATCH,
    ) -> None:
        self._database = database
        self._reception = reception
        self._eligibility = eligibility
        self._wordings = wordings
        self._clock = clock
        self._online_validity_days = online_validity_days
        self._digits = digits
        self._watch = watch

    def state(
        self,
        *,
        journey: JourneyId,
        context: ReceptionContext,
        language: Language,
        operator: Operator,
        visit_date: date | None,
        decisions: Mapping[ConsentItem, Decision],
    ) -> ConsentDocument:
        """Return the document of a patient's answers, for the card to sign.

        Raises:
            MalformedDocument: the decisions do not answer exactly what the facility asks now, or
                the channel and the 受診日 do not fit.
        """
        return compose_document(
            journey=journey,
            context=context,
            language=language,
            operator=operator,
            visit_date=visit_date,
            decisions=decisions,
            wordings=self._wordings,
            stated_at=self._clock.now(),
        )

    def choices(self, document: ConsentDocument) -> tuple[Choice, ...]:
        """Return the lines that the bridge shows of a document."""
        return choices_of(document, self._wordings)

    def valid_until(self, visit_date: date | None) -> datetime | None:
        """Return when a consent for ``visit_date`` would end; ``None``: holds until withdrawn."""
        return end_of_validity(visit_date, self._online_validity_days)

    def receipt_of(self, journey: JourneyId, *, told: str = "") -> Receipt | None:
        """Return the receipt of a journey that is registered, or ``None``.

        ``told`` is the reference number that the patient was told before, if any: any other
        record is made sure of first, because a receipt acknowledges it.

        Raises:
            StoreUnavailable: the record cannot be read, or the standbys do not have it yet.
        """
        record = self._acknowledged(journey, told)
        return receipt_from(record, self._wordings) if record else None

    def standing_of(self, journey: JourneyId, *, told: str = "") -> Standing | None:
        """Return a registered journey's receipt and what its facility sees now, or ``None``.

        ``told`` and ``Raises`` as for ``receipt_of``.
        """
        found = placed_record(self._database, journey)
        if found is None:
            return None
        record, place = found
        self._make_sure(record, told)
        document = ConsentDocument.parse_canonical(record.document)
        states = present_states(self._database, record, document)
        receipt = receipt_of(record, document, self._wordings)
        return standing_from(receipt, place, states, self._wordings)

    def place_unless_registered(
        self, journey: JourneyId, version: UrlVersionId
    ) -> ReceptionContext | None:
        """Return where a journey under way leads, or ``None`` when it is registered.

        Raises:
            UnknownUrl, UrlRetired, ReceptionNotBegun, ChannelOff: as ``ReceptionService.resolve``.
            NotConfirmed: it is registered, but cannot be acknowledged now.
            StoreUnavailable: the store is away.
        """
        is_registered, rows = place_of_journey(self._database, journey, version)
        if is_registered:
            self._confirm()
            return None
        return self._reception.opened(rows)

    def _acknowledged(self, journey: JourneyId, told: str) -> ConsentRecord | None:
        record = registered_record(self._database, journey)
        if record is not None:
            self._make_sure(record, told)
        return record

    def _make_sure(self, record: ConsentRecord, told: str) -> None:
        if record.reference != told:
            # Whoever was told nothing the first time is told now: it must stand as firmly as then.
            self._confirm()

    def _confirm(self) -> None:
        try:
            self._database.confirm()
        except StoreUnavailable as error:
            raise NotConfirmed(error.detail) from error

    def register(self, verified: Verified, *, seems_new: bool = False) -> Registration:
        """Record what the card signed, exactly once; the document stands as it was stated.

        When the facility's settings changed since the patient answered, the patient's words still
        hold for what was asked. A proof that is recorded gives its receipt again, whatever
        happened to its URL since. Who the patient is, is asked before the transaction begins, so
        that no lock waits for another system. Before that, whether the journey is registered; not
        when it ``seems_new``, for then it is as good to look under the lock alone.

        Raises:
            MalformedDocument, UnknownWording, ForeignDocument: the document is not one of ours.
            UnknownUrl, UrlRetired, ChannelOff: the URL no longer leads to the facility.
            VisitDateOver: the consent would be over already.
            JourneyRegistered: another proof of this journey is recorded; this one is not.
            ChallengeReused: the card's answer was recorded for another journey.
            StoreUnavailable: nothing was recorded; trying again is right.
        """
        document = self._checked(verified)
        standing = None if seems_new else self._acknowledged(verified.journey, told="")
        if standing is not None:
            return self._repeated(standing, verified)
        asked_at = self._clock.now()
        insured = insured_or_none(self._eligibility, verified.subject_hashes)
        registration = self._recorded(_Case(verified, document, insured, asked_at))
        if registration.is_new:
            self._watch.happened(Happening.JOURNEY, "registered")
        return registration

    def _recorded(self, case: _Case) -> Registration:
        for _ in range(ATTEMPTS):
            try:
                with self._database.transaction() as connection:
                    return self._enter(connection, case)
            except (IntegrityError, PatientMoved):
                continue  # somebody else was faster: what they wrote is visible to the next try
            except _Standing as found:
                self._acknowledged(case.card.journey, told="")
                return self._repeated(found.record, case.card)
        raise StoreUnavailable("registrations kept colliding")

    def _checked(self, verified: Verified) -> ConsentDocument:
        document = ConsentDocument.parse_canonical(verified.document)
        if document.journey != verified.journey:
            raise ForeignDocument("journey")
        check_wordings(document, self._wordings)
        return document

    def _enter(self, connection: Connection, case: _Case) -> Registration:
        """Write the record.

        Raises:
            _Standing: it is there already.
        """
        seen = look(connection, case.card, case.document, case.insured)
        standing = _standing_record(seen.records, case.card)
        if standing is not None:
            raise _Standing(standing)
        context = self._reception.opened(seen.context)
        _check_place(case.document, context)
        patients = PatientStore(connection, case.asked_at)
        settled = patients.plan(case.card.subject_hashes, case.insured, seen.people)
        # Read once the patient is locked, so that the later record has the later time.
        now = self._clock.now().astimezone(UTC)
        record = self._record(case, context, settled.credential, now)
        write(connection, seen.here, Entry(record, case.document, settled))
        return Registration(receipt_of(record, case.document, self._wordings), is_new=True)

    def _repeated(self, standing: ConsentRecord, card: Verified) -> Registration:
        # Another challenge may carry other answers, or another person's card: a receipt for it
        # would say that something was recorded which was not.
        if (standing.challenge, standing.document) != (card.challenge, card.document):
            raise JourneyRegistered(standing.reference)
        return Registration(receipt_from(standing, self._wordings), is_new=False)

    def _record(
        self, case: _Case, context: ReceptionContext, credential: CredentialId, at: datetime
    ) -> ConsentRecord:
        valid_until = self.valid_until(case.document.visit_date)
        if valid_until is not None and valid_until <= at:
            raise VisitDateOver
        record_id = RecordId(new_uuid())
        return ConsentRecord(
            id=record_id,
            facility_id=context.facility.id,
            credential_id=credential,
            journey=case.card.journey,
            challenge=case.card.challenge,
            reference=self._reference(at),
            recorded_at=at,
            valid_until=valid_until,
            facility_phone=context.facility.phone,
            document=case.card.document,
            document_sha256=document_digest(case.card.document).hex(),
            evidence=evidence_of(case.card).sealed(self._database.seal, record_id),
        )

    def _reference(self, at: datetime) -> str:
        digits = self._digits(_REFERENCE_DIGITS)
        return f"{japan_date(at):%y%m%d}-{digits[:3]}-{digits[3:]}"


def _standing_record(found: Sequence[ConsentRecord], card: Verified) -> ConsentRecord | None:
    own = next((record for record in found if record.journey == card.journey), None)
    if own is None and found:
        raise ChallengeReused
    return own


def _check_place(document: ConsentDocument, context: ReceptionContext) -> None:
    if document.facility_code != context.facility.code or document.channel != context.channel:
        raise ForeignDocument("facility or channel")
