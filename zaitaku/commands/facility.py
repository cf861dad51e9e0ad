"""``zaitaku facility``: the facilities of a deployment."""

from datetime import datetime
from typing import Final

import click
from sqlalchemy import Connection

from zaitaku.accounts.closing import enabled_accounts
from zaitaku.accounts.founding import MASTER_ID, MASTER_RESET_ID, Founders
from zaitaku.accounts.model import ROLE_NAMES, NewAccount
from zaitaku.accounts.passwords import Passwords
from zaitaku.commands.desk import (
    Desk,
    confirm,
    found_facility,
    institution_code,
    japan_time,
    opened_desk,
    operator,
    tell_agreement,
)
from zaitaku.commands.facility_closing import close
from zaitaku.commands.facility_facts import add_commands, told_relations
from zaitaku.commands.facility_import import import_table, table
from zaitaku.commands.settings_words import described, with_changes
from zaitaku.core.clock import SystemClock
from zaitaku.core.errors import Conflict, InvalidField
from zaitaku.core.ids import FacilityId
from zaitaku.facilities.channels import CHANNEL_NAMES
from zaitaku.facilities.model import (
    Channel,
    Enrolment,
    EnvironmentSettings,
    Facility,
    InstitutionCode,
)
from zaitaku.facilities.relations import FacilityFacts
from zaitaku.facilities.service import Founding, newly_on
from zaitaku.facilities.words import changed_settings, value_words

_DAY: Final = click.DateTime(formats=["%Y-%m-%d"])


@click.group()
def facility() -> None:
    """医療機関等を登録し、確かめます。"""


@facility.command()
@click.argument("code", callback=institution_code)
@click.option("--name", required=True, help="登録する施設名（60文字まで）")
@click.option("--phone", required=True, help="患者さんがかける電話番号")
@click.option("--hours", default="", help="受付時間（80文字まで）")
@click.option("--display-name", default="", help="Webに表示する名前（なければ施設名）")
@click.option("--home-visit/--no-home-visit", default=False, help="訪問診療等機能を利用する")
@click.option("--online/--no-online", default=False, help="オンライン診療等機能を利用する")
@click.option("--starts-on", type=_DAY, help="利用開始日（例：2026-12-01。なければ、すぐ）")
@click.option("--master-id", default=MASTER_ID, show_default=True, help="マスタのユーザID")
@click.option(
    "--master-reset-id",
    default=MASTER_RESET_ID,
    show_default=True,
    help="マスタリセット用の同じもの",
)
def add(
    code: str,
    *,
    name: str,
    phone: str,
    hours: str,
    display_name: str,
    home_visit: bool,
    online: bool,
    starts_on: datetime | None,
    master_id: str,
    master_reset_id: str,
) -> None:
    """医療機関等を登録し、最初のURLと、マスタ・マスタリセット用のアカウントを作ります。"""
    settings = EnvironmentSettings(home_visit=home_visit, online=online, display_name=display_name)
    with opened_desk() as desk:
        founders = _founders(InstitutionCode(code), master_id, master_reset_id)
        added = desk.facilities.add(
            InstitutionCode(code),
            registered_name=name,
            phone=phone,
            hours=hours,
            settings=settings,
            actor=operator(),
            founding=_founding(desk, founders),
            enrolment=Enrolment(starts_on=starts_on.date() if starts_on else None),
        )
        click.echo(f"登録しました: {added.code} {added.name}")
        _tell_channels(desk, added)
    for made in founders.made:
        _tell_account(made)


def _founders(code: InstitutionCode, master_id: str, master_reset_id: str) -> Founders:
    try:
        return Founders(Passwords(), SystemClock(), code.kind, master_id, master_reset_id)
    except InvalidField as error:
        raise click.ClickException(
            "マスタとマスタリセット用のユーザIDは、半角の英字と数字で2〜8文字の、"
            "別々のものにしてください。"
        ) from error


def _founding(desk: Desk, founders: Founders) -> Founding:
    def found(connection: Connection, facility_id: FacilityId, actor: str) -> None:
        desk.reception.issue_first(connection, facility_id, actor)
        founders(connection, facility_id, actor)

    return found


def _tell_account(made: NewAccount) -> None:
    until = made.account.initial_password_until
    click.echo(f"{ROLE_NAMES[made.account.role]}のユーザID: {made.account.user_id}")
    click.echo(f"  はじめのパスワード: {made.password}")
    click.echo(f"  この表示は一度だけです。有効期限: {japan_time(until) if until else 'なし'}")


