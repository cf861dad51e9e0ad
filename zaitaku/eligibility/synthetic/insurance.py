"""What an eligibility check tells of an invented person: insurer, 医療扶助, certificates."""

from datetime import date, datetime, timedelta
from typing import Final

from zaitaku.core.clock import japan_date
from zaitaku.eligibility.kinds import SandboxKind
from zaitaku.eligibility.model import (
    Address,
    Assistance,
    EligibilityResult,
    HighCostLimit,
    Insurance,
    Insured,
    Relation,
    SpecificDisease,
    Subsidy,
    Ticket,
    TicketKind,
)
from zaitaku.eligibility.store import SandboxPerson
from zaitaku.eligibility.synthetic.dice import Dice

LATER_ELDERLY: Final = 75
"""From this age on one is insured with 後期高齢者医療."""
ELDERLY: Final = 70
SCHOOL_AGE: Final = 6
ADULT: Final = 20
AUGUST: Final = 8
_DISEASE_PERCENT: Final = 15
_DISEASE_LIMIT: Final = 10_000
_SUBSIDY_LIMIT: Final = 5_000
_TICKETS: Final = {
    SandboxKind.ASSISTED_MEDICAL: (TicketKind.MEDICAL,),
    SandboxKind.ASSISTED_DISPENSING: (TicketKind.DISPENSING,),
    SandboxKind.INSURED_AND_ASSISTED: (TicketKind.MEDICAL, TicketKind.DISPENSING),
    SandboxKind.ASSISTED_UNDISCLOSED: (TicketKind.MEDICAL,),
}


def invented_result(person: SandboxPerson, now: datetime) -> EligibilityResult:
    """Return what the check tells at ``now``; only for kinds that are not withheld."""
    today, insured, kind = japan_date(now), person.insured, person.kind
    pmh_id = person.binding.pmh_id if person.binding else ""
    return EligibilityResult(
        checked_at=now,
        person=insured,
        is_undisclosed=kind.is_undisclosed,
        address=None if kind.is_undisclosed else _address(insured),
        insurance=_insurance(insured, kind, today) if kind.has_insurance else None,
        assistance=_assistance(insured, kind, today) if kind.is_assisted else None,
        subsidies=(_subsidy(pmh_id, today),) if pmh_id else (),
    )


def age_on(birth_date: date, day: date) -> int:
    """Return how old somebody is on ``day``."""
    has_come = (birth_date.month, birth_date.day) <= (day.month, day.day)
    return day.year - birth_date.year - (not has_come)


def _dice(insured: Insured, topic: str) -> Dice:
    return Dice(insured.person_key, insured.birth_date, topic)


def _digits(dice: Dice, count: int) -> str:
    return "".join(str(dice.below(10)) for _ in range(count))


def _address(insured: Insured) -> Address:
    dice = _dice(insured, "address")
    lines = (
        f"架空県見本市例町{dice.between(1, 9)}丁目{dice.between(1, 30)}番{dice.between(1, 20)}号"
    )
    return Address(f"000-{_digits(dice, 4)}", lines)


def _insurance(insured: Insured, kind: SandboxKind, today: date) -> Insurance:
    age, dice = age_on(insured.birth_date, today), _dice(insured, "insurance")
    is_later = age >= LATER_ELDERLY
    return Insurance(
        insurer_number=("39" if is_later else "06") + _digits(dice, 6),
        insurer="架空県後期高齢者医療広域連合" if is_later else "架空健康保険組合",
        symbol="" if is_later else str(dice.between(100, 999)),
        number=_digits(dice, 8 if is_later else 6),
        branch="" if is_later else "01" if age < ADULT else "00",
        relation=Relation.FAMILY if age < ADULT else Relation.SELF,
        copay_percent=_copay(age),
        starts_on=_began(dice, today),
        ends_on=_ended(today) if kind is SandboxKind.NOT_INSURED else None,
        high_cost_limit=_high_cost_limit(age, today),
        specific_disease=_specific_disease(insured, today),
    )


def _copay(age: int) -> int:
    if age >= LATER_ELDERLY:
        return 10
    return 20 if age < SCHOOL_AGE or age >= ELDERLY else 30


def _began(dice: Dice, today: date) -> date:
    return date(today.year - dice.between(2, 9), 4, 1)


def _ended(today: date) -> date:
    """Return the last day of the month before: nobody is insured by then."""
    return today.replace(day=1) - timedelta(days=1)


def _high_cost_limit(age: int, today: date) -> HighCostLimit:
    # The year of a certificate runs from August to July.
    first_year = today.year if today.month >= AUGUST else today.year - 1
    category = "一般" if age >= ELDERLY else "ウ"
    return HighCostLimit(category, date(first_year, 8, 1), date(first_year + 1, 7, 31))


def _specific_disease(insured: Insured, today: date) -> SpecificDisease | None:
    dice = _dice(insured, "disease")
    if not dice.happens(_DISEASE_PERCENT):
        return None
    began = date(today.year - dice.between(1, 4), 10, 1)
    name = "人工腎臓を実施している慢性腎不全"
    return SpecificDisease(name, _DISEASE_LIMIT, began, None)


def _assistance(insured: Insured, kind: SandboxKind, today: date) -> Assistance:
    dice = _dice(insured, "assistance")
    return Assistance(
        payer_number="12" + _digits(dice, 6),
        recipient_number=_digits(dice, 7),
        office="架空県見本市福祉事務所",
        starts_on=_began(dice, today),
        ends_on=_ended(today) if kind is SandboxKind.NOT_ASSISTED else None,
        is_entrusted=kind is not SandboxKind.ASSISTED_NOT_ENTRUSTED,
        tickets=tuple(
            Ticket(each, _digits(dice, 10), today.year, today.month, own_payment=0)
            for each in _TICKETS.get(kind, ())
        ),
    )


def _subsidy(pmh_id: str, today: date) -> Subsidy:
    dice = Dice("subsidy", pmh_id)
    return Subsidy(
        name="特定医療費（指定難病）",
        payer_number="54" + _digits(dice, 6),
        recipient_number=_digits(dice, 7),
        limit=_SUBSIDY_LIMIT,
        ends_on=date(today.year + 1, 9, 30),
    )
