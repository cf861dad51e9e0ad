"""How the console writes an eligibility result (terms of domain.md §4, §9)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Final

from zaitaku.blueprints.console.presenting import japan_day
from zaitaku.core.clock import japan_date
from zaitaku.eligibility.model import (
    Assistance,
    EligibilityResult,
    HighCostLimit,
    Insurance,
    Relation,
    Sex,
    SpecificDisease,
    Subsidy,
    Ticket,
    TicketKind,
)
from zaitaku.facilities.model import EnvironmentSettings

SEX_NAMES: Final = MappingProxyType({Sex.MALE: "男", Sex.FEMALE: "女", Sex.UNKNOWN: "不明"})
RELATION_NAMES: Final = MappingProxyType({Relation.SELF: "本人", Relation.FAMILY: "家族"})
TICKET_NAMES: Final = MappingProxyType(
    {TicketKind.MEDICAL: "医療券（医科・歯科）", TicketKind.DISPENSING: "調剤券（薬局）"}
)

Row = Mapping[str, str]


@dataclass(frozen=True)
class Section:
    """One part of the result; ``is_valid`` is ``None`` where validity is no question of it."""

    title: str
    rows: tuple[Row, ...]
    is_valid: bool | None = None

    @property
    def standing(self) -> str:
        """Whether it holds, in a word."""
        return "資格有効" if self.is_valid else "資格無効"


def sections_of(result: EligibilityResult, settings: EnvironmentSettings) -> tuple[Section, ...]:
    """Return what the facility is shown; 医療扶助 and 医療費助成 only where it uses them (§4)."""
    today = japan_date(result.checked_at)
    found = [_person(result)]
    if result.insurance:
        found += _insurance(result.insurance, today)
    if result.assistance and settings.medical_assistance:
        found.append(_assistance(result.assistance, today))
    if settings.subsidy:
        found += [_subsidy(each) for each in result.subsidies]
    return tuple(found)


def _row(key: str, value: str) -> Row:
    return {"key": key, "value": value}


def _person(result: EligibilityResult) -> Section:
    person = result.person
    rows = (
        _row("氏名", person.name),
        _row("氏名（カナ）", person.kana),
        _row("生年月日", japan_day(person.birth_date)),
        _row("性別", SEX_NAMES[person.sex]),
        *_address(result),
    )
    return Section("患者さん", rows)


def _address(result: EligibilityResult) -> Iterator[Row]:
    if result.is_undisclosed:
        yield _row("郵便番号・住所", "表示できません（不開示該当）")
    elif result.address:
        yield _row("郵便番号", result.address.postcode)
        yield _row("住所", result.address.lines)


def _insurance(insurance: Insurance, today: date) -> list[Section]:
    rows = (
        _row("保険者番号", insurance.insurer_number),
        _row("保険者名", insurance.insurer),
        *([_row("記号", insurance.symbol)] if insurance.symbol else []),
        _row("番号", insurance.number),
        *([_row("枝番", insurance.branch)] if insurance.branch else []),
        _row("本人・家族の別", RELATION_NAMES[insurance.relation]),
        _row("一部負担金割合", f"{insurance.copay_percent // 10}割"),
        _row("資格の期間", _period(insurance.starts_on, insurance.ends_on)),
    )
    found = [Section("医療保険", rows, insurance.is_valid(today))]
    if insurance.high_cost_limit:
        found.append(_high_cost_limit(insurance.high_cost_limit))
    if insurance.specific_disease:
        found.append(_specific_disease(insurance.specific_disease))
    return found


def _high_cost_limit(limit: HighCostLimit) -> Section:
    rows = (
        _row("適用区分", limit.category),
        _row("有効期間", _period(limit.starts_on, limit.ends_on)),
    )
    return Section("限度額適用認定証", rows)


def _specific_disease(disease: SpecificDisease) -> Section:
    rows = (
        _row("認定疾病名", disease.name),
        _row("自己負担限度額", _yen(disease.limit)),
        _row("有効期間", _period(disease.starts_on, disease.ends_on)),
    )
    return Section("特定疾病療養受療証", rows)


def _assistance(assistance: Assistance, today: date) -> Section:
    rows = (
        _row("公費負担者番号", assistance.payer_number),
        _row("受給者番号", assistance.recipient_number),
        _row("福祉事務所", assistance.office),
        _row("資格の期間", _period(assistance.starts_on, assistance.ends_on)),
        _row("委託", "この医療機関等に委託されています" if assistance.is_entrusted else "未委託"),
        *(_ticket(each) for each in assistance.tickets),
        *([] if assistance.tickets else [_row("医療券・調剤券", "ありません")]),
    )
    return Section("医療扶助", rows, assistance.is_valid(today))


def _ticket(ticket: Ticket) -> Row:
    own = _yen(ticket.own_payment)
    value = f"{ticket.year}年{ticket.month}月分、交付番号 {ticket.number}、本人支払額 {own}"
    return _row(TICKET_NAMES[ticket.kind], value)


def _subsidy(subsidy: Subsidy) -> Section:
    rows = (
        _row("制度", subsidy.name),
        _row("公費負担者番号", subsidy.payer_number),
        _row("受給者番号", subsidy.recipient_number),
        _row("自己負担上限額（月）", _yen(subsidy.limit)),
        _row("有効期限", f"{japan_day(subsidy.ends_on)}まで"),
    )
    return Section("医療費助成", rows)


def _period(starts_on: date, ends_on: date | None) -> str:
    return f"{japan_day(starts_on)}から" + (f"{japan_day(ends_on)}まで" if ends_on else "")


def _yen(amount: int) -> str:
    return f"{amount:,}円"
