"""Medical information of the sandbox's people: invented, never of real patients."""

from collections.abc import Callable
from datetime import date

from zaitaku.core.clock import Clock, japan_date
from zaitaku.core.database import Database
from zaitaku.eligibility.medical import (
    Checkup,
    ClinicalInformation,
    MedicalInformationWithheld,
    MedicationInformation,
    SurgeryInformation,
)
from zaitaku.eligibility.model import Insured, Withheld
from zaitaku.eligibility.months import MonthRange
from zaitaku.eligibility.sandbox_data import Category
from zaitaku.eligibility.sandbox_people import SandboxPeople, SandboxPerson
from zaitaku.eligibility.synthetic.life import Life


class SandboxMedicalInformation:
    """A ``MedicalInformationProvider`` of the invented lives of the sandbox's people."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
