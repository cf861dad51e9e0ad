"""``zaitaku facility``: the facilities of a deployment."""

from typing import Final

import click

from zaitaku.commands.desk import Desk, institution_code, japan_time, opened_desk, operator
from zaitaku.commands.settings_words import described, with_changes
from zaitaku.core.errors import Conflict
from zaitaku.facilities.channels import CHANNEL_NAMES
from zaitaku.facilities.model import Channel, EnvironmentSettings, Facility, InstitutionCode
from zaitaku.facilities.service import newly_on
from zaitaku.facilities.words import TERMS, differences, value_words

_CHANNELS_BY_SETTING: Final = ("home_visit", "online")
_STATES: Final = {True: "利用する", False: "利用しない"}


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
def add(
    code: str,
    *,
    name: str,
    phone: str,
    hours: str,
    display_name: str,
    home_visit: bool,
    online: bool,
) -> None:
    """医療機関等を登録し、チャネルごとに最初のURLを発行します。"""
    settings = EnvironmentSettings(home_visit=home_visit, online=online, display_name=display_name)
    with opened_desk() as desk:
        added = desk.facilities.add(
            InstitutionCode(code),
            registered_name=name,
            phone=phone,
            hours=hours,
            settings=settings,
            actor=operator(),
            founding=desk.reception.issue_first,
        )
        click.echo(f"登録しました: {added.code} {added.name}")
        _tell_channels(desk, added)


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
        found = desk.facilities.find(InstitutionCode(code))
        click.echo(f"医療機関等コード: {found.code}")
        click.echo(f"施設名: {found.registered_name}")
        click.echo(f"Webに表示する名前: {found.name}")
        click.echo(f"電話番号: {found.phone}")
        click.echo(f"受付時間: {found.hours or '（なし）'}")
        click.echo(f"登録: {japan_time(found.created_at)}")
        _tell_channels(desk, found)
    click.echo(f"環境設定情報（第{found.settings_version}版）")
    for line in described(found.settings):
        click.echo(f"  {line}")


@facility.command("set")
@click.argument("code", callback=institution_code)
@click.argument("changes", nargs=-1, required=True, metavar="名前=値...")
@click.option("--yes", is_flag=True, help="確認の質問をせずに実行する")
def set_settings(code: str, changes: tuple[str, ...], *, yes: bool) -> None:
    """環境設定情報を変更します。名前と今の値は show で表示されます。

    例: zaitaku facility set 1310123456 clinical=on medication=off online=on
    """
    with opened_desk() as desk:
        before = desk.facilities.find(InstitutionCode(code))
        after = with_changes(before.settings, changes)
        desk.facilities.check_settings(before, after)
        changed = differences(before.settings, after)
        if not changed:
            click.echo("今の設定と同じなので、何も変更していません。")
            return
        _tell_changes(before, after, changed)
        if not yes:
            click.confirm("変更しますか", abort=True)
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


def _tell_changes(before: Facility, after: EnvironmentSettings, changed: list[str]) -> None:
    click.echo(f"{before.code} {before.name}")
    former, new = before.settings.to_mapping(), after.to_mapping()
    for name in changed:
        click.echo(f"  {TERMS[name]}: {value_words(former[name])} → {value_words(new[name])}")
    for name in _CHANNELS_BY_SETTING:
        if name in changed and new[name]:
            click.echo(
                f"{TERMS[name]}を利用するには、利用規約への同意が要ります。"
                "変更すると、運用者が医療機関等を代表して同意したことになります。"
            )
    click.echo("この医療機関等でログインしている人は、全員ログアウトされます。")


def _tell_channels(desk: Desk, found: Facility) -> None:
    for channel in Channel:
        current = desk.reception.show(found.id, channel).current
        state = _STATES[found.settings.is_on(channel)]
        click.echo(f"{CHANNEL_NAMES[channel]}: {state}")
        click.echo(f"  {desk.reception.address(current)}")
