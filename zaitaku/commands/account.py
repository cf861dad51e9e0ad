"""``zaitaku account``: the accounts of a facility's staff, from the operator's side."""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Final

import click

from zaitaku.accounts.model import ROLE_NAMES, Account, NewAccount, Role
from zaitaku.accounts.operating import OperatedAccounts
from zaitaku.accounts.words import USER_ID_TAKEN, mistake_words
from zaitaku.commands.desk import confirm, institution_code, japan_time, operator, words_for
from zaitaku.core.clock import SystemClock
from zaitaku.core.database import Database
from zaitaku.core.ephemeral_open import open_ephemeral
from zaitaku.core.errors import InvalidField, ZaitakuError
from zaitaku.facilities.model import Facility, InstitutionCode
from zaitaku.facilities.service import FacilityService
from zaitaku.settings import Settings

_WORDS: Final[Mapping[str, str]] = {
    "account-exists": USER_ID_TAKEN,
    "last-administrator": "いまから使い続けられる管理アカウントは、これだけです。"
    "先に、別の管理アカウントを登録してください。",
    "account-unknown": "この施設に、このユーザIDのアカウントはありません。",
}
_ROLES: Final = [role.value for role in Role]
_yes = click.option("--yes", is_flag=True, help="確認の質問をせずに実行する")


@click.group()
def account() -> None:
    """職員のアカウントを登録し、世話をします。"""


@account.command()
@click.argument("code", callback=institution_code)
@click.argument("user_id")
@click.option("--role", type=click.Choice(_ROLES), default="admin", show_default=True)
@click.option("--name", required=True, help="ユーザ名（全角のかな・カナ・英数字、20文字まで）")
@click.option("--kana", required=True, help="ユーザ名（カナ）（全角のカナ・英数字、40文字まで）")
def add(code: str, user_id: str, role: str, name: str, kana: str) -> None:
    """アカウントを登録し、はじめのパスワードを一度だけ表示します。

    運用者の仕事は、マスタ（master）とマスタリセット用（master-reset）の登録です。
    ほかの権限区分は、医療機関等が自分で登録するもので、管理はマスタが、そのほかは管理が画面から登録します。
    ここで登録できるのは、検証環境などの準備を自動で行うためです。
    """
    with _opened(code) as (accounts, facility):
        new = accounts.register(
            facility.id,
            role=Role(role),
            user_id=user_id,
            name=name,
            kana=kana,
            actor=operator(),
        )
    click.echo(f"登録しました: {new.account.user_id}（{ROLE_NAMES[new.account.role]}）")
    _tell_password(new)


@account.command("list")
@click.argument("code", callback=institution_code)
def list_accounts(code: str) -> None:
    """アカウントの一覧を表示します。"""
    with _opened(code) as (accounts, facility):
        found = accounts.all_of(facility.id)
    for each in found:
        click.echo(_line(each))
    click.echo(f"{len(found)}件")


@account.command()
@click.argument("code", callback=institution_code)
@click.argument("user_id")
def unlock(code: str, user_id: str) -> None:
    """パスワードを続けて間違えてロックされたアカウントを、使えるようにします。"""
    with _opened(code) as (accounts, facility):
        was_locked = accounts.find(facility.id, user_id).is_locked
        released = accounts.unlock(facility.id, user_id, actor=operator())
    told = "ロックを解除しました" if was_locked else "ロックされていません。何も変えていません"
    click.echo(f"{told}: {released.user_id}")


