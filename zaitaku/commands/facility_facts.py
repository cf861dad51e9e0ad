"""``zaitaku facility change|change-code|relate|unrelate``: what only the operator settles."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime
from typing import Any, Final

import click

from zaitaku.accounts.model import ROLE_NAMES
from zaitaku.commands.desk import (
    Desk,
    confirm,
    found_facility,
    harmless,
    institution_code,
    opened_desk,
    operator,
)
from zaitaku.core.errors import Conflict
from zaitaku.devices.staying import Staying
from zaitaku.facilities.model import Facility, InstitutionCode
from zaitaku.facilities.relations import (
    CODE_CHANGE_NAMES,
    RELATION_NAMES,
    CodeChange,
    CodeChangeKind,
    FacilityFacts,
    RelatedFacility,
    Relation,
)
from zaitaku.facilities.words import ChangedSetting

_DAY: Final = click.DateTime(formats=["%Y-%m-%d"])
_NONE: Final = "none"
_ALL_OUT: Final = "この医療機関等でログインしている人は、全員ログアウトされます。"


class _DayOrNone(click.ParamType[Any]):
    """A day, or the word that takes one away."""

    name = "日付"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> object:
        return _NONE if value == _NONE else _DAY.convert(value, param, ctx)


_yes = click.option("--yes", is_flag=True, help="確認の質問をせずに実行する")
_new_name = click.option("--name", help="登録する施設名（60文字まで）")
_new_phone = click.option("--phone", help="患者さんがかける電話番号")
_new_hours = click.option("--hours", help="受付時間（80文字まで）")


@click.command()
@click.argument("code", callback=institution_code)
@_new_name
@_new_phone
@_new_hours
@click.option("--starts-on", type=_DayOrNone(), help="利用開始日（例：2026-12-01。すぐなら none）")
@click.option("--subsidy-pilot/--no-subsidy-pilot", default=None, help="PMHの先行実施に参加する")
@click.option(
    "--chart-sharing-from",
    type=_DayOrNone(),
    help="電子カルテ情報共有サービスの開始日（やめるなら none）",
)
@_yes
def change(
    code: str,
    *,
    name: str | None,
    phone: str | None,
    hours: str | None,
    starts_on: datetime | str | None,
    subsidy_pilot: bool | None,
    chart_sharing_from: datetime | str | None,
    yes: bool,
) -> None:
    """登録内容（施設名、電話番号、利用開始日など）を変更します。"""
    with opened_desk() as desk, _no_conflict():
        before = found_facility(desk, code)
        joined = before.enrolment
        facts = replace(
            _facts(before, name, phone, hours),
            enrolment=replace(
                joined,
                starts_on=_day(starts_on, joined.starts_on),
                subsidy_pilot=joined.subsidy_pilot if subsidy_pilot is None else subsidy_pilot,
                chart_sharing_from=_day(chart_sharing_from, joined.chart_sharing_from),
            ),
        )
        if not _confirmed(before, facts, desk.registry.lost_settings(before, facts), yes=yes):
            return
        desk.registry.change_facts(
            before.id, facts, expected_revision=before.revision, actor=operator()
        )
        click.echo("変更しました。")


@click.command("change-code")
@click.argument("code", callback=institution_code)
@click.argument("new_code", callback=institution_code)
@click.option(
    "--kind",
    type=click.Choice([kind.value for kind in CodeChangeKind]),
    default=CodeChangeKind.CHANGE.value,
    show_default=True,
    help="change: 同じ医療機関等のコード変更、succession: 承継",
)
@click.option("--on", "effective_on", type=_DAY, required=True, help="新しいコードになった日")
@click.option("--reason", required=True, help="理由（200文字まで）")
@_new_name
@_new_phone
@_new_hours
@_yes
def change_code(
    code: str,
    new_code: str,
    *,
    kind: str,
    effective_on: datetime,
    reason: str,
    name: str | None,
    phone: str | None,
    hours: str | None,
    yes: bool,
) -> None:
    """医療機関等コードを変更します。同意、URL、アカウント、設定は、そのまま引き継ぎます。"""
    with opened_desk() as desk, _no_conflict():
        before = found_facility(desk, code)
        wanted = CodeChange(
            CodeChangeKind(kind), InstitutionCode(new_code), effective_on.date(), reason
        )
        facts = _facts(before, name, phone, hours)
        click.echo(f"{CODE_CHANGE_NAMES[wanted.kind]}: {before.code} → {wanted.code}")
        _tell(facts.changes_from(FacilityFacts.of(before)))
        click.echo("これからは、新しいコードでログインします。前のコードではログインできません。")
        if wanted.kind is CodeChangeKind.SUCCESSION:
            _tell_staying(desk, before)
        if not yes:
            confirm("変更しますか")
        desk.registry.change_code(
            before.id, wanted, expected_revision=before.revision, actor=operator(), facts=facts
        )
        click.echo("変更しました。")


@click.command()
@click.argument("code", callback=institution_code)
@click.argument("related_code", callback=institution_code)
@click.option("--name", required=True, help="関連する医療機関等の名称")
@click.option(
    "--relation",
    type=click.Choice([relation.value for relation in Relation]),
    required=True,
    help="succession: 承継、double-status: 医科・歯科併設",
)
@click.option("--opened", type=_DAY, help="開設日")
@click.option("--closed", type=_DAY, help="廃止日")
def relate(
    code: str,
    related_code: str,
    *,
    name: str,
    relation: str,
    opened: datetime | None,
    closed: datetime | None,
) -> None:
    """関連医療機関情報を登録します。同じコードがあれば、書き換えます。"""
    with opened_desk() as desk:
        found = found_facility(desk, code)
        related = RelatedFacility(
            code=InstitutionCode(related_code),
            name=name,
            relation=Relation(relation),
            opened_on=opened.date() if opened else None,
            closed_on=closed.date() if closed else None,
        )
        desk.registry.relate(found.id, related, actor=operator())
    click.echo(f"登録しました: {related.code} {related.name}")


@click.command()
@click.argument("code", callback=institution_code)
@click.argument("related_code", callback=institution_code)
def unrelate(code: str, related_code: str) -> None:
    """関連医療機関情報を一つ取り消します。"""
    with opened_desk() as desk:
        found = found_facility(desk, code)
        desk.registry.unrelate(found.id, InstitutionCode(related_code), actor=operator())
    click.echo(f"取り消しました: {related_code}")


def add_commands(group: click.Group) -> None:
    """Add this file's commands to ``zaitaku facility``."""
    for command in (change, change_code, relate, unrelate):
        group.add_command(command)


