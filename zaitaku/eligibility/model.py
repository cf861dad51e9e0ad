"""What an eligibility check tells about a person (資格確認, domain.md §9, §11)."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class Sex(StrEnum):
    """As registered with the insurer."""

    MALE = "male"
    FEMALE = "female"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Insured:
    """The person behind a credential."""

    person_key: str
    """The provider's own lasting name for the person: the same whatever card is shown."""
    name: str
    kana: str
    """Reading of the name in katakana."""
    birth_date: date
    sex: Sex


@dataclass(frozen=True)
class Withheld:
    """自己情報提供不可: there is such a person, and nothing of them may be shown (domain.md §9).

    It has no place for a name, so that none can be shown by mistake.
    """

    person_key: str


Identified = Insured | Withheld


@dataclass(frozen=True)
class Address:
    """Where a person is registered; never given for 不開示該当."""

    postcode: str
    """Seven digits with a hyphen."""
    lines: str


class Relation(StrEnum):
    """本人・家族の別."""

    SELF = "self"
    FAMILY = "family"


@dataclass(frozen=True)
class HighCostLimit:
    """限度額適用認定証: shown only where the patient agreed to it."""

    category: str
    """適用区分: ``ア`` to ``オ``, or that of the elderly."""
    starts_on: date
    ends_on: date


@dataclass(frozen=True)
class SpecificDisease:
    """特定疾病療養受療証: shown only where the patient agreed to it."""

    name: str
    limit: int
    """What the person pays in a month at most, in yen."""
    starts_on: date
    ends_on: date | None


@dataclass(frozen=True)
class Insurance:
    """医療保険 as it is registered."""

    insurer_number: str
    """Six or eight digits."""
    insurer: str
    symbol: str
    """記号; empty for 後期高齢者."""
    number: str
    branch: str
    """枝番, two digits; empty for 後期高齢者."""
    relation: Relation
    copay_percent: int
    """一部負担金割合: 10, 20 or 30."""
    starts_on: date
    ends_on: date | None
    """``None``: until further notice."""
    high_cost_limit: HighCostLimit | None = None
    specific_disease: SpecificDisease | None = None

    def is_valid(self, day: date) -> bool:
        """Tell whether the person is insured on ``day``."""
        return self.starts_on <= day and (self.ends_on is None or day <= self.ends_on)


class TicketKind(StrEnum):
    """What a person on 医療扶助 may be treated on."""

    MEDICAL = "medical"
    """医療券: 医科・歯科."""
    DISPENSING = "dispensing"
    """調剤券: 薬局."""


@dataclass(frozen=True)
class Ticket:
    """One 医療券 or 調剤券 of one month."""

    kind: TicketKind
    number: str
    year: int
    month: int
    own_payment: int
    """本人支払額 in yen."""


@dataclass(frozen=True)
class Assistance:
    """医療扶助 as it is registered."""

    payer_number: str
    """公費負担者番号, eight digits."""
    recipient_number: str
    """受給者番号, seven digits."""
    office: str
    """福祉事務所."""
    starts_on: date
    ends_on: date | None
    is_entrusted: bool
    """Whether this facility is one to which treatment was entrusted (委託)."""
    tickets: tuple[Ticket, ...] = ()

    def is_valid(self, day: date) -> bool:
        """Tell whether the person is on 医療扶助 on ``day``."""
        return self.starts_on <= day and (self.ends_on is None or day <= self.ends_on)


@dataclass(frozen=True)
class Subsidy:
    """医療費助成 that was found by a PMH-ID."""

    name: str
    payer_number: str
    """公費負担者番号, eight digits."""
    recipient_number: str
    """受給者番号, seven digits."""
    limit: int
    """What the person pays in a month at most, in yen."""
    ends_on: date


@dataclass(frozen=True)
class EligibilityResult:
    """資格確認結果 of one moment."""

    checked_at: datetime
    person: Insured
    is_undisclosed: bool
    """不開示該当: postcode and address are not given."""
    address: Address | None
    insurance: Insurance | None
    assistance: Assistance | None = None
    subsidies: tuple[Subsidy, ...] = ()

    def __post_init__(self) -> None:
        if self.is_undisclosed and self.address is not None:
            raise ValueError("an undisclosed result has no address")
