"""``zaitaku facility close``: nobody comes in any more, and nothing is lost."""

import pytest

from tests.commands.conftest import CODE, Run
from zaitaku.accounts.closing import enabled_accounts
from zaitaku.accounts.model import Account
from zaitaku.core.clock import FixedClock
from zaitaku.core.database import Database
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


def test_what_was_broken_off_is_finished(
    clinic: Run, administered: Facility, database: Database, clock: FixedClock
) -> None:
    off = clinic("facility", "set", CODE, "home-visit=off", "--yes")
    assert off.exit_code == 0, off.output
    assert clinic("facility", "close", CODE, "--yes").exit_code == 0
    assert living(database, administered) == ()


def test_it_can_be_opened_again(clinic: Run, administered: Facility, database: Database) -> None:
    assert clinic("facility", "close", CODE, "--yes").exit_code == 0
    assert clinic("account", "set", CODE, "KANRI001", "--enabled").exit_code == 0
    assert clinic("facility", "set", CODE, "home-visit=on", "--yes").exit_code == 0
    assert [each.user_id for each in living(database, administered)] == ["KANRI001"]


def test_both_steps_are_in_the_trail(clinic: Run, administered: Facility) -> None:
    assert clinic("facility", "close", CODE, "--yes").exit_code == 0
    assert "利用する → 利用しない" in clinic("facility", "history", CODE).output
    assert clinic("audit", "verify").exit_code == 0


def test_an_unknown_facility_is_told(run: Run) -> None:
    done = run("facility", "close", CODE, "--yes")
    assert done.exit_code == 1
    assert "登録されていません" in done.output
