"""Eligibility of synthetic people, for trying the product; never for real patients."""

from zaitaku.core.clock import Clock, SystemClock
from zaitaku.core.database import Database
from zaitaku.eligibility.errors import EligibilityTimedOut, PersonUnknown
from zaitaku.eligibility.kinds import SandboxKind
from zaitaku.eligibility.model import EligibilityResult, Identified, Insured, Withheld
from zaitaku.eligibility.store import SandboxPeople, SandboxPerson, person_of
from zaitaku.eligibility.synthetic.insurance import invented_result


class SandboxEligibility:
    """An ``EligibilityProvider`` that knows the cards that were bound to it.

    Every method raises ``StoreUnavailable`` when the database is away or locked.
    """

    def __init__(self, database: Database, clock: Clock | None = None) -> None:
        self._database = database
        self._clock = clock or SystemClock()

    def bind(self, subject_hash: str, insured: Insured) -> None:
        """Let a card stand for ``insured``; a card that is bound already is bound anew."""
        with self._database.transaction() as connection:
            SandboxPeople(connection).put(subject_hash, insured)

    def find(self, subject_hashes: tuple[str, ...]) -> Identified | None:
        """Return the person to whom a card with one of the hashes is bound.

        Raises:
            EligibilityTimedOut: bound to 初回登録タイムアウト, and this is the first time.
        """
        person = person_of(self._database, subject_hashes)
        if person is None or not person.is_known:
            return None
        self._time_out_once(person)
        return _identified(person)

    def check(self, person_key: str) -> EligibilityResult | Withheld:
        """Return what holds for a person now, by the kind that their card was bound to last.

        Raises:
            PersonUnknown: nobody has this key, or the card is not registered as insurance card.
        """
        with self._database.reading() as connection:
            person = SandboxPeople(connection).of_key(person_key)
        if person is None or not person.is_known:
            raise PersonUnknown
        if person.kind.is_withheld:
            return Withheld(person.insured.person_key)
        return invented_result(person, self._clock.now())

    def _time_out_once(self, person: SandboxPerson) -> None:
        bound = person.binding
        if bound is None or bound.kind is not SandboxKind.FIRST_TIMES_OUT or bound.has_timed_out:
            return
        with self._database.transaction() as connection:
            is_first = SandboxPeople(connection).take_first_time(bound)
        if is_first:
            raise EligibilityTimedOut


def _identified(person: SandboxPerson) -> Identified:
    if person.kind.is_withheld:
        return Withheld(person.insured.person_key)
    return person.insured
