"""Medical information behind the eligibility check, and the port through which it is asked.

Asking is not allowing: whether consent stands is decided, and the view recorded, before anything
here is called (domain.md §6, §8). The bracketed parts of domain.md §4 are asked for by
``with_shared``, so that what the patient was not asked about never leaves the provider.
"""

from dataclasses import dataclass
from datetime import date
from http import HTTPStatus
from typing import Protocol

from zaitaku.core.errors import ZaitakuError
from zaitaku.eligibility.months import Month, MonthRange


class MedicalInformationFailed(ZaitakuError):
    """The provider was not reached, was too slow, or answered what cannot be read."""

    code = "medical-information-failed"
    status = HTTPStatus.SERVICE_UNAVAILABLE


class MedicalInformationWithheld(ZaitakuError):
    """自己情報提供不可: nothing of this person may be shown, for example under DV protection."""

    code = "medical-information-withheld"
    status = HTTPStatus.FORBIDDEN


@dataclass(frozen=True)
class Surgery:
    """One operation (手術情報)."""

    day: date
    facility: str
    department: str
    name: str
    code: str
    """K-code of the fee schedule (診療報酬点数表 第10部)."""
    is_inpatient: bool


@dataclass(frozen=True)
class Condition:
    """One 傷病名, shared from a chart."""

    name: str
    code: str
    """ICD-10."""
    since: date
    facility: str
    is_present: bool
    """False: the chart says that it is over."""


@dataclass(frozen=True)
class Infection:
    """One 感染症 test, shared from a chart."""

    day: date
    name: str
    is_positive: bool
    facility: str


@dataclass(frozen=True)
class SurgeryInformation:
    """手術情報（傷病名・感染症情報）, newest first."""

    surgeries: tuple[Surgery, ...] = ()
    conditions: tuple[Condition, ...] = ()
    infections: tuple[Infection, ...] = ()


@dataclass(frozen=True)
class Treatment:
    """One 診療行為 of one month at one facility."""

    month: Month
    facility: str
    department: str
    name: str
    times: int
    """How often in the month; 1 or more."""
    is_inpatient: bool = False


@dataclass(frozen=True)
class Allergy:
    """One allergy, shared from a chart."""

    noted: date
    substance: str
    reaction: str
    is_drug: bool
    """薬剤アレルギー等; otherwise その他アレルギー等."""
    facility: str


@dataclass(frozen=True)
class Measurement:
    """One value of a test or a checkup."""

    name: str
    value: str
    unit: str
    """Empty where the value is a word (陰性, 所見なし)."""
    normal: str
    """The range that counts as normal, as it is printed; may be empty."""
    is_outside: bool


@dataclass(frozen=True)
class LaboratoryTest:
    """The tests of one day (検査情報), shared from a chart."""

    day: date
    facility: str
    values: tuple[Measurement, ...]


@dataclass(frozen=True)
class ClinicalInformation:
    """診療情報（その他アレルギー等・薬剤アレルギー等・検査情報）, newest first."""

    treatments: tuple[Treatment, ...] = ()
    allergies: tuple[Allergy, ...] = ()
    tests: tuple[LaboratoryTest, ...] = ()


@dataclass(frozen=True)
class Drug:
    """One line of a prescription."""

    name: str
    """Generic name (一般名)."""
    code: str
    """Twelve characters in the form of a YJ code."""
    amount: str
    """With its unit, a day: ``2錠``."""
    usage: str
    days: int


@dataclass(frozen=True)
class Dispensing:
    """What one pharmacy, or one facility by itself, handed out on one day (薬剤情報)."""

    prescribed: date
    dispensed: date
    facility: str
    """Where it was prescribed."""
    pharmacy: str
    """Empty: the facility dispensed it itself."""
    drugs: tuple[Drug, ...]


@dataclass(frozen=True)
class Prescription:
    """One prescription, dispensed or not yet (処方情報)."""

    prescribed: date
    facility: str
    department: str
    drugs: tuple[Drug, ...]
    refills: int
    """How often it may be dispensed again (リフィル処方箋); 0: once only."""
    is_dispensed: bool


@dataclass(frozen=True)
class MedicationInformation:
    """薬剤情報（処方情報）, newest first."""

    dispensings: tuple[Dispensing, ...] = ()
    prescriptions: tuple[Prescription, ...] = ()


@dataclass(frozen=True)
class Checkup:
    """One 特定健診 or 後期高齢者健診."""

    day: date
    facility: str
    name: str
    values: tuple[Measurement, ...]
    judgement: str
    """The doctor's words."""


class MedicalInformationProvider(Protocol):
    """Gives what is known of a person in the months that are asked for, newest first.

    ``person_key`` is the eligibility provider's own lasting name for the person
    (``patient.person_key``). Somebody of whom nothing is known gets empty answers. An adapter that
    asks over a network keeps a time limit of its own. Every method

    Raises:
        MedicalInformationFailed: no answer, or none that can be read; asking again may help.
        MedicalInformationWithheld: nothing of this person may be shown.
    """

    def surgeries(
        self, person_key: str, months: MonthRange, *, with_shared: bool
    ) -> SurgeryInformation:
        """Return 手術情報; ``with_shared``: also 傷病名 and 感染症."""
        ...

    def clinical(
        self, person_key: str, months: MonthRange, *, with_shared: bool
    ) -> ClinicalInformation:
        """Return 診療情報; ``with_shared``: also allergies and tests."""
        ...

    def medications(
        self, person_key: str, months: MonthRange, *, with_shared: bool
    ) -> MedicationInformation:
        """Return 薬剤情報; ``with_shared``: also 処方情報."""
        ...

    def checkups(self, person_key: str, months: MonthRange) -> tuple[Checkup, ...]:
        """Return 特定健診情報."""
        ...


class NoMedicalInformation:
    """The provider of a deployment that has none yet: it says so, and shows nothing."""

    def surgeries(
        self, person_key: str, months: MonthRange, *, with_shared: bool
    ) -> SurgeryInformation:
        """Refuse.

        Raises:
            MedicalInformationFailed: always.
        """
        raise MedicalInformationFailed("no provider")

    def clinical(
        self, person_key: str, months: MonthRange, *, with_shared: bool
    ) -> ClinicalInformation:
        """Refuse.

        Raises:
            MedicalInformationFailed: always.
        """
        raise MedicalInformationFailed("no provider")

    def medications(
        self, person_key: str, months: MonthRange, *, with_shared: bool
    ) -> MedicationInformation:
        """Refuse.

        Raises:
            MedicalInformationFailed: always.
        """
        raise MedicalInformationFailed("no provider")

    def checkups(self, person_key: str, months: MonthRange) -> tuple[Checkup, ...]:
        """Refuse.

        Raises:
            MedicalInformationFailed: always.
        """
        raise MedicalInformationFailed("no provider")
