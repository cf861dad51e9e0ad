"""``zaitaku facility close``: a facility that has closed its doors."""

from collections.abc import Iterable

import click

from zaitaku.accounts.closing import AccountsEnd, enabled_accounts
from zaitaku.accounts.model import ROLE_NAMES, Account
from zaitaku.commands.desk import (
    confirm,
    found_facility,
    institution_code,
    opened_desk,
    operator,
)
from zaitaku.core.clock import SystemClock
from zaitaku.facilities.model import Channel, Facility
from zaitaku.facilities.registry import switched_off
from zaitaku.facilities.words import changed_settings


@click.command()
@click.argument("code", callback=institution_code)
@click.option("--yes", is_flag=True, help="確認の質問をせずに実行する")
def close(code: str, *, yes: bool) -> None:
    """閉院などのとき、受付を止め、アカウントをすべて無効にします。記録は消えません。"""
    with opened_desk() as desk:
        found = found_facility(desk, code)
        with desk.database.reading() as connection:
            accounts = enabled_accounts(connection, found.id)
        if switched_off(found.settings) == found.settings and not accounts:
            click.echo("受付もアカウントも、すでに止まっています。何も変更していません。")
            return
        _tell(found, accounts)
        if not yes:
            confirm("受付を終わりにしますか")
        ended = desk.registry.close(found.id, AccountsEnd(SystemClock()), actor=operator())
    click.echo(
        f"受付を止め、アカウント{len(ended)}件を無効にしました。同意などの記録は残っています。"
    )
    _tell_the_way_back(found, ended)


def _tell(found: Facility, accounts: Iterable[Account]) -> None:
    click.echo(f"{found.code} {found.name}")
    for change in changed_settings(found.settings, switched_off(found.settings)):
        click.echo(f"  {change.term}: {change.change}")
    for account in accounts:
        click.echo(f"  アカウント {account.user_id}（{ROLE_NAMES[account.role]}）: 有効 → 無効")
    click.echo("患者さんの受付と、職員、端末、つないだシステムの利用が、すぐに止まります。")


def _tell_the_way_back(found: Facility, ended: Iterable[Account]) -> None:
    click.echo("また始めるときは、次のコマンドを使います。")
    for account in ended:
        click.echo(f"  zaitaku account set {found.code} {account.user_id} --enabled")
    for channel in Channel:
        if found.settings.is_on(channel):
            click.echo(f"  zaitaku facility set {found.code} {channel.value}=on")
    click.echo(
        "訪問診療等機能をまた利用すると、前に登録した端末も使えます。"
        "使わせない端末は、アクティベーションコードを無効にしてください。"
    )
