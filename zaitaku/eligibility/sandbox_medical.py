"""Medical information of the sandbox's people: invented, never of real patients."""

from zaitaku.core.clock import Clock, japan_date
from zaitaku.core.database import Database
from zaitaku.eligibility.bindings import Category
from zaitaku.eligibility.kinds import SandboxKind
from zaitaku.eligibility.medical import (
    Checkup,
    ClinicalInformation,
    MedicalInformationWithheld,
    MedicationInformation,
    SurgeryInformation,
)
from zaitaku.eligibility.months import MonthRange
from zaitaku.eligibility.store import FacilityBindings, SandboxPeople, SandboxPerson
from zaitaku.eligibility.synthetic.life import Life


class SandboxMedicalInformation:
    """A ``MedicalInformationProvider`` of the invented lives of the sandbox's people.

    Every method raises ``StoreUnavailable`` when the database is away or locked.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def surgeries(
        self, person_key: str, months: MonthRange, *, with_shared: bool
    ) -> SurgeryInformation:
        """Return 手術情報; ``with_shared``: also 傷病名 and 感染症.

        Raises:
            MedicalInformationWithheld: nothing of this person may be shown.
        """
        life, shared = self._life(person_key, Category.SURGERY), SurgeryInformation()
        chart = self._life(person_key, Category.CHART) if with_shared else None
        if chart:
            shared = SurgeryInformation((), chart.conditions(), chart.infections(months))
        surgeries = life.surgeries(months) if life else ()
        return SurgeryInformation(surgeries, shared.conditions, shared.infections)

    def clinical(
        self, person_key: str, months: MonthRange, *, with_shared: bool
    ) -> ClinicalInformation:
        """Return 診療情報; ``with_shared``: also allergies and tests.

        Raises:
            MedicalInformationWithheld: nothing of this person may be shown.
        """
        life, shared = self._life(person_key, Category.CLINICAL), ClinicalInformation()
        chart = self._life(person_key, Category.CHART) if with_shared else None
        if chart:
            shared = ClinicalInformation((), chart.allergies(), chart.tests(months))
        treatments = life.treatments(months) if life else ()
        return ClinicalInformation(treatments, shared.allergies, shared.tests)

    def medications(
        self, person_key: str, months: MonthRange, *, with_shared: bool
    ) -> MedicationInformation:
        """Return 薬剤情報; ``with_shared``: also 処方情報.

        Raises:
            MedicalInformationWithheld: nothing of this person may be shown.
        """
        life = self._life(person_key, Category.MEDICATION)
        chart = self._life(person_key, Category.CHART) if with_shared else None
        return MedicationInformation(
            life.dispensings(months) if life else (),
            chart.prescriptions(months) if chart else (),
        )

    def checkups(self, person_key: str, months: MonthRange) -> tuple[Checkup, ...]:
        """Return 特定健診情報.

        Raises:
            MedicalInformationWithheld: nothing of this person may be shown.
        """
        life = self._life(person_key, Category.CHECKUP)
        return life.checkups(months) if life else ()

    def _life(self, person_key: str, category: Category) -> Life | None:
        """Return the person's life if test data of the category are registered for them."""
        with self._database.reading() as connection:
            person = SandboxPeople(connection).of_key(person_key)
            if person is None or not person.is_known:
                return None
            bound = person.binding
            own = FacilityBindings(connection, bound.facility_id) if bound else None
            is_registered = own is None or own.registered(category)
        _refuse_withheld(person)
        has_none = person.kind is SandboxKind.WITHOUT_INFORMATION or not is_registered
        return None if has_none else Life(person.insured, japan_date(self._clock.now()))


def _refuse_withheld(person: SandboxPerson) -> None:
    if person.kind.is_withheld:
        raise MedicalInformationWithheld
