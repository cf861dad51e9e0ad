"""What the demo prints of passwords holds, also after somebody has changed them."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from zaitaku.accounts.model import Account
from zaitaku.accounts.operating import OperatedAccounts
from zaitaku.accounts.passwords import Passwords
from zaitaku.accounts.service import LoginAttempt
from zaitaku.accounts.store import AccountStore
from zaitaku.audit.store import AuditTrail
from zaitaku.core.ids import FacilityId
from zaitaku.demo.places import Places
from zaitaku.demo.secrets import USER_ID
from zaitaku.demo.setup import CODE, Demo, prepare
from zaitaku.demo.summary import as_text
from zaitaku.services import Services, build_services
from zaitaku.settings import Settings

HOUSE = Path(__file__).parents[2]
OTHER = "ippan01"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder that a demo has made; its keys take a while."""
    data = tmp_path_factory.mktemp("made") / "デモ(1)"
    prepare(places_of(data), is_empty=True)
    return data


@pytest.fixture
def data(made: Path, tmp_path: Path) -> Path:
    """A copy of it for one test."""
    return shutil.copytree(made, tmp_path / "デモ(1)")


def places_of(data: Path) -> Places:
    return Places.from_env({"ZAITAKU_DATA": str(data)})


def started(data: Path) -> tuple[Demo, list[str]]:
    """Return the demo as it starts again, and the lines that it prints."""
    ready = prepare(places_of(data), is_empty=True)
    return ready, as_text(ready.summary, data).splitlines()


@contextmanager
def opened(ready: Demo) -> Iterator[tuple[Services, FacilityId]]:
    with closing(build_services(Settings.from_env(ready.environ))) as services:
        yield services, services.facilities.find(CODE).id


def operated(services: Services) -> OperatedAccounts:
    return OperatedAccounts(
        database=services.database, ephemeral=services.ephemeral, clock=services.clock
    )


def account_of(services: Services, facility_id: FacilityId, user_id: str = USER_ID) -> Account:
    return operated(services).find(facility_id, user_id)


def after(lines: list[str], words: str) -> str:
    """Return the line below the one that has ``words``."""
    [place] = [number for number, line in enumerate(lines) if words in line]
    return lines[place + 1]


def test_a_password_that_opens_is_printed(data: Path) -> None:
    ready, lines = started(data)
    password = ready.summary["console"]["password"]
    assert f"    パスワード        {password}" in lines
    assert any("ippan01" in line and line.endswith("（パスワードは同じ）") for line in lines)
    assert not any("zaitaku account" in line for line in lines)
    with opened(ready) as (services, _):
        attempt = LoginAttempt(str(CODE), USER_ID, password, "127.0.0.1")
        assert services.accounts.authenticate(attempt).account.user_id == USER_ID


def test_one_that_was_changed_is_not_and_the_command_makes_a_new_one(data: Path) -> None:
    ready, _ = started(data)
    first = ready.summary["console"]["password"]
    with opened(ready) as (services, facility_id):
        administrator = account_of(services, facility_id)
        services.accounts.change_password(administrator, current=first, new="kaeta-ato-no-2")
    ready, lines = started(data)
    label = "    パスワード        変更されています。作りなおすコマンド（別のターミナルで）:"
    command = after(lines, label).strip()
    assert any("ippan01" in line and line.endswith(f"（パスワード {first}）") for line in lines)
    assert json.loads((data / "demo.json").read_text("utf-8"))["console"]["password"] is None

    told = typed(command, "y\n")
    assert "うけつけはなこ" in told
    new = told.partition("はじめのパスワード: ")[2].split()[0]
    with opened(ready) as (services, _):
        attempt = LoginAttempt(str(CODE), USER_ID, new, "127.0.0.1")
        assert services.accounts.authenticate(attempt).account.must_change_password


def typed(command: str, answer: str) -> str:
    """Return what a printed command says, typed into ``sh`` in any folder."""
    run = subprocess.run(
        ["sh", "-c", command],
        check=False,
        cwd="/",
        input=answer,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_the_others_passwords_are_looked_at_as_well(data: Path) -> None:
    ready, _ = started(data)
    with opened(ready) as (services, facility_id):
        operated(services).reset_password(facility_id, OTHER, actor="test")
    ready, lines = started(data)
    assert f"    パスワード        {ready.summary['console']['password']}" in lines
    command = after(lines, f"一般 {OTHER} のパスワード  変更されています。")
    assert command.endswith(f"zaitaku account reset-password {CODE} {OTHER}")
    [same] = [line for line in lines if "（パスワードは同じ）" in line]
    assert OTHER not in same


def test_a_locked_account_and_a_disabled_one_have_commands_of_their_own(data: Path) -> None:
    ready, _ = started(data)
    with opened(ready) as (services, facility_id):
        operated(services).set_enabled(facility_id, OTHER, is_enabled=False, actor="test")
        locked = {"locked_at": services.clock.now(), "wrong_passwords": 5}
        administrator = account_of(services, facility_id)
        with services.database.transaction() as connection:
            AccountStore(connection, facility_id).manage(administrator.id, locked)
    _, lines = started(data)
    assert "ロックを解除しました" in typed(after(lines, "ロックされています").strip(), "")
    assert "有効にしました" in typed(after(lines, "いまは使えません").strip(), "")
    assert not any("zaitaku account" in line for line in started(data)[1])


def test_a_deleted_account_is_said_to_be_gone(data: Path) -> None:
    ready, _ = started(data)
    with opened(ready) as (services, facility_id):
        operated(services).delete(facility_id, OTHER, actor="test")
    _, lines = started(data)
    assert f"    一般 {OTHER} のパスワード  このアカウントは、ありません。" in lines


def test_looking_leaves_no_trace_and_takes_one_hash_for_each_account(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready, _ = started(data)
    with opened(ready) as (services, facility_id):
        operated(services).reset_password(facility_id, OTHER, actor="test")
        before = traces(services, facility_id)
    hashed: list[str] = []
    verify = Passwords.verify

    def counted(self: Passwords, kept: str | None, password: str) -> bool:
        hashed.append(password)
        return verify(self, kept, password)

    monkeypatch.setattr(Passwords, "verify", counted)
    for _ in range(6):
        started(data)
    assert len(hashed) == 6 * len(ready.summary["accounts"])
    with opened(ready) as (services, facility_id):
        assert traces(services, facility_id) == before


def traces(services: Services, facility_id: FacilityId) -> tuple[Any, ...]:
    """Return everything that a login would leave behind."""
    with services.database.reading() as connection:
        entries = AuditTrail(connection, facility_id).entries()
        return (*entries, *AccountStore(connection, facility_id).all())
