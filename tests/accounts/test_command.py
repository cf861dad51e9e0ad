"""``zaitaku account`` on a database of its own."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.accounts.conftest import CODE, attempt
from zaitaku.accounts.errors import LoginRefused
from zaitaku.accounts.model import user_key
from zaitaku.accounts.service import AccountService
from zaitaku.accounts.sign_in_store import SignInStore
from zaitaku.accounts.store import AccountStore
from zaitaku.audit.model import Act
from zaitaku.audit.store import AuditTrail
from zaitaku.commands.account import account
from zaitaku.core.database import Database
from zaitaku.core.ids import new_uuid
from zaitaku.facilities.model import Facility

KEY = "a-key-for-the-tests-of-the-commands-1234567"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, database: Database) -> None:
    """The settings of a deployment, as an operator has them."""
    values = {
        "MODE": "sandbox",
        "ORIGIN": "http://localhost:8000",
        "DATABASE_URL": database.url.render_as_string(hide_password=False),
        "EPHEMERAL_URL": f"sqlite:///{tmp_path / 'ephemeral.db'}",
        "URL_KEYS": KEY,
        "SESSION_KEYS": f"session-{KEY}",
        "SUBJECT_KEYS": f"subject-{KEY}",
        "REQUEST_KEY_FILE": "unused.pem",
        "TRUST_ANCHORS": "unused.pem",
        "CRL_FILE": "unused.der",
    }
    for name, value in values.items():
        monkeypatch.setenv(f"ZAITAKU_{name}", value)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(account, arguments)


def add(user_id: str = "staff1", role: str = "general") -> Result:
    names = ("--name", "みどり", "--kana", "ミドリ")
    return run("add", CODE, user_id, "--role", role, *names)


def told_password(result: Result) -> str:
    found = re.search(r"はじめのパスワード: (\S+)", result.output)
    assert found, result.output
    return found[1]


def test_an_added_account_can_log_in_with_the_password_that_was_told(
    facility: Facility, accounts: AccountService
) -> None:
    result = add()
    assert result.exit_code == 0, result.output
    assert "staff1（一般）" in result.output
    assert "有効期限" in result.output
    assert accounts.authenticate(attempt(told_password(result))).account.must_change_password


def test_the_list_tells_roles_and_states(facility: Facility, accounts: AccountService) -> None:
    add()
    add("kanri", "admin")
    for _ in range(5):
        with pytest.raises(LoginRefused):
            accounts.authenticate(attempt("wrong"))
    lines = run("list", CODE).output.splitlines()
    assert [line.split()[0] for line in lines] == ["kanri", "staff1", "2件"]
    assert "管理" in lines[0]
    assert "ロック中" in lines[1]


def test_unlock_and_reset(facility: Facility, accounts: AccountService) -> None:
    password = told_password(add())
    for _ in range(5):
        with pytest.raises(LoginRefused):
            accounts.authenticate(attempt("wrong"))
    assert "ロックを解除しました" in run("unlock", CODE, "staff1").output
    assert accounts.authenticate(attempt(password)).account.user_id == "staff1"
    nothing = run("unlock", CODE, "staff1")
    assert nothing.exit_code == 0
    assert nothing.output == "ロックされていません。何も変えていません: staff1\n"
    again = told_password(run("reset-password", CODE, "staff1", "--yes"))
    assert again != password
    with pytest.raises(LoginRefused):
        accounts.authenticate(attempt(password))
    assert accounts.authenticate(attempt(again)).account.user_id == "staff1"


@pytest.mark.parametrize("answer", ["n\n", "\n", ""])
def test_a_password_stays_unless_the_operator_says_yes(
    facility: Facility, accounts: AccountService, answer: str
) -> None:
    password = told_password(add())
    asked = CliRunner().invoke(account, ("reset-password", CODE, "staff1"), input=answer)
    assert asked.exit_code == 1
    assert f"{CODE} {facility.name}" in asked.output
    assert "staff1    みどり  一般" in asked.output
    assert "いまのパスワードは使えなくなり" in asked.output
    assert "パスキー" not in asked.output
    assert "やめました。何も変更していません。" in asked.output
    assert accounts.authenticate(attempt(password)).account.user_id == "staff1"


def test_a_yes_resets_the_password_and_other_answers_are_asked_again(
    facility: Facility, accounts: AccountService
) -> None:
    add()
    words = ("reset-password", CODE, "staff1", "--forget-sign-in")
    asked = CliRunner().invoke(account, words, input="たぶん\nｙ\n")
    assert asked.exit_code == 0, asked.output
    assert "パスキーと回復コードも取り消します。" in asked.output
    assert asked.output.count("作りなおしますか [y/N]") == 2
    assert "y（はい）か n（いいえ）で答えてください。" in asked.output
    assert accounts.authenticate(attempt(told_password(asked))).account.user_id == "staff1"


def test_lost_passkeys_are_forgotten_only_when_asked(
    facility: Facility, database: Database
) -> None:
    add("master", "master")
    with database.reading() as connection:
        known = AccountStore(connection, facility.id).by_key(user_key("master"))
    assert known is not None
    master = known.account.id

    def passkeys() -> int:
        with database.reading() as connection:
            return len(SignInStore(connection, facility.id).passkeys(master))

    with database.transaction() as connection:
        SignInStore(connection, facility.id).add_passkey(
            {
                "id": new_uuid(),
                "account_id": master,
                "credential_id": b"lost",
                "public_key": b"",
                "sign_count": 0,
                "transports": "",
                "is_backed_up": False,
                "name": "なくした電話",
                "created_at": facility.created_at,
            }
        )
    assert "パスキー" not in run("reset-password", CODE, "master", "--yes").output
    assert passkeys() == 1
    told = run("reset-password", CODE, "master", "--yes", "--forget-sign-in").output
    assert "パスキーと回復コードも取り消しました" in told
    assert passkeys() == 0
    with database.reading() as connection:
        *_, last = AuditTrail(connection, facility.id).entries()
    assert (last.act, last.subject) == (Act.RESET_PASSWORD, "master")
    assert last.detail == {"パスキーと回復コード": "取消し（パスキー1件）"}


def test_a_programs_password_is_told_as_one_that_lasts(facility: Facility) -> None:
    for result in (add("A0rece", "web-api"), run("reset-password", CODE, "A0rece", "--yes")):
        assert "有効期限: なし" in result.output
        assert "はじめて" not in result.output


def test_the_help_says_whose_business_the_roles_are() -> None:
    told = "".join(run("add", "--help").output.split())
    assert "ほかの権限区分は、医療機関等が自分で登録する" in told


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("unlock", CODE, "nobody"), "このユーザIDのアカウントはありません"),
        (("reset-password", CODE, "nobody"), "このユーザIDのアカウントはありません"),
        (("list", "1310999999"), "登録されていません"),
        (("list", "13109"), "10桁の数字"),
    ],
)
def test_unknown_names_are_told(facility: Facility, arguments: tuple[str, ...], words: str) -> None:
    result = run(*arguments)
    assert result.exit_code != 0
    assert words in result.output


def test_broken_rules_are_told(facility: Facility) -> None:
    assert "A0〜A9" in add("A0abc").output
    assert add().exit_code == 0
    assert "使われているか、前に使われていました" in add().output
    names = ("--name", "<b>", "--kana", "ミドリ")
    assert "ユーザ名は、ひらがな" in run("add", CODE, "other", *names).output


def test_the_operator_cares_for_the_accounts_that_nobody_else_may(facility: Facility) -> None:
    for user_id, role in (("master", "master"), ("reset", "master-reset")):
        assert add(user_id, role).exit_code == 0
        assert told_password(run("reset-password", CODE, user_id, "--yes"))
    assert "無効にしました: master" in run("set", CODE, "master", "--disabled").output
    assert "無効" in run("list", CODE).output
    assert run("delete", CODE, "reset").exit_code != 0
    result = CliRunner().invoke(account, ("delete", CODE, "reset"), input="y\ny\n")
    assert "削除しました: reset" in result.output
    assert "reset" not in run("list", CODE).output
    assert "前に使われていました" in add("reset", "master-reset").output


def test_the_operator_too_leaves_an_administrator(facility: Facility) -> None:
    add("kanri", "admin")
    for arguments in (("set", CODE, "kanri", "--disabled"), ("delete", CODE, "kanri", "--yes")):
        result = run(*arguments)
        assert result.exit_code != 0
        assert "先に、別の管理アカウントを登録してください" in result.output
