"""``zaitaku facility close``: a facility that has closed its doors."""

from collections.abc import Iterable
from dataclasses import replace

import click

from zaitaku.accounts.closing import disable_all, enabled_accounts
from zaitaku.accounts.model import ROLE_NAMES, Account
from zaitaku.commands.desk import (
    Desk,
    confirm,
    found_facility,
    institution_code,
    opened_desk,
    operator,
    unless_settings_changed,
)
from zaitaku.core.clock import SystemClock
from zaitaku.facilities.model import EnvironmentSettings, Facility
from zaitaku.facilities.words import changed_settings


@click.command()
@click.argument("code", callback=institution_code)
@click.option("--yes", is_flag=True, help="確認の質問をせずに実行する")
def close(code: str, *, yes: bool) -> None:
    """閉院などのとき、受付を止め、アカウントをすべて無効にします。記録は消えません。

    途中で止まったときは、もう一度実行すると、残りを終わらせます。
    """
    with opened_desk() as desk:
        found = found_facility(desk, code)
        with desk.database.reading() as connection:
            accounts = enabled_accounts(connection, found.id)
        closed = replace(found.settings, home_visit=False, online=False)
        if closed == found.settings and not accounts:
            click.echo("受付もアカウントも、すでに止まっています。何も変更していません。")
            return
        _tell(found, closed, accounts)
        if not yes:
            confirm("受付を終わりにしますか")
        ended = _close(desk, found, closed)
    click.echo(f"受付を止め、アカウント{ended}件を無効にしました。同意などの記録は残っています。")


def _tell(found: Facility, closed: EnvironmentSettings, accounts: Iterable[Account]) -> None:
    click.echo(f"{found.code} {found.name}")
    for change in changed_settings(found.settings, closed):
        click.echo(f"  {change.term}: {change.change}")
    for account in accounts:
        click.echo(f"  アカウント {account.user_id}（{ROLE_NAMES[account.role]}）: 有効 → 無効")
    click.echo("患者さんの受付と、職員、端末、つないだシステムの利用が、すぐに止まります。")
    click.echo(
        "また始めるときは、zaitaku account set でアカウントを有効に、"
        "zaitaku facility set で機能を利用するにします。"
    )


def _close(desk: Desk, found: Facility, closed: EnvironmentSettings) -> int:
    # Patients' door first: what they see never promises a facility at which nobody can log in.
    if closed != found.settings:
        with unless_settings_changed():
            desk.facilities.change_settings(
                found.id, closed, expected_version=found.settings_version, actor=operator()
            )
    with desk.database.transaction() as connection:
        at = SystemClock().now()
        return len(disable_all(connection, found.id, actor=operator(), at=at))
