"""All rules of a new account at once, and how its initial password is kept (domain.md §5)."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zaitaku.accounts.model import SYSTEM_ROLES, Role
from zaitaku.accounts.passwords import Passwords
from zaitaku.accounts.registering import (
    FIRST_YEAR,
    LAST_YEAR,
    AccountEntry,
    AccountValues,
    check_new_account,
    initial_columns,
    parse_day,
)
from zaitaku.accounts.words import mistake_words
from zaitaku.core.clock import FixedClock
from zaitaku.core.errors import InvalidField
from zaitaku.facilities.model import FacilityKind

GOOD = AccountEntry("general", "staff1", "みどり", "ミドリ", "2026-12-01", "2027-03-31")


def checked(
    entry: AccountEntry,
    kind: FacilityKind = FacilityKind.MEDICAL,
    allowed: frozenset[Role] = frozenset(Role),
) -> AccountValues | list[tuple[str, str]]:
    found = check_new_account(entry, kind=kind, allowed=allowed, today=date(2026, 11, 20))
    if isinstance(found, AccountValues):
        return found
    assert all(mistake_words(mistake).endswith("。") for mistake in found)
    return [(mistake.field, mistake.rule) for mistake in found]


def test_good_values_come_back_as_they_are_kept() -> None:
    assert checked(GOOD) == AccountValues(
        Role.GENERAL, "staff1", "みどり", "ミドリ", date(2026, 12, 1), date(2027, 3, 31)
    )


def test_the_manuals_name_of_a_role_will_do() -> None:
    for name in ("WebAPI用", "ＷｅｂＡＰＩ用", "web-api"):
        found = checked(replace(GOOD, role=name, user_id="A0rece"))
        assert isinstance(found, AccountValues)
        assert found.role is Role.WEB_API


def test_everything_wrong_is_found_at_once() -> None:
    bad = AccountEntry("king", "", "山田", "", "2026-02-30", "20270332")
    assert checked(bad) == [
        ("role", "not-allowed"),
        ("user_name", "characters"),
        ("user_kana", "missing"),
        ("starts_on", "not-a-date"),
        ("ends_on", "not-a-date"),
    ]


@pytest.mark.parametrize(
    ("changes", "mistake"),
    [
        ({"user_id": "x" * 9}, ("user_id", "2-to-8")),
        ({"user_id": "a-b"}, ("user_id", "letters-and-digits")),
        ({"user_id": "r9abc"}, ("user_id", "reserved-prefix")),
        ({"role": "face-reader", "user_id": "F0"}, ("user_id", "3-to-8")),
        ({"role": "face-reader", "user_id": "F1abc"}, ("user_id", "prefix")),
        ({"user_name": "あ" * 21}, ("user_name", "at-most-20")),
        ({"user_kana": "ア" * 41}, ("user_kana", "at-most-40")),
        ({"user_kana": "😀"}, ("user_kana", "characters")),
        ({"ends_on": "2026-11-30"}, ("ends_on", "before-start")),
        ({"starts_on": "", "ends_on": "2026-11-19"}, ("ends_on", "in-past")),
        ({"starts_on": "1926-12-01"}, ("starts_on", "out-of-range")),
    ],
)
def test_each_rule_has_its_name_and_words(
    changes: dict[str, str], mistake: tuple[str, str]
) -> None:
    assert checked(replace(GOOD, **changes)) == [mistake]


def test_an_account_for_today_alone_is_possible() -> None:
    assert isinstance(checked(replace(GOOD, starts_on="", ends_on="2026-11-20")), AccountValues)


def test_a_role_that_one_may_not_register_is_refused() -> None:
    admin = replace(GOOD, role="admin")
    assert checked(admin, allowed=frozenset({Role.GENERAL})) == [("role", "not-allowed")]


def test_a_pharmacys_programs_begin_otherwise() -> None:
    entry = replace(GOOD, role="web-api", user_id="A1rece")
    assert isinstance(checked(entry, FacilityKind.PHARMACY), AccountValues)
    assert checked(entry) == [("user_id", "prefix")]


@given(st.dates(date(FIRST_YEAR, 1, 1), date(LAST_YEAR, 12, 31)))
def test_every_way_of_writing_a_day_is_read(day: date) -> None:
    full = str.maketrans("0123456789-", "０１２３４５６７８９－")
    ways = (day.isoformat(), f"{day:%Y%m%d}", f"{day.year}/{day.month}/{day.day}")
    for typed in (*ways, day.isoformat().translate(full)):
        assert parse_day("starts_on", f" {typed} ") == day


@given(st.text(max_size=20))
def test_no_text_breaks_the_reading_of_a_day(typed: str) -> None:
    try:
        day = parse_day("starts_on", typed)
    except InvalidField as mistake:
        assert mistake.rule in {"not-a-date", "out-of-range"}
    else:
        assert day is None or FIRST_YEAR <= day.year <= LAST_YEAR


@given(st.builds(AccountEntry, *[st.text(max_size=10)] * 6))
def test_no_text_breaks_the_rules(entry: AccountEntry) -> None:
    found = checked(entry)
    assert isinstance(found, list) or found.user_id.isascii()


@pytest.mark.parametrize("role", Role)
def test_people_must_replace_it_and_programs_cannot(
    passwords: Passwords, clock: FixedClock, role: Role
) -> None:
    _, columns = initial_columns(passwords, role, clock.now() - timedelta(days=1))
    assert columns["must_change_password"] == (role not in SYSTEM_ROLES)
