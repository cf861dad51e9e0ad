"""``zaitaku facility close``: nobody comes in any more, and nothing is lost."""

import click
import pytest
from sqlalchemy import select

from tests.commands.conftest import CODE, Run
from zaitaku.accounts import changing
from zaitaku.accounts.closing import enabled_accounts
from zaitaku.accounts.errors import SessionEnded
from zaitaku.accounts.managing import AccountManagement
from zaitaku.accounts.model import Account, Role
from zaitaku.accounts.passwords import Passwords
from zaitaku.accounts.registering import AccountEntry
from zaitaku.accounts.service import Staff
from zaitaku.audit.model import Act
from zaitaku.audit.store import audit_entry
from zaitaku.core.clock import FixedClock
from zaitaku.core.database import Database
from zaitaku.core.errors import StoreUnavailable
from zaitaku.facilities.model import Channel, Facility, InstitutionCode
from zaitaku.facilities.service import FacilityService


def kept(database: Database, clock: FixedClock) -> Facility:
    return FacilityService(database=database, clock=clock).find(InstitutionCode(CODE))


def living(database: Database, facility: Facility) -> tuple[Account, ...]:
    with database.reading() as connection:
        return enabled_accounts(connection, facility.id)


@pytest.fixture
def administered(clinic: Run, database: Database, clock: FixedClock) -> Facility:
    words = ("--name", "かんり", "--kana", "カンリ")
    added = clinic("account", "add", CODE, "KANRI001", *words)
    assert added.exit_code == 0, added.output
    return kept(database, clock)


def test_a_closed_facility_lets_nobody_in(
    clinic: Run, administered: Facility, database: Database, clock: FixedClock
) -> None:
    assert len(living(database, administered)) == 3
    done = clinic("facility", "close", CODE, typed="y\n")
    assert done.exit_code == 0, done.output
    assert "アカウント KANRI001（管理）: 有効 → 無効" in done.output
    assert "訪問診療等機能: 利用する → 利用しない" in done.output
    assert "アカウント3件を無効にしました" in done.output
    closed = kept(database, clock)
    assert not any(closed.settings.is_on(channel) for channel in Channel)
    assert living(database, closed) == ()
    assert "有効なアカウント: 0件" in clinic("facility", "show", CODE).output


def test_it_asks_first_and_does_nothing_twice(
    clinic: Run, administered: Facility, database: Database, clock: FixedClock
) -> None:
    before = kept(database, clock)
    for answer in ("n\n", "\n", ""):
        refused = clinic("facility", "close", CODE, typed=answer)
        assert refused.exit_code == 1
        assert refused.stderr == "やめました。何も変更していません。\n"
    assert kept(database, clock) == before
    assert len(living(database, administered)) == 3
    assert clinic("facility", "close", CODE, "--yes").exit_code == 0
    again = clinic("facility", "close", CODE, "--yes")
    assert again.exit_code == 0
    assert "何も変更していません" in again.output
    assert kept(database, clock).settings_version == before.settings_version + 1


@pytest.mark.parametrize("at_first", ["on", "off"])
def test_what_others_change_meanwhile_ends_with_it(
    clinic: Run,
    administered: Facility,
    database: Database,
    clock: FixedClock,
    *,
    monkeypatch: pytest.MonkeyPatch,
    at_first: str,
) -> None:
    assert clinic("facility", "set", CODE, f"home-visit={at_first}", "--yes").exit_code == 0

    def answer_late(*_: object, **__: object) -> str:
        changed = clinic("facility", "set", CODE, "home-visit=on", "online=on", "--yes")
        assert changed.exit_code == 0, changed.output
        words = ("--name", "よこ", "--kana", "ヨコ")
        assert clinic("account", "add", CODE, "KANRI002", *words).exit_code == 0
        return "y"

    monkeypatch.setattr(click, "prompt", answer_late)
    done = clinic("facility", "close", CODE)
    assert done.exit_code == 0, done.output
    assert "アカウント4件を無効にしました" in done.output
    closed = kept(database, clock)
    assert not any(closed.settings.is_on(channel) for channel in Channel)
    assert living(database, closed) == ()


def test_nothing_is_closed_by_half(
    clinic: Run,
    administered: Facility,
    database: Database,
    clock: FixedClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = kept(database, clock)

    def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("away")

    with monkeypatch.context() as broken:
        broken.setattr(changing, "update", away)
        assert clinic("facility", "close", CODE, "--yes").exit_code == 1
    assert kept(database, clock) == before
    assert len(living(database, before)) == 3


def test_a_console_page_under_way_adds_no_account(
    clinic: Run, administered: Facility, database: Database, clock: FixedClock
) -> None:
    administrator = next(each for each in living(database, administered) if each.role is Role.ADMIN)
    management = AccountManagement(database=database, clock=clock, passwords=Passwords())
    manager = Staff(administrator, administered)
    assert clinic("facility", "close", CODE, "--yes").exit_code == 0
    entry = AccountEntry(Role.GENERAL.value, "NEW00001", "あたらしい", "アタラシイ", "", "")
    with pytest.raises(SessionEnded):
        management.register(manager, entry)
    assert living(database, administered) == ()


def test_it_is_opened_again_as_it_says(
    clinic: Run, administered: Facility, database: Database, clock: FixedClock
) -> None:
    before = living(database, administered)
    done = clinic("facility", "close", CODE, "--yes")
    told = [line.split()[1:] for line in done.output.splitlines() if "  zaitaku " in line]
    assert len(told) == len(before) + 1
    for words in told:
        assert clinic(*words, typed="y\n").exit_code == 0
    assert {each.user_id for each in living(database, administered)} == {
        each.user_id for each in before
    }
    assert kept(database, clock).settings.home_visit


def test_all_of_it_is_in_the_trail(clinic: Run, administered: Facility, database: Database) -> None:
    assert clinic("facility", "close", CODE, "--yes").exit_code == 0
    assert "利用する → 利用しない" in clinic("facility", "history", CODE).output
    query = select(audit_entry.c.subject).where(
        audit_entry.c.act == Act.UPDATE_ACCOUNT.value,
        audit_entry.c.actor.startswith("operator:"),
    )
    with database.reading() as connection:
        ended = set(connection.scalars(query))
    assert ended == {"KANRI001", "master", "mreset"}
    assert clinic("audit", "verify").exit_code == 0


def test_an_unknown_facility_is_told(run: Run) -> None:
    done = run("facility", "close", CODE, "--yes")
    assert done.exit_code == 1
    assert "登録されていません" in done.output
