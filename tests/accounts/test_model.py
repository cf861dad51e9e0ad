"""The rules of domain.md §5, as properties."""

import string
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zaitaku.accounts.model import (
    MAY_RESET_PASSWORD,
    PERMISSIONS,
    ROLE_NAMES,
    SYSTEM_ROLES,
    Account,
    Permission,
    Role,
    check_new_password,
    check_user_id,
    check_user_kana,
    check_user_name,
    user_id_prefix,
    user_key,
)
from zaitaku.core.clock import JST
from zaitaku.core.errors import InvalidField
from zaitaku.core.ids import AccountId, FacilityId, new_uuid
from zaitaku.facilities.model import FacilityKind

NOW = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
ids = st.text(string.ascii_letters + string.digits, min_size=0, max_size=10)
kinds = st.sampled_from(FacilityKind)


def account(
    role: Role = Role.GENERAL,
    *,
    starts_on: date | None = None,
    ends_on: date | None = None,
    must_change_password: bool = False,
) -> Account:
    return Account(
        id=AccountId(new_uuid()),
        facility_id=FacilityId(new_uuid()),
        user_id="staff1",
        role=role,
        name="みどり",
        kana="ミドリ",
        starts_on=starts_on,
        ends_on=ends_on,
        is_enabled=True,
        wrong_passwords=0,
        locked_at=None,
        password_changed_at=NOW,
        must_change_password=must_change_password,
        is_deleted=False,
    )


def rule_broken(role: Role, user_id: str, kind: FacilityKind) -> str | None:
    try:
        check_user_id(role, user_id, kind)
    except InvalidField as error:
        return error.rule
    return None


@given(st.sampled_from([Role.GENERAL, Role.MEDICAL_VIEW]), ids, kinds)
def test_ids_of_staff(role: Role, user_id: str, kind: FacilityKind) -> None:
    has_reserved_beginning = user_id[:1].upper() in set("ARF") and user_id[1:2].isdigit()
    is_fit = 2 <= len(user_id) <= 8 and not has_reserved_beginning
    assert (rule_broken(role, user_id, kind) is None) == is_fit


@given(st.sampled_from([Role.MASTER, Role.MASTER_RESET, Role.ADMIN]), ids, kinds)
def test_ids_of_managers_have_no_reserved_beginning(
    role: Role, user_id: str, kind: FacilityKind
) -> None:
    assert (rule_broken(role, user_id, kind) is None) == (2 <= len(user_id) <= 8)


@given(st.sampled_from(sorted(SYSTEM_ROLES)), ids, kinds)
def test_ids_of_programs_begin_with_their_prefix(role: Role, tail: str, kind: FacilityKind) -> None:
    user_id = user_id_prefix(role, kind) + tail
    assert (rule_broken(role, user_id, kind) is None) == (3 <= len(user_id) <= 8)
    assert rule_broken(role, "x" + tail[:6] + "yz", kind) is not None


@pytest.mark.parametrize(
    ("role", "kind", "prefix"),
    [
        (Role.WEB_API, FacilityKind.MEDICAL, "A0"),
        (Role.WEB_API, FacilityKind.VISITING_NURSE, "A0"),
        (Role.WEB_API, FacilityKind.PHARMACY, "A1"),
        (Role.LINKED_APP, FacilityKind.DENTAL, "R0"),
        (Role.LINKED_APP, FacilityKind.PHARMACY, "R1"),
        (Role.FACE_READER, FacilityKind.MEDICAL, "F0"),
        (Role.FACE_READER, FacilityKind.PHARMACY, "F0"),
        (Role.ADMIN, FacilityKind.MEDICAL, ""),
    ],
)
def test_prefixes(role: Role, kind: FacilityKind, prefix: str) -> None:
    assert user_id_prefix(role, kind) == prefix


@pytest.mark.parametrize("typed", ["a", "abcdefghi", "ab-c", "ab c", "受付", "", "éa"])
def test_unfit_ids_are_refused(typed: str) -> None:
    with pytest.raises(InvalidField):
        check_user_id(Role.ADMIN, typed, FacilityKind.MEDICAL)


