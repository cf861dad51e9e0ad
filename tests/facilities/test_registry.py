"""What the operator changes: facts, codes and succession, related facilities (domain.md §2)."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from zaitaku.audit.model import Act
from zaitaku.audit.store import AuditTrail
from zaitaku.core.clock import FixedClock
from zaitaku.core.database import Database
from zaitaku.core.errors import Conflict, InvalidField, NotFound
from zaitaku.facilities.errors import FacilityExists
from zaitaku.facilities.model import Enrolment, EnvironmentSettings, Facility, InstitutionCode
from zaitaku.facilities.registry import FacilityRegistry
from zaitaku.facilities.relations import (
    CodeChange,
    CodeChangeKind,
    FacilityFacts,
    RelatedFacility,
    Relation,
    day_or_none,
)
from zaitaku.facilities.service import FacilityService

OLD, NEW = InstitutionCode("1310123456"), InstitutionCode("1319999999")
OTHER = InstitutionCode("1310000002")
TODAY = date(2026, 11, 20)


@pytest.fixture
def registry(database: Database, clock: FixedClock) -> FacilityRegistry:
    return FacilityRegistry(database=database, clock=clock)


@pytest.fixture
def service(database: Database, clock: FixedClock) -> FacilityService:
    return FacilityService(database=database, clock=clock)


@pytest.fixture
def facility(service: FacilityService) -> Facility:
    return _add(service, OLD)


def _add(service: FacilityService, code: InstitutionCode) -> Facility:
    return service.add(
        code,
        registered_name="みどり坂クリニック",
        phone="03-0000-1234",
        hours="",
        settings=EnvironmentSettings(home_visit=True),
        actor="test",
    )


def _change(
    code: InstitutionCode = NEW, kind: CodeChangeKind = CodeChangeKind.CHANGE, on: date = TODAY
) -> CodeChange:
    return CodeChange(kind, code, on, "移転のため")


def _recode(
    registry: FacilityRegistry, facility: Facility, change: CodeChange, **told: FacilityFacts
) -> Facility:
    return registry.change_code(
        facility.id, change, expected_revision=facility.revision, actor="operator:test", **told
    )


def _audited(database: Database, facility: Facility) -> list[tuple[Act, str, dict[str, str]]]:
    """What the operator did, as the audit trail has it; the first entry is the registration."""
    with database.reading() as connection:
        _, *entries = AuditTrail(connection, facility.id).entries()
    assert {entry.actor for entry in entries} <= {"operator:test"}
    return [(entry.act, entry.subject, dict(entry.detail)) for entry in entries]


def test_facts_change_and_are_in_the_audit_trail(
    registry: FacilityRegistry, service: FacilityService, facility: Facility, database: Database
) -> None:
    facts = replace(
        FacilityFacts.of(facility),
        phone="０３ー１１１１−２２２２",
        enrolment=Enrolment(starts_on=date(2026, 12, 1)),
    )
    changed = registry.change_facts(facility.id, facts, expected_revision=1, actor="operator:test")
    assert changed == service.find(OLD)
    assert (changed.phone, changed.revision) == ("03-1111-2222", 2)
    assert not changed.has_begun(date(2026, 11, 30))
    assert changed.has_begun(date(2026, 12, 1))
    assert _audited(database, facility) == [
        (
            Act.CHANGE_FACILITY,
            str(OLD),
            {
                "電話番号": "03-0000-1234 → 03-1111-2222",
                "利用開始日": "（利用中） → 2026年12月1日",
            },
        )
    ]


def test_the_same_facts_write_nothing(
    registry: FacilityRegistry, facility: Facility, database: Database
) -> None:
    facts = FacilityFacts.of(facility)
    assert registry.change_facts(facility.id, facts, expected_revision=1, actor="x") == facility
    with database.reading() as connection:
        assert AuditTrail(connection, facility.id).head().sequence == 1


def test_the_later_of_two_operators_is_refused(
    registry: FacilityRegistry, facility: Facility
) -> None:
    facts = replace(FacilityFacts.of(facility), hours="月〜金")
    registry.change_facts(facility.id, facts, expected_revision=1, actor="a")
    with pytest.raises(Conflict):
        registry.change_facts(facility.id, facts, expected_revision=1, actor="b")
    with pytest.raises(Conflict):
        _recode(registry, facility, _change())


@pytest.mark.parametrize(("field", "value"), [("registered_name", "🏥"), ("phone", "12")])
def test_facts_keep_to_their_rules(facility: Facility, field: str, value: str) -> None:
    with pytest.raises(InvalidField) as caught:
        replace(FacilityFacts.of(facility), **{field: value})  # type: ignore[arg-type]
    assert caught.value.field == field


def test_a_facility_keeps_its_row_under_another_code(
    registry: FacilityRegistry, service: FacilityService, facility: Facility
) -> None:
    changed = _recode(registry, facility, _change())
    assert service.find(NEW) == changed == replace(facility, code=NEW, revision=2)
    with pytest.raises(NotFound):
        service.find(OLD)
    assert registry.formerly(OLD) == changed
    (former,) = registry.former_codes(facility.id)
    assert (former.former, former.change) == (OLD, _change())
    assert registry.related(facility.id) == ()


def test_a_successor_brings_its_name_and_remembers_whom_it_follows(
    registry: FacilityRegistry, service: FacilityService, facility: Facility
) -> None:
    facts = replace(FacilityFacts.of(facility), registered_name="あおば坂クリニック")
    change = _change(kind=CodeChangeKind.SUCCESSION)
    changed = _recode(registry, facility, change, facts=facts)
    assert (changed.code, changed.registered_name) == (NEW, "あおば坂クリニック")
    assert changed == service.find(NEW)
    assert changed.settings == facility.settings
    (before,) = registry.related(facility.id)
    assert (before.code, before.name) == (OLD, "みどり坂クリニック")
    assert before.closed_on == TODAY - timedelta(days=1)


def test_a_change_of_code_is_in_the_audit_trail(
    registry: FacilityRegistry, facility: Facility, database: Database
) -> None:
    facts = replace(FacilityFacts.of(facility), registered_name="あおば坂クリニック")
    there = _recode(registry, facility, _change())
    assert there.settings_version == 1
    back = _recode(registry, there, _change(OLD, CodeChangeKind.SUCCESSION), facts=facts)
    assert back.settings_version == 2
    assert _audited(database, facility) == [
        (
            Act.CHANGE_CODE,
            str(NEW),
            {
                "医療機関等コード": f"{OLD} → {NEW}",
                "種類": "コード変更",
                "理由": "移転のため",
            },
        ),
        (
            Act.CHANGE_CODE,
            str(OLD),
            {
                "医療機関等コード": f"{NEW} → {OLD}",
                "種類": "承継",
                "理由": "移転のため",
                "施設名": "みどり坂クリニック → あおば坂クリニック",
            },
        ),
        (Act.CHANGE_SETTINGS, "第2版", {"ログイン": "承継のため、全員ログアウト"}),
    ]


@pytest.mark.parametrize("kind", CodeChangeKind)
def test_the_code_of_a_relative_leaves_no_facility_related_to_itself(
    registry: FacilityRegistry, facility: Facility, database: Database, kind: CodeChangeKind
) -> None:
    twin = RelatedFacility(NEW, "みどり坂医院", Relation.DOUBLE_STATUS, None, None)
    registry.relate(facility.id, twin, actor="operator:test")
    _recode(registry, facility, _change(kind=kind))
    assert NEW not in [each.code for each in registry.related(facility.id)]
    _, (_, _, detail), *_ = _audited(database, facility)
    assert detail["関連医療機関情報"] == f"{NEW} を外す"


ALL_SETTLED = Enrolment(subsidy_pilot=True, chart_sharing_from=TODAY)


@pytest.mark.parametrize(
    ("left", "lost"),
    [
        (replace(ALL_SETTLED, subsidy_pilot=False), {"医療費助成情報"}),
        (replace(ALL_SETTLED, chart_sharing_from=None), {"電子カルテ情報共有サービス"}),
        (
            replace(ALL_SETTLED, chart_sharing_from=TODAY + timedelta(days=1)),
            {"電子カルテ情報共有サービス"},
        ),
        (Enrolment(), {"医療費助成情報", "電子カルテ情報共有サービス"}),
        (replace(ALL_SETTLED, starts_on=TODAY), set()),
    ],
)
def test_settings_end_with_what_they_rest_on(
    registry: FacilityRegistry,
    service: FacilityService,
    database: Database,
    left: Enrolment,
    lost: set[str],
) -> None:
    settings = EnvironmentSettings(subsidy=True, chart_sharing=True, surgery=True)
    facility = service.add(
        OLD,
        registered_name="みどり坂クリニック",
        phone="03-0000-1234",
        hours="",
        settings=settings,
        actor="test",
        enrolment=ALL_SETTLED,
    )
    facts = replace(FacilityFacts.of(facility), enrolment=left)
    assert {each.term for each in registry.lost_settings(facility, facts)} == lost
    changed = registry.change_facts(facility.id, facts, expected_revision=1, actor="operator:test")
    assert changed == service.get(facility.id)
    assert changed.settings_version == (2 if lost else 1)
    assert changed.settings.surgery
    assert changed.settings.subsidy is ("医療費助成情報" not in lost)
    assert changed.settings.chart_sharing is ("電子カルテ情報共有サービス" not in lost)
    (act, *_), *rest = _audited(database, facility)
    assert act is Act.CHANGE_FACILITY
    ended = [(Act.CHANGE_SETTINGS, "第2版", dict.fromkeys(lost, "利用する → 利用しない"))]
    assert rest == (ended if lost else [])


def test_a_facility_may_go_back_to_its_own_code(
    registry: FacilityRegistry, facility: Facility
) -> None:
    there = _recode(registry, facility, _change())
    back = _recode(registry, there, _change(OLD))
    again = _recode(registry, back, _change())
    assert [each.change.code for each in registry.former_codes(facility.id)] == [NEW, OLD, NEW]
    assert again.code == NEW


def test_a_code_names_one_facility_for_ever(any_database: Database, clock: FixedClock) -> None:
    registry = FacilityRegistry(database=any_database, clock=clock)
    service = FacilityService(database=any_database, clock=clock)
    facility, other = _add(service, OLD), _add(service, OTHER)
    with pytest.raises(FacilityExists):
        _recode(registry, other, _change(OLD))
    changed = _recode(registry, facility, _change(kind=CodeChangeKind.SUCCESSION))
    with pytest.raises(FacilityExists):
        _recode(registry, other, _change(OLD))
    with pytest.raises(FacilityExists):
        _add(service, OLD)
    assert {each.code for each in service.all()} == {NEW, OTHER}
    assert registry.formerly(OLD) == changed
    assert [each.code for each in registry.related(facility.id)] == [OLD]


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (_change(OLD), "same-code"),
        (_change(InstitutionCode("1349999999")), "other-kind"),
        (_change(on=TODAY + timedelta(days=1)), "future"),
    ],
)
def test_codes_that_cannot_be_taken(
    registry: FacilityRegistry, facility: Facility, change: CodeChange, rule: str
) -> None:
    with pytest.raises(InvalidField) as caught:
        _recode(registry, facility, change)
    assert caught.value.rule == rule
    assert registry.former_codes(facility.id) == ()


@pytest.mark.parametrize("reason", ["", "　", "あ" * 201, "a\x00b"])
def test_a_change_of_code_needs_a_reason(reason: str) -> None:
    with pytest.raises(InvalidField):
        CodeChange(CodeChangeKind.CHANGE, NEW, TODAY, reason)


FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2999, 12, 31)


@pytest.mark.parametrize("day", [date.min, FIRST_DAY - timedelta(days=1), FIRST_DAY, date.max])
def test_days_that_no_calendar_here_has(day: date) -> None:
    with pytest.raises(InvalidField, match="effective_on: not-a-date"):
        _change(on=day)
    if day != FIRST_DAY:
        for days in ((day, None), (None, day)):
            with pytest.raises(InvalidField, match="not-a-date"):
                RelatedFacility(NEW, "先", Relation.SUCCESSION, *days)


def test_the_first_and_the_last_day_that_there_are() -> None:
    assert _change(on=FIRST_DAY + timedelta(days=1)).former_closed_on == FIRST_DAY
    assert _change(on=LAST_DAY).effective_on == LAST_DAY
    assert RelatedFacility(NEW, "先", Relation.SUCCESSION, FIRST_DAY, LAST_DAY).opened_on


def test_related_facilities_are_added_written_anew_and_removed(
    registry: FacilityRegistry, facility: Facility, database: Database
) -> None:
    dental = RelatedFacility(
        InstitutionCode("1330000001"), "みどり坂歯科", Relation.DOUBLE_STATUS, None, None
    )
    closed = replace(dental, opened_on=date(2020, 4, 1), closed_on=TODAY)
    registry.relate(facility.id, dental, actor="operator:test")
    registry.relate(facility.id, closed, actor="operator:test")
    assert registry.related(facility.id) == (closed,)
    registry.unrelate(facility.id, dental.code, actor="operator:test")
    assert registry.related(facility.id) == ()
    with pytest.raises(NotFound):
        registry.unrelate(facility.id, dental.code, actor="operator:test")
    added = (Act.RELATE_FACILITY, "1330000001", {"名称": "みどり坂歯科", "関係": "医科・歯科併設"})
    removed = (Act.RELATE_FACILITY, "1330000001", {"関係": "削除"})
    assert _audited(database, facility) == [added, added, removed]


def test_a_relative_is_another_facility_and_lived_forwards(
    registry: FacilityRegistry, facility: Facility
) -> None:
    with pytest.raises(InvalidField):
        registry.relate(
            facility.id, RelatedFacility(OLD, "自分", Relation.SUCCESSION, None, None), actor="a"
        )
    with pytest.raises(InvalidField):
        RelatedFacility(NEW, "先", Relation.SUCCESSION, TODAY, TODAY - timedelta(days=1))


@pytest.mark.parametrize(
    ("typed", "day"),
    [("2027/4/1", date(2027, 4, 1)), (" ２０２７年４月１日 ", date(2027, 4, 1)), ("　", None)],
)
def test_a_typed_day_is_read_or_none(typed: str, day: date | None) -> None:
    assert day_or_none("starts_on", typed) == day


@pytest.mark.parametrize("typed", ["2027-02-30", "0001-01-01", "9999-12-31", "あす", "2027/4-1"])
def test_a_day_that_nobody_can_mean_is_refused(typed: str) -> None:
    with pytest.raises(InvalidField, match="starts_on: not-a-date"):
        day_or_none("starts_on", typed)
