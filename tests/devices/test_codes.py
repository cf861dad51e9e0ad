"""Activation codes keep to the rules of domain.md §7."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.devices.conftest import KEY, Bedside
from zaitaku.accounts.errors import LoginRefused
from zaitaku.accounts.model import Role
from zaitaku.audit.model import Act
from zaitaku.audit.store import AuditTrail
from zaitaku.core.errors import InvalidField, NotFound, TooManyAttempts
from zaitaku.core.ids import random_digits
from zaitaku.devices.errors import (
    AccountUnfit,
    CodeInvalidated,
    CodeTooYoung,
    CodeUnknown,
    CodeUsed,
    DeviceRefused,
    HomeVisitOff,
    KeyUsed,
)
from zaitaku.devices.model import CodeQuery, CodeSort, CodeState, check_memo, read_code
from zaitaku.facilities.errors import NotBegun
from zaitaku.facilities.model import Facility
from zaitaku.facilities.registry import FacilityRegistry
from zaitaku.facilities.relations import FacilityFacts

MEMO = "Aさん用の携帯1"


def issued_and_usable(bedside: Bedside, clinic: Facility, memo: str = MEMO) -> str:
    code = bedside.devices.issue(clinic, memo, actor="kanri")
    bedside.clock.advance(timedelta(minutes=10))
    return code.digits


def acts(bedside: Bedside, clinic: Facility) -> list[Act]:
    with bedside.database.reading() as connection:
        return [entry.act for entry in AuditTrail(connection, clinic.id).entries()]


def test_a_code_has_twelve_digits_of_its_own(bedside: Bedside, clinic: Facility) -> None:
    codes = {bedside.devices.issue(clinic, MEMO, actor="kanri").digits for _ in range(20)}
    assert len(codes) == 20
    assert all(len(digits) == 12 and digits.isdigit() for digits in codes)


def test_digits_that_exist_are_drawn_again(bedside: Bedside, clinic: Facility) -> None:
    drawn = iter(["111111111111", "111111111111", "222222222222"])
    service = bedside.devices
    service._digits = lambda _: next(drawn)
    first = service.issue(clinic, MEMO, actor="kanri")
    second = service.issue(clinic, MEMO, actor="kanri")
    assert (first.digits, second.digits) == ("111111111111", "222222222222")


def test_a_code_is_usable_ten_minutes_after_its_issue(bedside: Bedside, clinic: Facility) -> None:
    code = bedside.devices.issue(clinic, MEMO, actor="kanri")
    bedside.clock.advance(timedelta(minutes=9, seconds=30))
    with pytest.raises(CodeTooYoung) as refused:
        bedside.devices.register(bedside.request(clinic, code.digits))
    assert refused.value.retry_after == 30
    bedside.clock.advance(timedelta(seconds=30))
    assert bedside.devices.register(bedside.request(clinic, code.digits)).is_new


def test_one_code_registers_one_device(bedside: Bedside, clinic: Facility) -> None:
    digits = issued_and_usable(bedside, clinic)
    first = bedside.devices.register(bedside.request(clinic, digits, name="iPad 3"))
    with pytest.raises(CodeUsed):
        bedside.devices.register(bedside.request(clinic, digits, key="x" * 43))
    known = bedside.devices.present(KEY)
    assert (known.device, known.code.memo) == (first.device, MEMO)
    assert acts(bedside, clinic).count(Act.REGISTER_DEVICE) == 1


def test_a_lost_answer_may_be_asked_for_again(bedside: Bedside, clinic: Facility) -> None:
    digits = issued_and_usable(bedside, clinic)
    first = bedside.devices.register(bedside.request(clinic, digits))
    again = bedside.devices.register(bedside.request(clinic, digits))
    assert (first.is_new, again.is_new) == (True, False)
    assert again.device == first.device


def test_of_many_devices_at_once_one_gets_the_code(bedside: Bedside, clinic: Facility) -> None:
    digits = issued_and_usable(bedside, clinic)
    requests = [bedside.request(clinic, digits, key=letter * 43) for letter in "abcdef"]
    with ThreadPoolExecutor(len(requests)) as pool:
        outcomes = [pool.submit(bedside.devices.register, each) for each in requests]
    errors = [each.exception() for each in outcomes]
    assert errors.count(None) == 1
    assert all(isinstance(error, CodeUsed) for error in errors if error)


def test_a_key_is_one_devices_alone(bedside: Bedside, clinic: Facility) -> None:
    digits = issued_and_usable(bedside, clinic)
    bedside.devices.register(bedside.request(clinic, digits))
    other = issued_and_usable(bedside, clinic)
    with pytest.raises(KeyUsed):
        bedside.devices.register(bedside.request(clinic, other))


def test_invalidating_is_final_and_stops_the_device(bedside: Bedside, clinic: Facility) -> None:
    digits = issued_and_usable(bedside, clinic)
    device = bedside.devices.register(bedside.request(clinic, digits)).device
    first = bedside.devices.invalidate(clinic.id, device.code_id, actor="kanri")
    bedside.clock.advance(timedelta(minutes=1))
    again = bedside.devices.invalidate(clinic.id, device.code_id, actor="kanri")
    assert again.invalidated_at == first.invalidated_at is not None
    with pytest.raises(DeviceRefused):
        bedside.devices.present(KEY)
    with pytest.raises(CodeInvalidated):
        bedside.devices.register(bedside.request(clinic, digits))
    assert acts(bedside, clinic).count(Act.INVALIDATE_ACTIVATION_CODE) == 1


def test_a_device_set_up_anew_works_with_a_new_code(bedside: Bedside, clinic: Facility) -> None:
    digits = issued_and_usable(bedside, clinic)
    device = bedside.devices.register(bedside.request(clinic, digits)).device
    bedside.devices.invalidate(clinic.id, device.code_id, actor="kanri")
    anew = bedside.request(clinic, issued_and_usable(bedside, clinic), key="n" * 43)
    assert bedside.devices.register(anew).is_new
    assert bedside.devices.present("n" * 43).device.id != device.id


def test_another_facilitys_code_is_unknown(bedside: Bedside, clinic: Facility) -> None:
    other = bedside.facility("1310123465")
    code = bedside.devices.issue(other, MEMO, actor="kanri")
    bedside.clock.advance(timedelta(minutes=10))
    for digits in (code.digits, "000000000000"):
        with pytest.raises(CodeUnknown):
            bedside.devices.register(bedside.request(clinic, digits))
    with pytest.raises(NotFound):
        bedside.devices.invalidate(clinic.id, code.id, actor="kanri")
    with pytest.raises(NotFound):
        bedside.devices.code(clinic.id, code.id)


def test_without_home_visits_there_are_no_codes_and_no_devices(
    bedside: Bedside, clinic: Facility
) -> None:
    digits = issued_and_usable(bedside, clinic)
    bedside.devices.register(bedside.request(clinic, digits))
    off = replace(clinic.settings, home_visit=False)
    bedside.facilities.change_settings(clinic.id, off, expected_version=1, actor="test")
    with pytest.raises(HomeVisitOff):
        bedside.devices.issue(clinic, MEMO, actor="kanri")
    with pytest.raises(HomeVisitOff):
        bedside.devices.present(KEY)
    with pytest.raises(HomeVisitOff):
        bedside.devices.register(bedside.request(clinic, digits))


def test_before_the_facility_begins_there_are_none_either(
    bedside: Bedside, clinic: Facility
) -> None:
    digits = issued_and_usable(bedside, clinic)
    bedside.devices.register(bedside.request(clinic, digits))
    later = FacilityFacts.of(clinic)
    later = replace(later, enrolment=replace(later.enrolment, starts_on=date(2027, 1, 1)))
    registry = FacilityRegistry(database=bedside.database, clock=bedside.clock)
    registry.change_facts(clinic.id, later, expected_revision=clinic.revision, actor="test")
    with pytest.raises(NotBegun):
        bedside.devices.issue(clinic, MEMO, actor="kanri")
    with pytest.raises(NotBegun):
        bedside.devices.present(KEY)
    with pytest.raises(NotBegun):
        bedside.devices.register(bedside.request(clinic, digits))


@pytest.mark.parametrize(
    ("role", "user_id", "must_change"),
    [(Role.GENERAL, "ippan", True), (Role.MASTER, "master", False)],
)
def test_an_account_that_is_unfit_registers_nothing(
    bedside: Bedside, clinic: Facility, role: Role, user_id: str, must_change: bool
) -> None:
    bedside.employ(clinic, user_id, role, must_change=must_change)
    digits = issued_and_usable(bedside, clinic)
    with pytest.raises(AccountUnfit):
        bedside.devices.register(bedside.request(clinic, digits, user_id=user_id))


def test_a_wrong_password_counts_and_tells_nothing_of_the_code(
    bedside: Bedside, clinic: Facility
) -> None:
    wrong = bedside.request(clinic, "000000000000", password="something else")
    for _ in range(10):
        with pytest.raises(LoginRefused):
            bedside.devices.register(wrong)
    with pytest.raises(TooManyAttempts):
        bedside.devices.register(wrong)


def test_the_list_is_searched_by_state_memo_and_digits(bedside: Bedside, clinic: Facility) -> None:
    registered = issued_and_usable(bedside, clinic, "待合の端末")
    bedside.devices.register(bedside.request(clinic, registered))
    fresh = bedside.devices.issue(clinic, "100%の端末_2", actor="kanri")
    dead = bedside.devices.issue(clinic, "古い端末", actor="kanri")
    bedside.devices.invalidate(clinic.id, dead.id, actor="kanri")

    def found(**values: str) -> set[str]:
        query = CodeQuery.from_mapping(values)
        return {code.digits for code in bedside.devices.page(clinic.id, query).codes}

    assert found() == {registered, fresh.digits}
    assert found(searched="yes") == {registered, fresh.digits, dead.digits}
    assert found(state=CodeState.REGISTERED) == {registered}
    assert found(state=CodeState.UNREGISTERED) == {fresh.digits}
    assert found(q="端末_") == {fresh.digits}
    assert found(q="100%") == {fresh.digits}
    assert found(q=fresh.grouped) == {fresh.digits}
    wide = fresh.digits.translate(str.maketrans("0123456789", "０１２３４５６７８９"))
    assert found(q=wide) == {fresh.digits}


def test_the_list_is_sorted_by_each_column(bedside: Bedside, clinic: Facility) -> None:
    digits = iter(["222222222222", "333333333333", "111111111111"])
    bedside.devices._digits = lambda _: next(digits)
    registered = issued_and_usable(bedside, clinic, "い")
    bedside.devices.register(bedside.request(clinic, registered))
    bedside.clock.advance(timedelta(minutes=1))
    dead = bedside.devices.issue(clinic, "あ", actor="kanri")
    bedside.devices.invalidate(clinic.id, dead.id, actor="kanri")
    bedside.clock.advance(timedelta(minutes=1))
    bedside.devices.issue(clinic, "う", actor="kanri")

    def memos(sort: str) -> str:
        query = CodeQuery.from_mapping({"searched": "yes", "sort": sort})
        return "".join(code.memo for code in bedside.devices.page(clinic.id, query).codes)

    assert memos("") == memos("-updated") == "うあい"
    assert (memos("updated"), memos("code"), memos("memo")) == ("いあう", "ういあ", "あいう")
    assert (memos("state"), memos("invalidated")) == ("いあう", "あいう")
    for key in CodeSort:
        assert memos(f"-{key}") == memos(key)[::-1]


@given(st.text(max_size=60))
def test_a_memo_is_kept_on_one_line_or_refused(typed: str) -> None:
    try:
        memo = check_memo(typed)
    except InvalidField as error:
        assert error.rule in {"required", "too-long", "characters"}
    else:
        assert 0 < len(memo) <= 40
        assert memo == " ".join(memo.split())


@given(st.integers(0, 10**12 - 1).map(lambda number: f"{number:012d}"))
def test_a_code_is_read_however_it_is_written(digits: str) -> None:
    wide = digits.translate(str.maketrans("0123456789", "０１２３４５６７８９"))
    for written in (
        digits,
        f"{digits[:4]}-{digits[4:8]}ー{digits[8:]}",
        f" {wide[:6]}　{wide[6:]}",
    ):
        assert read_code(written) == digits


@pytest.mark.parametrize("typed", ["", "12345678901", "1234567890123", "12345678901a", "あ" * 12])
def test_what_is_no_code_is_refused(typed: str) -> None:
    with pytest.raises(InvalidField):
        read_code(typed)


def test_random_digits_keep_their_zeros() -> None:
    assert len(random_digits(12)) == 12