def test_full_width_ids_become_half_width() -> None:
    assert check_user_id(Role.ADMIN, " ｋａｎｒｉ１ ", FacilityKind.MEDICAL) == "kanri1"


@given(ids)
def test_ids_that_differ_in_case_are_one(user_id: str) -> None:
    assert user_key(user_id.lower()) == user_key(user_id.upper())


def test_names_become_full_width() -> None:
    assert check_user_name("ﾐﾄﾞﾘ1A") == "ミドリ１Ａ"
    assert check_user_kana("ミドリザカ２") == "ミドリザカ２"


@pytest.mark.parametrize("name", ["", "あ" * 21, "あ<b>", "あ🙂"])
def test_unfit_names_are_refused(name: str) -> None:
    with pytest.raises(InvalidField):
        check_user_name(name)


@pytest.mark.parametrize("kana", ["", "ア" * 41, "漢字", "ア イ"])
def test_unfit_kana_are_refused(kana: str) -> None:
    with pytest.raises(InvalidField):
        check_user_kana(kana)


@pytest.mark.parametrize(
    ("password", "rule"),
    [
        ("short", "too-short"),
        ("a1" * 70, "too-long"),
        ("aaaaaaaaaabbbb", "too-simple"),
        ("my-staff1-word", "holds-user-id"),
        ("my-STAFF1-word", "holds-user-id"),
    ],
)
def test_weak_passwords_are_refused(password: str, rule: str) -> None:
    with pytest.raises(InvalidField) as caught:
        check_new_password(password, "staff1")
    assert caught.value.rule == rule


@pytest.mark.parametrize(
    ("password", "rule"),
    [
        ("ｓｔａｆｆ１ｘｙｚｗｖｕ", "holds-user-id"),
        ("ｶﾞｷﾞｸﾞｹﾞｺﾞｻﾞ", "too-short"),
        ("AaAaAaＡａＡａＡａ0０0０", "too-simple"),
        ("ﷺ" * 8, "too-long"),
    ],
)
def test_what_is_hashed_is_what_has_to_be_fit(password: str, rule: str) -> None:
    with pytest.raises(InvalidField) as caught:
        check_new_password(password, "staff1")
    assert caught.value.rule == rule


def test_a_long_phrase_is_a_fit_password() -> None:
    assert check_new_password("坂の上のみどりの診療所です", "staff1")


def test_every_role_stands_in_every_table() -> None:
    for table in (PERMISSIONS, ROLE_NAMES, MAY_RESET_PASSWORD):
        assert set(table) == set(Role)


ADMIN_ALONE = {Role.ADMIN}
MANAGERS = {Role.MASTER, Role.ADMIN}
BUSINESS = {Role.ADMIN, Role.GENERAL, Role.MEDICAL_VIEW}
VIEWERS = {Role.ADMIN, Role.MEDICAL_VIEW}
PEOPLE = MANAGERS | BUSINESS | {Role.MASTER_RESET}
WHO_MAY = {
    Permission.USE_CONSOLE: PEOPLE,
    Permission.CHANGE_OWN_PASSWORD: PEOPLE,
    Permission.MANAGE_OWN_SIGN_IN: PEOPLE,
    Permission.MANAGE_ACCOUNTS: MANAGERS,
    Permission.IMPORT_ACCOUNTS: MANAGERS,
    Permission.RESET_PASSWORDS: MANAGERS | {Role.MASTER_RESET},
    Permission.SEE_CONSENTED_PATIENTS: BUSINESS,
    Permission.MANAGE_APPOINTMENTS: BUSINESS,
    Permission.SEE_ELIGIBILITY: BUSINESS,
    Permission.WITHDRAW_CONSENT: BUSINESS,
    Permission.EXPORT_CONSENTED_PATIENTS: VIEWERS,
    Permission.VIEW_MEDICAL_INFORMATION: VIEWERS,
    Permission.REQUIRE_SECOND_FACTOR: ADMIN_ALONE,
    Permission.CHANGE_ENVIRONMENT_SETTINGS: ADMIN_ALONE,
    Permission.SEE_RECEPTION_URLS: ADMIN_ALONE,
    Permission.CHANGE_RECEPTION_URLS: ADMIN_ALONE,
    Permission.SEE_VIEW_HISTORY: ADMIN_ALONE,
    Permission.MANAGE_ACTIVATION_CODES: ADMIN_ALONE,
    Permission.SET_UP_TEST_DATA: ADMIN_ALONE,
    Permission.SEE_AUDIT_TRAIL: ADMIN_ALONE,
}


