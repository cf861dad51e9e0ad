"""``zaitaku url``: a facility's reception URLs (医療機関別URL 取得・変更)."""

from collections.abc import Callable
from typing import Any, Final

import click

from zaitaku.commands.desk import (
    CHANNEL_OPTION,
    Desk,
    confirm,
    harmless,
    institution_code,
    japan_time,
    opened_desk,
    operator,
)
from zaitaku.facilities.channels import CHANNEL_NAMES
from zaitaku.facilities.model import Channel, Facility, InstitutionCode
from zaitaku.reception.errors import CannotReset, CannotRevert
from zaitaku.reception.model import ReceptionUrl, UrlAct, UrlEvent, UrlVersion

Command = Callable[..., Any]

_DONE: Final = {
    UrlAct.ISSUE: "最初の発行",
    UrlAct.ROTATE: "URLを変更しました",
    UrlAct.REVERT: "URLを変更前に戻しました",
    UrlAct.RESET: "最初のURLに戻しました",
}
_LOSS: Final = (
    "今のURLと二次元コードは、すぐに使えなくなります。\n"
    "第{number}版のポスターやカード、患者さんに送ったリンクも使えなくなり、"
    "途中の患者さんは登録できません。"
)


def _changing(command: Command) -> Command:
    for option in (
        click.option("--yes", is_flag=True, help="確認の質問をせずに実行する"),
        click.option("--reason", required=True, help="理由（履歴に残ります。200文字まで）"),
        click.argument("channel", type=CHANNEL_OPTION),
        click.argument("code", callback=institution_code),
    ):
        command = option(command)
    return command


@click.group()
def url() -> None:
    """医療機関別URLを表示し、変更します。"""


@url.command()
@click.argument("code", callback=institution_code)
@click.argument("channel", type=CHANNEL_OPTION)
def show(code: str, channel: str) -> None:
    """今のURLと、これまでの履歴を表示します。"""
    with opened_desk() as desk:
        facility = desk.facilities.find(InstitutionCode(code))
        standing = desk.reception.show(facility.id, Channel(channel))
        _tell(desk, facility, standing)
        if not standing.can_revert:
            click.echo("最初のURLなので、「変更前に戻す」「最初に戻す」はできません。")
        click.echo("履歴:")
        for event in desk.reception.history(facility.id, Channel(channel)):
            click.echo(f"  {_line(event)}")


@url.command()
@_changing
def rotate(code: str, channel: str, *, reason: str, yes: bool) -> None:
    """URLを変更します。新しいURLと二次元コードを作り、今のものを止めます。"""
    _change(UrlAct.ROTATE, code, Channel(channel), reason, is_confirmed=yes)


@url.command()
@_changing
def revert(code: str, channel: str, *, reason: str, yes: bool) -> None:
    """URLを変更前に戻します。今のURLを止めます。"""
    _change(UrlAct.REVERT, code, Channel(channel), reason, is_confirmed=yes)


@url.command()
@_changing
def reset(code: str, channel: str, *, reason: str, yes: bool) -> None:
    """最初のURLに戻します。今のURLを止めます。"""
    _change(UrlAct.RESET, code, Channel(channel), reason, is_confirmed=yes)


def _change(act: UrlAct, code: str, channel: Channel, reason: str, *, is_confirmed: bool) -> None:
    with opened_desk() as desk:
        facility = desk.facilities.find(InstitutionCode(code))
        before = desk.reception.show(facility.id, channel)
        effect = _effect(act, before)
        if not is_confirmed:
            _confirm(facility, before, effect)
        after = desk.reception.change(
            act, facility.id, channel, expected=before.current.id, actor=operator(), reason=reason
        )
        click.echo(f"{_DONE[act]}。")
        _tell(desk, facility, after)


def _effect(act: UrlAct, before: ReceptionUrl) -> str:
    if act is UrlAct.ROTATE:
        return "新しいURLを作ります。"
    number = _returning(act, before).number
    return f"第{number}版のURLと、そのポスターやカードを、また使えるようにします。"


def _returning(act: UrlAct, before: ReceptionUrl) -> UrlVersion:
    if act is UrlAct.REVERT:
        if before.previous is None:
            raise CannotRevert
        return before.previous
    if not before.can_reset:
        raise CannotReset
    return before.first


def _confirm(facility: Facility, before: ReceptionUrl, effect: str) -> None:
    click.echo(f"{facility.code} {facility.name}")
    click.echo(f"{CHANNEL_NAMES[before.channel]}（今は第{before.current.number}版）")
    click.echo(effect)
    click.echo(_LOSS.format(number=before.current.number))
    confirm("実行しますか")


def _tell(desk: Desk, facility: Facility, standing: ReceptionUrl) -> None:
    current = standing.current
    click.echo(f"{facility.code} {facility.name}")
    click.echo(f"{CHANNEL_NAMES[standing.channel]} 第{current.number}版")
    click.echo(f"URL: {desk.reception.address(current)}")
    click.echo(f"番号: {current.typed_number}（{desk.reception.typed_address}）")
    if not facility.settings.is_on(standing.channel):
        click.echo("この機能は「利用しない」になっています。URLを開いても受付できません。")


def _line(event: UrlEvent) -> str:
    source = "" if event.from_number is None else f"第{event.from_number}版 → "
    reason = f" 理由: {harmless(event.reason)}" if event.reason else ""
    return (
        f"{japan_time(event.at)} {_DONE[event.act]}"
        f"（{source}第{event.to_number}版） {harmless(event.actor)}{reason}"
    )