@facility.command("list")
def list_facilities() -> None:
    """医療機関等の一覧を表示します。"""
    with opened_desk() as desk:
        found = desk.facilities.all()
    for each in found:
        click.echo(f"{each.code}  {each.name}")
    click.echo(f"{len(found)}件")


@facility.command()
@click.argument("code", callback=institution_code)
def show(code: str) -> None:
    """ひとつの医療機関等の登録内容を表示します。"""
    with opened_desk() as desk:
        found = found_facility(desk, code)
        with desk.database.reading() as connection:
            accounts = enabled_accounts(connection, found.id)
        click.echo(f"医療機関等コード: {found.code}")
        click.echo(f"Webに表示する名前: {found.name}")
        for fact, words in FacilityFacts.of(found).in_words().items():
            click.echo(f"{fact}: {words}")
        click.echo(f"登録: {japan_time(found.created_at)}")
        for line in told_relations(desk, found):
            click.echo(line)
        click.echo(f"有効なアカウント: {len(accounts)}件")
        _tell_channels(desk, found)
    click.echo(f"環境設定情報（第{found.settings_version}版）")
    for line in described(found.settings):
        click.echo(f"  {line}")


@facility.command()
@click.argument("code", callback=institution_code)
def history(code: str) -> None:
    """環境設定情報の変更と、利用規約への同意の履歴を表示します。"""
    with opened_desk() as desk:
        found = found_facility(desk, code)
        changes = desk.facilities.settings_history(found.id)
        accepted = desk.facilities.acceptances(found.id)
    before = changes[0].settings
    for change in changes:
        click.echo(f"第{change.version}版  {japan_time(change.at)}  {change.actor}")
        for each in changed_settings(before, change.settings):
            click.echo(f"  {each.term}: {each.change}")
        for one in accepted:
            if one.settings_version == change.version:
                click.echo(
                    f"  利用規約に同意: {CHANNEL_NAMES[one.channel]} 第{one.terms_version}版"
                )
        before = change.settings


@facility.command("set")
@click.argument("code", callback=institution_code)
@click.argument("changes", nargs=-1, required=True, metavar="名前=値...")
@click.option("--yes", is_flag=True, help="確認の質問をせずに実行する")
def set_settings(code: str, changes: tuple[str, ...], *, yes: bool) -> None:
    """環境設定情報を変更します。名前と今の値は show で表示されます。

    例: zaitaku facility set 1310123456 clinical=on medication=off online=on
    """
    with opened_desk() as desk:
        before = found_facility(desk, code)
        after = with_changes(before.settings, changes)
        desk.facilities.check_settings(before, after)
        if before.settings == after:
            click.echo("今の設定と同じなので、何も変更していません。")
            return
        _tell_changes(before, after)
        if not yes:
            confirm("変更しますか")
        _save(desk, before, after)


def _save(desk: Desk, before: Facility, after: EnvironmentSettings) -> None:
    terms = desk.facilities.terms
    channels = newly_on(before.settings, after)
    try:
        saved = desk.facilities.change_settings(
            before.id,
            after,
            expected_version=before.settings_version,
            actor=operator(),
            accepted={channel: terms.current(channel).version for channel in channels},
        )
    except Conflict as error:
        raise click.ClickException(
            "ほかの人が先に設定を変更したため、何も変更していません。"
            "zaitaku facility show で今の設定を確かめてから、もう一度お試しください。"
        ) from error
    click.echo(f"変更しました（第{saved.settings_version}版）。")


def _tell_changes(before: Facility, after: EnvironmentSettings) -> None:
    click.echo(f"{before.code} {before.name}")
    for change in changed_settings(before.settings, after):
        click.echo(f"  {change.term}: {change.change}")
    for channel in newly_on(before.settings, after):
        tell_agreement(channel)
    click.echo("この医療機関等でログインしている人は、全員ログアウトされます。")


def _tell_channels(desk: Desk, found: Facility) -> None:
    for channel in Channel:
        current = desk.reception.show(found.id, channel).current
        state = value_words(found.settings.is_on(channel))
        click.echo(f"{CHANNEL_NAMES[channel]}: {state}")
        click.echo(f"  {desk.reception.address(current)}")


add_commands(facility)
facility.add_command(close)
facility.add_command(table)
facility.add_command(import_table)
