"""テスト用データセットアップ: what a facility prepares for its tests (domain.md §9).

Only in the sandbox. A card is named by its serial number once, when it is typed; kept are the
keyed hashes by which the card itself will be known when it is read.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from zaitaku.audit.model import Act
from zaitaku.audit.store import append
from zaitaku.core.clock import Clock, japan_date
from zaitaku.core.database import Database
from zaitaku.core.errors import InvalidField, StoreUnavailable
from zaitaku.core.ids import FacilityId, new_uuid
from zaitaku.eligibility.bindings import CATEGORY_NAMES, Binding, Category, DataState
from zaitaku.eligibility.errors import CardTaken
from zaitaku.eligibility.kinds import KIND_NAMES, SandboxKind
from zaitaku.eligibility.model import Insured
from zaitaku.eligibility.months import LONGEST_MONTHS, MonthRange
from zaitaku.eligibility.store import EVERYBODY, FacilityBindings, SandboxPeople
from zaitaku.eligibility.synthetic.life import Life
from zaitaku.eligibility.synthetic.people import invented_person

HashesOf = Callable[[int], tuple[tuple[str, ...], ...]]
"""A serial number's keyed hashes: for each trusted root, newest key first."""

MOST_BINDINGS: Final = 50
ATTEMPTS: Final = 3


@dataclass(frozen=True)
class NewBinding:
    """What somebody typed about one card, checked."""

    serial: int
    kind: SandboxKind
    is_insurance_card: bool
    pmh_id: str