@pytest.mark.parametrize("permission", Permission)
def test_each_type_may_what_the_manual_says(permission: Permission) -> None:
    """domain.md §5, the column "may", read by what is allowed instead of by whom."""
    assert {role for role in Role if permission in PERMISSIONS[role]} == WHO_MAY[permission]


def test_whoever_may_use_the_console_may_change_the_own_password() -> None:
    for granted in PERMISSIONS.values():
        assert Permission.USE_CONSOLE not in granted or Permission.CHANGE_OWN_PASSWORD in granted


def test_who_resets_whom() -> None:
    assert MAY_RESET_PASSWORD[Role.MASTER_RESET] == {Role.MASTER}
    assert MAY_RESET_PASSWORD[Role.MASTER] == {Role.ADMIN}
    assert Role.ADMIN not in MAY_RESET_PASSWORD[Role.ADMIN]
    assert not any(Role.MASTER_RESET in reset for reset in MAY_RESET_PASSWORD.values())


@given(st.sampled_from(Role))
def test_an_initial_password_opens_nothing_but_its_replacement(role: Role) -> None:
    opened = account(role, must_change_password=True).permissions
    assert opened <= {Permission.CHANGE_OWN_PASSWORD}


def test_the_period_counts_days_in_japan() -> None:
    today = date(2026, 11, 20)
    late_evening_before = datetime(2026, 11, 19, 23, 59, tzinfo=JST)
    assert account(starts_on=today, ends_on=today).is_usable(NOW)
    assert not account(starts_on=today).is_usable(late_evening_before)
    assert not account(ends_on=today).is_usable(NOW + timedelta(days=1))


def test_disabled_and_deleted_accounts_are_not_usable() -> None:
    assert not replace(account(), is_enabled=False).is_usable(NOW)
    assert not replace(account(), is_deleted=True).is_usable(NOW)


@pytest.mark.parametrize("role", sorted(SYSTEM_ROLES))
def test_programs_do_not_open_the_console(role: Role) -> None:
    assert not account(role).is_usable(NOW)


def test_initial_passwords_are_over_after_thirty_days() -> None:
    initial = account(must_change_password=True)
    assert not initial.is_password_over(NOW + timedelta(days=30, seconds=-1))
    assert initial.is_password_over(NOW + timedelta(days=30))
    assert not account().is_password_over(NOW + timedelta(days=3000))
    program = account(Role.WEB_API, must_change_password=True)
    assert not program.is_password_over(NOW + timedelta(days=3000))


def test_an_initial_password_of_the_future_is_over() -> None:
    """A clock that was a year ahead has made it: it would be good for that year and a month."""
    ahead = account(must_change_password=True)
    assert ahead.is_password_over(NOW - timedelta(days=365))
    assert not ahead.is_password_over(NOW - timedelta(days=29))


def test_the_thirty_days_do_not_begin_before_the_account_may_be_used() -> None:
    later = account(must_change_password=True, starts_on=date(2027, 1, 15))
    until = datetime(2027, 2, 14, tzinfo=JST)
    assert later.initial_password_until == until
    assert not later.is_password_over(until - timedelta(seconds=1))
    assert later.is_password_over(until)
    begun = account(must_change_password=True, starts_on=date(2026, 1, 1))
    assert begun.initial_password_until == NOW + timedelta(days=30)
    assert account().initial_password_until is None
