"""A sandbox, and two facilities that set up their tests in it."""

from dataclasses import dataclass

from tests.consent.world import CODE, EVERYTHING, OTHER_CODE
from zaitaku.core.clock import FixedClock, japan_date
from zaitaku.core.database import Database
from zaitaku.core.ids import FacilityId
from zaitaku.eligibility.bindings import Binding
from zaitaku.eligibility.kinds import SandboxKind
from zaitaku.eligibility.model import EligibilityResult
from zaitaku.eligibility.months import LONGEST_MONTHS, MonthRange
from zaitaku.eligibility.sandbox import SandboxEligibility
from zaitaku.eligibility.sandbox_medical import SandboxMedicalInformation
from zaitaku.eligibility.set_up import NewBinding, SandboxSetUp
from zaitaku.facilities.model import InstitutionCode
from zaitaku.facilities.service import FacilityService

SERIAL = 1234567890


def hash_of(serial: int) -> str:
    """The hash that stands for a card here."""
    return f"{serial:064d}"


@dataclass
class Bench:
    """The sandbox's two providers, and the page's use cases."""

    database: Database
    clock: FixedClock

    def __post_init__(self) -> None:
        self.eligibility = SandboxEligibility(self.database, self.clock)
        self.medical = SandboxMedicalInformation(self.database, self.clock)
        self.set_up = SandboxSetUp(
            self.database, self.clock, lambda serial: ((hash_of(serial),), (f"b{serial:063d}",))
        )
        self.facility, self.other = self._found(CODE), self._found(OTHER_CODE)

    @property
    def months(self) -> MonthRange:
        """The latest five years."""
        return MonthRange.latest(LONGEST_MONTHS, today=japan_date(self.clock.now()))

    def bind(
        self,
        kind: SandboxKind = SandboxKind.INSURED,
        *,
        serial: int = SERIAL,
        is_insurance_card: bool = True,
        pmh_id: str = "",
        facility: FacilityId | None = None,
    ) -> Binding:
        """Bind a card, as the page does."""
        new = NewBinding(serial, kind, is_insurance_card, pmh_id)
        return self.set_up.bind(facility or self.facility, new, actor="test")

    def result(self, kind: SandboxKind, *, pmh_id: str = "") -> EligibilityResult:
        """Bind a card and check its holder."""
        answer = self.eligibility.check(self.bind(kind, pmh_id=pmh_id).person.person_key)
        assert isinstance(answer, EligibilityResult)
        return answer

    def _found(self, code: InstitutionCode) -> FacilityId:
        facilities = FacilityService(database=self.database, clock=self.clock)
        return facilities.add(
            code,
            registered_name="試験診療所",
            phone="03-0000-0000",
            hours="",
            settings=EVERYTHING,
            actor="test",
        ).id