def told_relations(desk: Desk, found: Facility) -> Iterator[str]:
    """Yield the facility's former codes and its related facilities, a line each."""
    for each in desk.registry.former_codes(found.id):
        kind = CODE_CHANGE_NAMES[each.change.kind]
        why = f"{each.change.effective_on}に{kind}、{harmless(each.change.reason)}"
        yield f"前のコード: {each.former}（{why}）"
    for one in desk.registry.related(found.id):
        opened = one.opened_on or "開設日不明"
        yield (
            f"関連医療機関: {one.code} {one.name}（{RELATION_NAMES[one.relation]}、"
            f"{opened}〜{one.closed_on or ''}）"
        )


def _facts(
    before: Facility, name: str | None, phone: str | None, hours: str | None
) -> FacilityFacts:
    present = FacilityFacts.of(before)
    return replace(
        present,
        registered_name=present.registered_name if name is None else name,
        phone=present.phone if phone is None else phone,
        hours=present.hours if hours is None else hours,
    )


def _day(typed: datetime | str | None, present: date | None) -> date | None:
    if typed is None:
        return present
    return typed.date() if isinstance(typed, datetime) else None


def _tell_staying(desk: Desk, before: Facility) -> None:
    click.echo(_ALL_OUT)
    with desk.database.reading() as connection:
        staying = Staying.of(connection, before.id)
    click.echo("新しい開設者に引きつがれ、そのまま使えるもの:")
    for account in staying.accounts:
        click.echo(f"  アカウント {account.user_id}（{ROLE_NAMES[account.role]}）")
    for device in staying.devices:
        click.echo(f"  端末 {harmless(device.memo)}（{harmless(device.name)}）")
    click.echo(
        "マスタとマスタリセット用のパスワードを zaitaku account reset-password で再発行して、"
        "新しい開設者に渡してください。"
    )


def _confirmed(
    before: Facility, facts: FacilityFacts, lost: Iterable[ChangedSetting], *, yes: bool
) -> bool:
    changes = facts.changes_from(FacilityFacts.of(before))
    if not changes:
        click.echo("今の登録内容と同じなので、何も変更していません。")
        return False
    click.echo(f"{before.code} {before.name}")
    _tell(changes)
    settings = {f"環境設定情報「{each.term}」": each.change for each in lost}
    _tell(settings)
    if settings:
        click.echo(_ALL_OUT)
    if not yes:
        confirm("変更しますか")
    return True


def _tell(changes: dict[str, str]) -> None:
    for fact, words in changes.items():
        click.echo(f"  {fact}: {words}")


@contextmanager
def _no_conflict() -> Iterator[None]:
    try:
        yield
    except Conflict as error:
        raise click.ClickException(
            "ほかの人が先に登録内容を変更したため、何も変更していません。"
            "zaitaku facility show で確かめてから、もう一度お試しください。"
        ) from error
