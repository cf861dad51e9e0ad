"""What an eligibility check tells about a person (資格確認, domain.md §11)."""

from dataclasses import dataclass
from datetime import date
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
