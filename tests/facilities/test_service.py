"""Facilities: registering, finding, and settings that only ever grow by versions."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import Connection

from zaitaku.core.clock import FixedClock
from zaitaku.core.database import Database
from zaitaku.core.errors import Conflict, InvalidField, NotFound
from zaitaku.core.ids import FacilityId, new_uuid
from zaitaku.facilities.errors import FacilityExists, UnprintableCharacters
from zaitaku.facilities.model import EnvironmentSettings, Facility, InstitutionCode
from zaitaku.facilities.service import FacilityService

CODE = InstitutionCode("1310123456")


@pytest.fixture
def service(any_database: Database, clock: FixedClock) -> FacilityService:
    return FacilityService(database=any_database, clock=clock)


def _add(
    service: FacilityService, code: InstitutionCode = CODE, display_name: str = ""
) -> Facility:
    return service.add(
        code,
        registered_name=" みどり在宅クリニック ",
        phone="０３−１２３４−５６７８",
        hours="月〜金 9:00〜17:00",
        settings=EnvironmentSettings(home_visit=True, display_name=display_name),
        actor="operator:test",
    )


def test_a_facility_is_found_as_it_was_registered(
    service: FacilityService, clock: FixedClock
) -> None:
    added = _add(service)
    assert added == service.find(CODE) == service.get(added.id)
    assert (added.registered_name, added.phone) == ("みどり在宅クリニック", "03-1234-5678")
    assert (added.settings_version, added.created_at) == (1, clock.now())


def test_patients_see_the_display_name_where_there_is_one(service: FacilityService) -> None:
    assert _add(service).name == "みどり在宅クリニック"
    other = _add(service, InstitutionCode("1310123457"), display_name="みどりの森")
    assert service.find(other.code).name == "みどりの森"


def test_a_code_is_registered_once(service: FacilityService) -> None:
    first = _add(service)
    with pytest.raises(FacilityExists):
        _add(service)
    assert service.all() == [first]


def test_all_are_listed_by_code(service: FacilityService) -> None:
    codes = [InstitutionCode(digits) for digits in ("2710000003", "0110000001", "1310000002")]
    for code in codes:
        _add(service, code)
    assert [each.code for each in service.all()] == sorted(codes)


def test_an_unknown_facility_is_not_found(service: FacilityService) -> None:
    with pytest.raises(NotFound):
        service.find(CODE)
    with pytest.raises(NotFound):
        service.get(FacilityId(new_uuid()))
    with pytest.raises(NotFound):
        service.change_settings(
            FacilityId(new_uuid()), EnvironmentSettings(), expected_version=1, actor="x"
        )


def test_what_cannot_be_printed_is_not_registered(service: FacilityService) -> None:
    with pytest.raises(UnprintableCharacters) as caught:
        _add(service, display_name="🌲")
    assert caught.value.field == "display_name"
    assert service.all() == []


def test_a_failing_founder_leaves_no_facility(service: FacilityService) -> None:
    def fail(_connection: Connection, _facility_id: FacilityId, _actor: str) -> None:
        raise InvalidField("actor", "test")

    with pytest.raises(InvalidField):
        service.add(
            CODE,
            registered_name="みどり",
            phone="0312345678",
            hours="",
            settings=EnvironmentSettings(),
            actor="operator:test",
            founding=fail,
        )
    assert service.all() == []


def test_settings_change_by_versions_that_stay(service: FacilityService, clock: FixedClock) -> None:
    added = _add(service)
    clock.advance(timedelta(days=1))
    wanted = EnvironmentSettings(surgery=True, display_name="みどり")
    changed = service.change_settings(added.id, wanted, expected_version=1, actor="admin01")
    assert changed == service.find(CODE)
    assert (changed.settings, changed.settings_version) == (wanted, 2)
    history = service.settings_history(added.id)
    assert [(each.version, each.settings, each.actor) for each in history] == [
        (1, added.settings, "operator:test"),
        (2, wanted, "admin01"),
    ]
    assert history[1].at - history[0].at == timedelta(days=1)


def test_a_change_of_what_is_no_longer_current_is_refused(service: FacilityService) -> None:
    added = _add(service)
    wanted = EnvironmentSettings(surgery=True)
    service.change_settings(added.id, wanted, expected_version=1, actor="a")
    for stale in (0, 1, 3):
        with pytest.raises(Conflict):
            service.change_settings(added.id, wanted, expected_version=stale, actor="b")
    assert service.find(CODE).settings_version == 2


def test_of_two_administrators_one_is_told_to_look_again(service: FacilityService) -> None:
    added = _add(service)
    start = Barrier(4)

    def change(name: str) -> bool:
        start.wait()
        wanted = EnvironmentSettings(display_name=name)
        try:
            service.change_settings(added.id, wanted, expected_version=1, actor=name)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        won = list(pool.map(change, "あいうえ"))
    assert sum(won) == 1
    assert [each.version for each in service.settings_history(added.id)] == [1, 2]
    assert service.find(CODE).name == "あいうえ"[won.index(True)]