@account.command("reset-password")
@click.argument("code", callback=institution_code)
@click.argument("user_id")
@click.option(
    "--forget-sign-in",
    is_flag=True,
    help="なくしたパスキーと回復コードも取り消す（本人確認のあとで）",
)
@_yes
def reset_password(code: str, user_id: str, *, forget_sign_in: bool, yes: bool) -> None:
    """新しいはじめのパスワードを作り、一度だけ表示します。いまのパスワードは使えなくなります。"""
    with _opened(code) as (accounts, facility):
        if not yes:
            _show(facility, accounts.find(facility.id, user_id))
            _confirm_reset(forget_sign_in=forget_sign_in)
        new = accounts.reset_password(
            facility.id, user_id, actor=operator(), forget_sign_in=forget_sign_in
        )
    click.echo(f"パスワードを作りなおしました: {new.account.user_id}")
    if forget_sign_in:
        click.echo("登録済みのパスキーと回復コードも取り消しました。")
    _tell_password(new)


@account.command("set")
@click.argument("code", callback=institution_code)
@click.argument("user_id")
@click.option("--enabled/--disabled", "is_enabled", required=True, help="有効にする / 無効にする")
def set_state(code: str, user_id: str, *, is_enabled: bool) -> None:
    """アカウントを有効または無効にします。無効にすると、すぐにログアウトされます。"""
    with _opened(code) as (accounts, facility):
        changed = accounts.set_enabled(
            facility.id, user_id, is_enabled=is_enabled, actor=operator()
        )
    click.echo(f"{'有効' if is_enabled else '無効'}にしました: {changed.user_id}")


@account.command()
@click.argument("code", callback=institution_code)
@click.argument("user_id")
@_yes
def delete(code: str, user_id: str, *, yes: bool) -> None:
    """アカウントを削除します。元に戻せず、同じユーザIDは二度と使えません。"""
    with _opened(code) as (accounts, facility):
        found = accounts.find(facility.id, user_id)
        if not yes:
            _show(facility, found)
            confirm("このアカウントを削除しますか")
            confirm("元に戻せません。本当に削除しますか")
        accounts.delete(facility.id, user_id, actor=operator())
    click.echo(f"削除しました: {found.user_id}")


@contextmanager
def _opened(code: str) -> Iterator[tuple[OperatedAccounts, Facility]]:
    settings, clock = Settings.from_env(), SystemClock()
    database = Database(settings.database_url)
    try:
        facility = FacilityService(database=database, clock=clock).find(InstitutionCode(code))
        with closing(open_ephemeral(settings.ephemeral_url, clock)) as ephemeral:
            accounts = OperatedAccounts(database=database, ephemeral=ephemeral, clock=clock)
            yield accounts, facility
    except ZaitakuError as error:
        raise click.ClickException(_words_for(error)) from error
    finally:
        database.close()


def _words_for(error: ZaitakuError) -> str:
    if isinstance(error, InvalidField):
        return mistake_words(error)
    return _WORDS.get(error.code) or words_for(error)


def _show(facility: Facility, found: Account) -> None:
    click.echo(f"{facility.code} {facility.name}")
    click.echo(_line(found))


def _confirm_reset(*, forget_sign_in: bool) -> None:
    click.echo("いまのパスワードは使えなくなり、ログイン中のときはログアウトされます。")
    if forget_sign_in:
        click.echo("登録済みのパスキーと回復コードも取り消します。")
    confirm("このアカウントのパスワードを作りなおしますか")


def _tell_password(new: NewAccount) -> None:
    until = new.account.initial_password_until
    if until is None:
        click.echo(f"パスワード: {new.password}")
        click.echo("この表示は一度だけです。つなぐシステムや機器に設定してください。")
        click.echo("有効期限: なし")
        return
    click.echo(f"はじめのパスワード: {new.password}")
    click.echo("この表示は一度だけです。はじめてのログインで、新しいパスワードに変更します。")
    click.echo(f"有効期限: {japan_time(until)}")


def _line(each: Account) -> str:
    states = [ROLE_NAMES[each.role], "有効" if each.is_enabled else "無効"]
    if each.is_locked:
        states.append("ロック中")
    if each.must_change_password:
        states.append("はじめのパスワードのまま")
    return f"{each.user_id:<8}  {each.name}  {'・'.join(states)}"
