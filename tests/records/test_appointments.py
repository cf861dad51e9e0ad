"""Who is expected, and who of them has consented: by reading and birth date, never by guessing."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, datetime, timedelta
from io import BytesIO
from threading import Barrier
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from tests.consent.world import HANAKO, TARO, Card, World
from zaitaku.audit.store import audit_entry
from zaitaku.consent.model import ConsentItem, Decision
from zaitaku.consent.tables import consent_item
from zaitaku.core.clock import JST
from zaitaku.core.errors import InvalidField, NotFound
from zaitaku.core.ids import ConsentId, PatientId
from zaitaku.core.tables_in import TableUnreadable
from zaitaku.eligibility.model import Insured, Sex
from zaitaku.eligibility.sandbox import SandboxEligibility
from zaitaku.facilities.model import Channel
from zaitaku.records.appointments import service as service_module
from zaitaku.records.appointments.errors import RowMistake, TooManyAppointments, UnfitRows
from zaitaku.records.appointments.matching import Doubt, Match, Standing, expected_of
from zaitaku.records.appointments.model import Appointment, AppointmentId, Planned, check_kana
from zaitaku.records.appointments.reading import (
    read_channel,
    read_day,
    read_file,
    read_planned,
    read_time,
)
from zaitaku.records.appointments.service import AppointmentService, Day, Kept
from zaitaku.records.appointments.store import appointment

TOMORROW = date(2026, 11, 21)
HANAKOS_CARD = Card.named("hanako")


def _planned(
    person: Insured = TARO,
    *,
    day: date = TOMORROW,
    channel: Channel = Channel.HOME_VISIT,
    number: str = "",
    name: str = "",
    hour: int = 10,
    sender_id: str = "",
) -> Planned:
    return Planned.of(
        at=datetime(day.year, day.month, day.day, hour, tzinfo=JST),
        channel=channel,
        patient_number=number,
        name=name or person.name,
        kana=person.kana,
        birth_date=person.birth_date,
        sender_id=sender_id,
    )


def _service(world: World) -> AppointmentService:
    return AppointmentService(world.database, world.clock, 30)


def _keep(world: World, *planned: Planned, cancelled: Sequence[str] = ()) -> Kept:
    return _service(world).keep(
        world.facility.id, planned, actor="kanri みどり", cancelled=cancelled
    )


def _day(world: World, day: date = TOMORROW) -> Day:
    return _service(world).on(world.facility.id, day)


def _standings(world: World, day: date = TOMORROW) -> list[Standing]:
    return [each.standing for each in _day(world, day).expected]


def test_who_has_consented_is_not_missing(any_world: World) -> None:
    _keep(any_world, _planned(TARO), _planned(HANAKO))
    assert _standings(any_world) == [Standing.MISSING, Standing.MISSING]
    any_world.register()
    found = _day(any_world)
    assert [(each.appointment.name, each.standing) for each in found.expected] == [
        ("在宅 太郎", Standing.CONSENTED),
        ("訪問 花子", Standing.MISSING),
    ]
    assert [each.appointment.name for each in found.still_open] == ["訪問 花子"]
    assert (found.done, len(found.expected[0].consents)) == (1, 1)


def test_a_reading_fits_however_it_is_typed(world: World) -> None:
    world.register()
    _keep(world, replace(_planned(), kana=check_kana("ざいたく　ﾀﾛｳ")))
    assert _standings(world) == [Standing.CONSENTED]


def test_certificates_alone_are_no_consent_to_medical_information(world: World) -> None:
    granted = {ConsentItem.SPECIFIC_DISEASE: Decision.GRANT}
    world.register(decisions=granted, decision=Decision.REFUSE)
    _keep(world, _planned())
    assert _standings(world) == [Standing.CERTIFICATES]
    world.register(decisions={ConsentItem.CHECKUP: Decision.GRANT}, decision=Decision.REFUSE)
    assert _standings(world) == [Standing.CONSENTED]


@pytest.mark.parametrize(
    "typed",
    ["2026-111", "2026-1121", "202611-21", "2026-11/21", "2026年1121", "2026111", "2026.1.1."],
)
def test_a_day_that_can_be_read_in_two_ways_is_refused(typed: str) -> None:
    with pytest.raises(InvalidField):
        read_day("day", typed)


def test_two_who_add_at_once_cannot_pass_the_limit(
    any_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_module, "MOST_A_DAY", 5)
    appointments = _service(any_world)
    told = [[_planned(number=f"{who}{n}") for n in range(4)] for who in "abc"]
    barrier = Barrier(len(told))

    def keep(planned: list[Planned]) -> bool:
        barrier.wait()
        try:
            appointments.keep(any_world.facility.id, planned, actor="test")
        except TooManyAppointments:
            return False
        return True

    with ThreadPoolExecutor(len(told)) as pool:
        assert sorted(pool.map(keep, told)) == [False, False, True]
    assert any_world.count(appointment) == 4


def test_a_day_says_when_it_has_more_than_it_shows(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _keep(world, *(_planned(number=f"{number}") for number in range(3)))
    monkeypatch.setattr(service_module, "MOST_A_DAY", 2)
    day = _day(world)
    assert (len(day.expected), day.has_more) == (2, True)


def test_an_answer_is_not_asked_for_again(world: World) -> None:
    world.register(decision=Decision.REFUSE)
    _keep(world, _planned())
    assert _standings(world) == [Standing.REFUSED]
    with world.database.transaction() as connection:
        taken_back = consent_item.update().where(consent_item.c.item == "checkup")
        connection.execute(taken_back.values(state="withdrawn"))
    assert _standings(world) == [Standing.WITHDRAWN]
    assert _day(world).still_open == ()
    world.register(decisions={ConsentItem.CHECKUP: Decision.GRANT}, decision=Decision.REFUSE)
    assert _standings(world) == [Standing.CONSENTED]


def test_channel_facility_and_birth_date_must_fit(any_world: World) -> None:
    any_world.register(facility=any_world.other)
    any_world.register(Channel.ONLINE, visit_date=TOMORROW)
    _keep(any_world, _planned(), _planned(replace(TARO, birth_date=date(1941, 3, 4)), hour=11))
    assert _standings(any_world) == [Standing.MISSING, Standing.MISSING]


def test_an_online_consent_fits_its_own_visit_day_alone(any_world: World) -> None:
    any_world.register(Channel.ONLINE, visit_date=TOMORROW)
    for day in (TOMORROW - timedelta(days=1), TOMORROW, TOMORROW + timedelta(days=1)):
        _keep(any_world, _planned(day=day, channel=Channel.ONLINE))
    days = (TOMORROW + timedelta(days=shift) for shift in (-1, 0, 1))
    assert [_standings(any_world, day) for day in days] == [
        [Standing.MISSING],
        [Standing.CONSENTED],
        [Standing.MISSING],
    ]


def test_two_people_with_one_reading_and_birth_date_are_never_taken_for_each_other(
    any_world: World,
) -> None:
    twin = Insured("person-3", "在宅　多郎", TARO.kana, TARO.birth_date, Sex.MALE)
    SandboxEligibility(any_world.database).bind(Card.named("twin").subject_hashes[0], twin)
    any_world.register(card=Card.named("twin"))
    _keep(any_world, _planned())
    (line,) = _day(any_world).expected
    assert (line.standing, line.doubt) == (Standing.UNSURE, Doubt.NAME_DIFFERS)
    any_world.register()
    (line,) = _day(any_world).expected
    assert (line.standing, line.doubt) == (Standing.UNSURE, Doubt.SEVERAL_PATIENTS)
    assert len(line.consents) == 2


def test_two_expected_people_who_fit_one_consent_are_both_in_doubt(world: World) -> None:
    world.register()
    _keep(world, _planned(number="1"), _planned(number="2", hour=11))
    assert {each.doubt for each in _day(world).expected} == {Doubt.SEVERAL_APPOINTMENTS}


def test_one_person_may_come_twice_a_day(world: World) -> None:
    world.register()
    _keep(world, _planned(number="1"), _planned(number="1", hour=15))
    assert _standings(world) == [Standing.CONSENTED, Standing.CONSENTED]


people = st.builds(
    Appointment,
    id=st.uuids().map(AppointmentId),
    at=st.just(datetime(2026, 11, 21, 10, tzinfo=JST)),
    channel=st.just(Channel.HOME_VISIT),
    patient_number=st.sampled_from(["", "1", "2"]),
    name=st.sampled_from(["佐藤", "佐東"]),
    kana=st.just("サトウ"),
    kana_key=st.sampled_from(["サトウ", "カトウ"]),
    birth_date=st.sampled_from([date(1941, 3, 3), date(1941, 3, 4)]),
)


@given(st.lists(people, max_size=6, unique_by=lambda each: each.id), st.data())
def test_done_is_only_who_fits_one_person_and_is_the_only_one_to_fit(
    listed: list[Appointment], data: st.DataObject
) -> None:
    matches = [
        Match(
            each.id,
            ConsentId(UUID(int=number)),
            PatientId(UUID(int=number)),
            each.name,
            (ConsentItem.SURGERY,),
            False,
        )
        for each in listed
        for number in data.draw(st.sets(st.integers(1, 3), max_size=2))
    ]
    lines = expected_of(listed, matches)
    assert [line.appointment for line in lines] == listed
    for line in lines:
        same = [
            each
            for each in listed
            if (each.kana_key, each.birth_date)
            == (line.appointment.kana_key, line.appointment.birth_date)
        ]
        numbers = {each.patient_number for each in same} - {""}
        is_alone = len({each.name for each in same}) == 1 and len(numbers) <= 1
        is_done = line.standing is Standing.CONSENTED
        assert is_done == (len(line.consents) == 1 and is_alone)
        assert (line.doubt is not None) == (line.standing is Standing.UNSURE)


def test_what_is_told_twice_is_kept_once(any_world: World) -> None:
    assert _keep(any_world, _planned(), _planned(), _planned(HANAKO)) == Kept(2, 0, 0)
    assert _keep(any_world, _planned()) == Kept(0, 1, 0)
    assert len(_day(any_world).expected) == 2


def test_a_sender_moves_and_cancels_its_own(any_world: World) -> None:
    _keep(any_world, _planned(sender_id="r-1"), _planned(HANAKO, sender_id="r-2"))
    moved = _planned(day=TOMORROW + timedelta(days=1), sender_id="r-1")
    assert _keep(any_world, moved, cancelled=["api:r-2", "api:r-9"]) == Kept(0, 1, 1)
    assert _day(any_world).expected == ()
    assert len(_day(any_world, TOMORROW + timedelta(days=1)).expected) == 1


def test_no_facility_reaches_anothers_appointments(any_world: World) -> None:
    _keep(any_world, _planned(sender_id="r-1"))
    name = _day(any_world).expected[0].appointment.id
    service, other = _service(any_world), any_world.other.id
    assert service.on(other, TOMORROW).expected == ()
    with pytest.raises(NotFound):
        service.get(other, name)
    service.remove(other, name, actor="x")
    assert service.remove_day(other, TOMORROW, actor="x") == 0
    service.keep(other, (_planned(HANAKO, sender_id="r-1"),), actor="x", cancelled=["api:r-1"])
    assert [each.appointment.name for each in _day(any_world).expected] == ["在宅 太郎"]


def test_removing_leaves_the_consent(world: World) -> None:
    world.register()
    _keep(world, _planned(), _planned(HANAKO))
    service = _service(world)
    for each in _day(world).expected[:1]:
        service.remove(world.facility.id, each.appointment.id, actor="kanri みどり")
    assert len(_day(world).expected) == 1
    assert service.remove_day(world.facility.id, TOMORROW, actor="kanri みどり") == 1
    assert _day(world).expected == ()
    assert world.count(consent_item) > 0


def test_every_act_is_recorded_without_a_name(world: World) -> None:
    _keep(world, _planned())
    _service(world).remove_day(world.facility.id, TOMORROW, actor="kanri みどり")
    with world.database.reading() as connection:
        query = select(audit_entry).order_by(audit_entry.c.sequence)
        found = [dict(row) for row in connection.execute(query).mappings()]
    acts = [row for row in found if "appointments" in row["act"]]
    assert [row["act"] for row in acts] == ["keep_appointments", "remove_appointments"]
    assert acts[0]["subject"] == "2026-11-21"
    assert not any("太郎" in str(row) or "ザイタク" in str(row) for row in acts)


def test_old_days_are_forgotten(any_world: World) -> None:
    service = _service(any_world)
    _keep(any_world, _planned())
    service.keep(any_world.other.id, (_planned(),), actor="x")
    any_world.clock.advance(timedelta(days=31))
    assert (service.forget(), any_world.count(appointment)) == (0, 2)
    _keep(any_world, _planned(day=date(2026, 12, 22)))
    any_world.clock.advance(timedelta(days=1))
    assert service.forget() == 2
    assert [row["day"] for row in any_world.rows(appointment)] == [date(2026, 12, 22)]


def test_a_day_has_an_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_module, "MOST_A_DAY", 2)
    _keep(world, _planned(), _planned(HANAKO))
    with pytest.raises(TooManyAppointments):
        _keep(world, _planned(hour=15))
    assert len(_day(world).expected) == 2


@pytest.mark.parametrize(
    "typed", ["2026-11-20", "2026/11/20", "２０２６年１１月２０日", "20261120", " 2026.11.20 "]
)
def test_a_day_is_read_however_it_is_written(typed: str) -> None:
    assert read_day("day", typed) == date(2026, 11, 20)


@pytest.mark.parametrize("typed", ["", "あした", "2026-13-01", "2026112", "0001-01-01", "9999-1-1"])
def test_what_is_no_day_is_named(typed: str) -> None:
    with pytest.raises(InvalidField) as caught:
        read_day("day", typed)
    assert caught.value.field == "day"


@given(st.times())
def test_every_minute_can_be_written(moment: object) -> None:
    text = str(moment)[:5]
    assert str(read_time("time", text))[:5] == text


@pytest.mark.parametrize("typed", ["", "24:00", "9:60", "9", "朝"])
def test_what_is_no_time_is_named(typed: str) -> None:
    with pytest.raises(InvalidField):
        read_time("time", typed)


def test_channels_are_read_by_their_names() -> None:
    assert read_channel("channel", "訪問診療等") is Channel.HOME_VISIT
    assert read_channel("channel", "オンライン診療等・外来診療等") is Channel.ONLINE
    assert read_channel("channel", "online") is Channel.ONLINE
    with pytest.raises(InvalidField):
        read_channel("channel", "往復書簡")


ROW = {
    "day": "2026/11/21",
    "time": "9:30",
    "patient_number": "１２３",
    "name": "髙﨑　在宅",
    "kana": "たかさき ざいたく",
    "birth_date": "1941/3/3",
    "channel": "訪問",
}


def test_a_row_is_tidied() -> None:
    planned = read_planned(ROW)
    assert (planned.patient_number, planned.name, planned.kana) == (
        "123",
        "髙﨑 在宅",
        "タカサキ ザイタク",
    )
    assert planned.kana_key == "タカサキザイタク"


@pytest.mark.parametrize(
    ("field", "typed", "rule"),
    [
        ("name", " ", "missing"),
        ("name", "あ" * 101, "too-long"),
        ("name", "a\0b", "characters"),
        ("kana", "", "missing"),
        ("kana", "漢字", "characters"),
        ("kana", "ア" * 101, "too-long"),
        ("patient_number", "1" * 21, "too-long"),
        ("birth_date", "2026/11/22", "out-of-range"),
        ("birth_date", "", "missing"),
        ("channel", "", "missing"),
    ],
)
def test_each_rule_is_named(field: str, typed: str, rule: str) -> None:
    with pytest.raises(InvalidField) as caught:
        read_planned({**ROW, field: typed})
    assert (caught.value.field, caught.value.rule) == (field, rule)


HEAD = "予約日,予約時刻,患者番号,氏名,カナ,生年月日,機能\r\n"
LINE = '2026/11/21,9:30,1,"在宅, 太郎",ザイタク タロウ,1941/3/3,訪問診療等\r\n'


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "cp932"])
def test_a_file_is_read_in_each_encoding(codec: str) -> None:
    (planned,) = read_file(BytesIO((HEAD + LINE).encode(codec)))
    assert planned.name == "在宅, 太郎"


def test_all_rows_that_break_a_rule_are_named() -> None:
    bad = LINE.replace("1941/3/3", "むかし") + LINE + LINE.replace("ザイタク タロウ", "?")
    with pytest.raises(UnfitRows) as caught:
        read_file(BytesIO((HEAD + bad).encode()))
    assert caught.value.mistakes == (
        RowMistake(2, "birth_date", "not-a-date"),
        RowMistake(4, "kana", "characters"),
    )


def test_another_kind_of_file_is_refused() -> None:
    with pytest.raises(TableUnreadable):
        read_file(BytesIO(b"PK\x03\x04 and more"))