@dataclass(frozen=True)
class SandboxSetUp:
    """The test data of all facilities; every method raises ``StoreUnavailable`` with its store."""

    database: Database
    clock: Clock
    hashes_of: HashesOf

    def bindings(self, facility_id: FacilityId) -> tuple[Binding, ...]:
        """Return the cards that a facility has bound, newest first."""
        with self.database.reading() as connection:
            return FacilityBindings(connection, facility_id).all()

    def bind(self, facility_id: FacilityId, new: NewBinding, *, actor: str) -> Binding:
        """Let a card stand for a test person of a kind; its earlier binding is replaced.

        Raises:
            CardTaken: another facility has bound the card.
            InvalidField: field ``serial``, rule ``too-many``: the facility has the most it may.
        """
        for _ in range(ATTEMPTS):
            try:
                with self.database.transaction() as connection:
                    return self._bind(connection, facility_id, new, actor)
            except IntegrityError:
                continue  # the same card at the same moment: the next try sees it
        raise StoreUnavailable("bindings kept colliding")

    def unbind_all(self, facility_id: FacilityId, *, actor: str) -> int:
        """Undo every binding of a facility, and return how many there were."""
        with self.database.transaction() as connection:
            own = FacilityBindings(connection, facility_id)
            own.clear_data(Category.EMERGENCY)
            count = own.remove_all()
            detail = {"件数": f"{count}件"}
            self._note(connection, facility_id, Act.UNBIND_TEST_CARDS, actor, detail)
        return count

    def data(self, facility_id: FacilityId) -> tuple[DataState, ...]:
        """Return how each category of test data stands, with counts over the latest five years."""
        with self.database.reading() as connection:
            own = FacilityBindings(connection, facility_id)
            registered = {each for each in Category if own.registered(each)}
            emergencies = len(own.people_with(Category.EMERGENCY))
            counts = _counts(own.all(), japan_date(self.clock.now()))
        counts[Category.EMERGENCY] = emergencies
        if emergencies:
            registered.add(Category.EMERGENCY)
        return tuple(
            DataState(each, each in registered, counts[each] if each in registered else 0)
            for each in Category
        )

    def register(
        self, facility_id: FacilityId, category: Category, *, serial: int | None, actor: str
    ) -> None:
        """Let a category be there; ``serial`` names the one card of 救急時医療情報.

        Raises:
            InvalidField: field ``serial``: ``missing`` or ``not-bound`` for 救急時医療情報.
        """
        with self.database.transaction() as connection:
            own = FacilityBindings(connection, facility_id)
            person_key = EVERYBODY
            if category is Category.EMERGENCY:
                person_key = self._bound(connection, facility_id, serial).person.person_key
            own.set_data(category, person_key=person_key, is_registered=True, at=self.clock.now())
            detail = {"種類": CATEGORY_NAMES[category]}
            self._note(connection, facility_id, Act.REGISTER_TEST_DATA, actor, detail)

    def delete(self, facility_id: FacilityId, category: Category, *, actor: str) -> None:
        """Let a category be there no more, for nobody of the facility's test people."""
        with self.database.transaction() as connection:
            own, now = FacilityBindings(connection, facility_id), self.clock.now()
            own.clear_data(category)
            own.set_data(category, person_key=EVERYBODY, is_registered=False, at=now)
            detail = {"種類": CATEGORY_NAMES[category]}
            self._note(connection, facility_id, Act.DELETE_TEST_DATA, actor, detail)

    def _bind(
        self, connection: Connection, facility_id: FacilityId, new: NewBinding, actor: str
    ) -> Binding:
        own, hashes = FacilityBindings(connection, facility_id), self.hashes_of(new.serial)
        known = _all_of(hashes)
        earlier = SandboxPeople(connection).bound(known)
        if earlier and earlier.facility_id != facility_id:
            raise CardTaken
        if earlier:
            own.remove(earlier.id)
        elif len(own.all()) >= MOST_BINDINGS:
            raise InvalidField("serial", "too-many")
        person = SandboxPeople(connection).of_operator(known) or invented_person(hashes[0][0])
        binding = self._binding(facility_id, new, person)
        own.add(binding, tuple(newest for newest, *_ in hashes))
        detail = {"種類": KIND_NAMES[new.kind]}
        self._note(connection, facility_id, Act.BIND_TEST_CARD, actor, detail)
        return binding

    def _binding(self, facility_id: FacilityId, new: NewBinding, person: Insured) -> Binding:
        return Binding(
            id=new_uuid(),
            facility_id=facility_id,
            kind=new.kind,
            is_insurance_card=new.is_insurance_card,
            pmh_id=new.pmh_id,
            has_timed_out=False,
            bound_at=self.clock.now(),
            person=person,
        )

    def _bound(
        self, connection: Connection, facility_id: FacilityId, serial: int | None
    ) -> Binding:
        if serial is None:
            raise InvalidField("serial", "missing")
        found = SandboxPeople(connection).bound(_all_of(self.hashes_of(serial)))
        if found is None or found.facility_id != facility_id:
            raise InvalidField("serial", "not-bound")
        return found

    def _note(
        self,
        connection: Connection,
        facility_id: FacilityId,
        act: Act,
        actor: str,
        detail: Mapping[str, str],
    ) -> None:
        append(connection, facility_id, act, actor=actor, at=self.clock.now(), detail=detail)


def _all_of(hashes: tuple[tuple[str, ...], ...]) -> tuple[str, ...]:
    return tuple(name for of_root in hashes for name in of_root)


def _counts(bindings: Iterable[Binding], today: date) -> Counter[Category]:
    months = MonthRange.latest(LONGEST_MONTHS, today=today)
    people = {each.person.person_key: each.person for each in bindings if each.has_information}
    counts = Counter[Category]()
    for person in people.values():
        counts.update(_entries(Life(person, today), months))
    return counts


def _entries(life: Life, months: MonthRange) -> dict[Category, int]:
    from_charts = (
        life.conditions(),
        life.infections(months),
        life.allergies(),
        life.tests(months),
        life.prescriptions(months),
    )
    return {
        Category.SURGERY: len(life.surgeries(months)),
        Category.CLINICAL: len(life.treatments(months)),
        Category.MEDICATION: len(life.dispensings(months)),
        Category.CHECKUP: len(life.checkups(months)),
        Category.CHART: sum(map(len, from_charts)),
    }
