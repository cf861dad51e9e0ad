"""An appointment as the facility tells it: no more than is needed to find its consent.

Who consented is known by the eligibility check's name, reading and birth date, so an appointment
is matched by reading and birth date; its own patient number only tells two appointments apart.
"""

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, NewType, Self
from uuid import UUID

from zaitaku.consent.search import search_form
from zaitaku.core.clock import japan_date
from zaitaku.core.errors import InvalidField
from zaitaku.core.texts import has_control_characters
from zaitaku.facilities.model import Channel

AppointmentId = NewType("AppointmentId", UUID)

LONGEST_NUMBER: Final = 20
LONGEST_NAME: Final = 100
LONGEST_KANA: Final = 100
LONGEST_SENDER_ID: Final = 64
FIRST_YEAR: Final = 1900
LAST_YEAR: Final = 2999
_KANA: Final = re.compile(r"[ァ-ヺー・A-Za-z'’.\- ]+")
_SENDER_ID: Final = re.compile(r"[!-~]+")


@dataclass(frozen=True)
class Planned:
    """One appointment to be kept.

    Raises:
        InvalidField: a value breaks its rule.
    """

    at: datetime
    channel: Channel
    patient_number: str
    """The facility's own; may be empty."""
    name: str
    kana: str
    birth_date: date
    sender_key: str
    """Under which the same appointment, told again, is known."""

    def __post_init__(self) -> None:
        if not FIRST_YEAR <= self.at.year <= LAST_YEAR:
            raise InvalidField("at", "out-of-range")
        if self.birth_date.year < FIRST_YEAR or self.birth_date > self.day:
            raise InvalidField("birth_date", "out-of-range")

    @property
    def day(self) -> date:
        """The day in Japan."""
        return japan_date(self.at)

    @property
    def kana_key(self) -> str:
        """The reading as it is compared."""
        return search_form(self.kana)

    @classmethod
    def of(
        cls,
        *,
        at: datetime,
        channel: Channel,
        patient_number: str,
        name: str,
        kana: str,
        birth_date: date,
        sender_id: str = "",
    ) -> Self:
        """Return an appointment from what was typed, in tidy form.

        Without ``sender_id`` it is known by all that it says, so that the same file, sent twice,
        adds nothing.

        Raises:
            InvalidField: a value breaks its rule.
        """
        number = _tidy("patient_number", patient_number, LONGEST_NUMBER)
        tidy_name = _required("name", name, LONGEST_NAME)
        reading = check_kana(kana)
        said = (at.isoformat(), channel, number, search_form(tidy_name), reading, f"{birth_date}")
        key = f"api:{check_sender_id(sender_id)}" if sender_id else f"own:{_digest(said)}"
        return cls(at, channel, number, tidy_name, reading, birth_date, key)


@dataclass(frozen=True)
class Appointment:
    """One appointment that is kept."""

    id: AppointmentId
    at: datetime
    channel: Channel
    patient_number: str
    name: str
    kana: str
    kana_key: str
    birth_date: date


def check_kana(typed: str) -> str:
    """Return a reading in katakana; hiragana and half-width letters are taken as well.

    Raises:
        InvalidField: empty, too long, or with other letters.
    """
    tidy = _required("kana", typed, LONGEST_KANA)
    katakana = "".join(chr(ord(each) + 0x60) if "ぁ" <= each <= "ゖ" else each for each in tidy)
    if not _KANA.fullmatch(katakana):
        raise InvalidField("kana", "characters")
    return katakana


def check_sender_id(typed: str) -> str:
    """Return the name under which another system knows the appointment: visible ASCII.

    Raises:
        InvalidField: empty, too long, or with other characters.
    """
    if len(typed) > LONGEST_SENDER_ID:
        raise InvalidField("id", "too-long")
    if not _SENDER_ID.fullmatch(typed):
        raise InvalidField("id", "characters")
    return typed


def _required(field: str, typed: str, longest: int) -> str:
    tidy = _tidy(field, typed, longest)
    if not tidy:
        raise InvalidField(field, "missing")
    return tidy


def _tidy(field: str, typed: str, longest: int) -> str:
    if has_control_characters(typed):
        raise InvalidField(field, "characters")
    tidy = " ".join(unicodedata.normalize("NFKC", typed).split())
    if len(tidy) > longest:
        raise InvalidField(field, "too-long")
    return tidy


def _digest(said: tuple[str, ...]) -> str:
    return hashlib.sha256("\n".join(said).encode()).hexdigest()
