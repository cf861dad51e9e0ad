"""The vocabulary of consent (domain.md §4, §12)."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final, Self

from zaitaku.core.clock import japan_date
from zaitaku.core.ids import CredentialId, FacilityId, RecordId
from zaitaku.core.languages import Language
from zaitaku.core.sealing import Seal
from zaitaku.facilities.model import Channel, InstitutionCode
from zaitaku.reception.model import ReceptionContext

TOKEN_PLACE: Final = "consent_record.id_token"  # noqa: S105 - the name of a column, no secret
"""Where ID tokens are sealed (``zaitaku.core.sealing``)."""


class ConsentItem(StrEnum):
    """What a patient decides about, one by one."""

    SURGERY = "surgery"
    CLINICAL = "clinical"
    """診療・薬剤 as one item."""
    MEDICATION = "medication"
    CHECKUP = "checkup"
    SPECIFIC_DISEASE = "specific-disease"
    HIGH_COST_LIMIT = "high-cost-limit"


class Decision(StrEnum):
    """同意する / 同意しない."""

    GRANT = "grant"
    REFUSE = "refuse"


class ConsentState(StrEnum):
    """What stands of one item: what the patient last said, or that it was taken back since."""

    GRANT = "grant"
    REFUSE = "refuse"
    WITHDRAWN = "withdrawn"
    """A grant that the facility ended at the patient's wish (取消し)."""


STATES: Final = {state.value: state for state in ConsentState}
"""Each state by its word, as a database or a statement has it."""


class Operator(StrEnum):
    """Who handles the screen, as declared (domain.md §12)."""

    SELF = "self"
    LEGAL_REPRESENTATIVE = "legal-representative"
    COMPANION = "companion"


@dataclass(frozen=True)
class WordingRef:
    """Names one exact text and proves it by its digest."""

    id: str
    version: int
    language: Language
    sha256: str
    """Of the exact plain text, UTF-8, lower-case hex."""


@dataclass(frozen=True)
class Wording:
    """One exact text, in one language, at one version; a changed sentence is a new version.

    ``label``, ``question`` and ``explanation`` carry readings (``{漢字|かんじ}``) where the
    language has them and are for pages; ``text`` is what is digested and signed.
    """

    ref: WordingRef
    label: str
    """Short name of the item (check page, receipt, lists)."""
    question: str
    """The heading of the page."""
    explanation: tuple[str, ...]
    """Paragraphs under the heading."""
    text: str
    """Heading and paragraphs without readings, joined by line feeds."""


@dataclass(frozen=True)
class Question:
    """One page of the wizard: an item under the wording that the facility's settings choose."""

    item: ConsentItem
    wording_id: str


@dataclass(frozen=True)
class Answer:
    """One decision together with the words that it was made on."""

    item: ConsentItem
    wording: WordingRef
    decision: Decision


@dataclass(frozen=True)
class IdToken:
    """The OpenID provider's own word, where the patient's phone read the card."""

    token: str = field(repr=False)
    """As it came: JWS compact serialization (RFC 7515 §7.1)."""
    key: str = field(repr=False)
    """The provider's public key that signed it: a JWK (RFC 7517 §4) as JSON."""


@dataclass(frozen=True)
class Evidence:
    """What proves, years later, that this credential agreed to this document.

    Of a card it is the card's signature over the statement. Of an ID token it is the provider's
    signature over the token, whose ``nonce`` is the statement's digest.
    """

    origin: str
    nonce: bytes
    signature: bytes
    public_key: bytes
    """SubjectPublicKeyInfo, DER (RFC 5280 §4.1.2.7)."""
    algorithm: str
    certificate_expires: datetime
    """End of what vouched on the day: the card's certificate, or the ID token."""
    verified_at: datetime
    id_token: IdToken | None = None
    """``None``: a card signed. As it is kept: sealed for its record."""

    def sealed(self, seal: Seal, record: RecordId) -> Self:
        """Return the evidence as a record keeps it."""
        return self._with_token(lambda token: seal.sealed_text(token, TOKEN_PLACE, record))

    def opened(self, seal: Seal, record: RecordId) -> Self:
        """Return the evidence as it came.

        Raises:
            SealBroken: the ID token cannot be opened.
        """
        return self._with_token(lambda token: seal.opened_text(token, TOKEN_PLACE, record))

    def _with_token(self, change: Callable[[str], str]) -> Self:
        kept = self.id_token
        if kept is None:
            return self
        return replace(self, id_token=replace(kept, token=change(kept.token)))


@dataclass(frozen=True)
class ConsentRecord:
    """One registered statement; appended once, never changed."""

    id: RecordId
    facility_id: FacilityId
    credential_id: CredentialId
    journey: str
    challenge: str
    reference: str
    """``YYMMDD-NNN-NNNN``, unique in the facility."""
    recorded_at: datetime
    valid_until: datetime | None
    facility_phone: str
    document: str
    """The canonical consent document, exactly as signed."""
    document_sha256: str
    evidence: Evidence


@dataclass(frozen=True)
class ReceiptLine:
    """One decision in the patient's words."""

    item: ConsentItem
    decision: Decision
    label: str
    answer: str
    """同意する / 同意しない in the language of the receipt."""
    wording: Wording


@dataclass(frozen=True)
class Receipt:
    """What the patient keeps: the same on every retry and reload."""

    reference: str
    facility_code: InstitutionCode
    facility_name: str
    """As it was shown when the consent was stated."""
    facility_phone: str
    channel: Channel
    visit_date: date | None
    recorded_at: datetime
    valid_until: datetime | None
    """The first moment at which the consent no longer holds; ``None``: until withdrawn."""
    language: Language
    operator: Operator
    lines: tuple[ReceiptLine, ...]
    notice: Wording
    document_sha256: str

    @property
    def is_empty(self) -> bool:
        """Whether nothing was agreed to."""
        return all(line.decision is Decision.REFUSE for line in self.lines)

    @property
    def last_day(self) -> date | None:
        """The last day in Japan on which the consent holds; ``None``: until withdrawn."""
        return last_day(self.valid_until)


@dataclass(frozen=True)
class StandingLine:
    """One item as it stands now, in the words of the receipt's language."""

    item: ConsentItem
    decision: ConsentState
    label: str
    was_asked: bool
    """False for a grant of an earlier statement that this one did not ask about."""


@dataclass(frozen=True)
class Standing:
    """A receipt together with what its facility is allowed to see now."""

    receipt: Receipt
    place: ReceptionContext
    """Where the journey began, even when its URL works no more."""
    lines: tuple[StandingLine, ...]
    """What was asked, in the order of asking; then the earlier grants that still stand."""

    @property
    def is_empty(self) -> bool:
        """Whether the facility sees nothing."""
        return all(line.decision is not ConsentState.GRANT for line in self.lines)

    @property
    def has_withdrawn(self) -> bool:
        """Whether the facility ended something of it since, at the patient's wish."""
        return any(line.decision is ConsentState.WITHDRAWN for line in self.lines)


def last_day(valid_until: datetime | None) -> date | None:
    """Return the last day in Japan before the moment ``valid_until``."""
    if valid_until is None:
        return None
    return japan_date(valid_until - timedelta(microseconds=1))
