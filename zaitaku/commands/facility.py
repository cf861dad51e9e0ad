"""``zaitaku facility``: the facilities of a deployment."""

from typing import Final

import click

from zaitaku.commands.desk import Desk, institution_code, japan_time, opened_desk, operator
from zaitaku.facilities.model import Channel, EnvironmentSettings, Facility, InstitutionCode
from zaitaku.reception.poster import CHANNEL_NAMES

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


def _tell_channels(desk: Desk, found: Facility) -> None:
    for channel in Channel:
        current = desk.reception.show(found.id, channel).current
        state = _STATES[found.settings.is_on(channel)]
        click.echo(f"{CHANNEL_NAMES[channel]}: {state}")
        click.echo(f"  {desk.reception.address(current)}")
