"""``zaitaku facility table|import``: many facilities at once, from a table.

Everything in the table is checked before anything is registered. Each facility is then registered
for itself, with its URLs and both first accounts. What has to be handed to it is on the disk before
the transaction is committed, so nothing is registered whose passwords nobody knows; and nothing
interrupts between the two. The same table may be given again for the rest.
"""

import signal
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from types import FrameType
from typing import Final

import click
from sqlalchemy import Connection

from zaitaku.accounts.founding import Founders
from zaitaku.accounts.passwords import Passwords
from zaitaku.commands.desk import Desk, confirm, japan_time, opened_desk, operator, tell_agreement
from zaitaku.commands.hand_out import HandOut, new_hand_out, unwritable
from zaitaku.core.clock import SystemClock
from zaitaku.core.files import new_file
from zaitaku.core.ids import FacilityId
from zaitaku.core.table_words import table_mistake
from zaitaku.core.tables_in import TableUnreadable
from zaitaku.facilities.channels import CHANNEL_NAMES
from zaitaku.facilities.errors import FacilityExists
from zaitaku.facilities.model import Channel
from zaitaku.facilities.newcomers import (
    HEADINGS,
    MOST_ROWS,
    CheckedRow,
    Newcomer,
    NewcomersTable,
    empty_table,
    taken_by,
)
from zaitaku.reception.model import UrlVersion

_RANGES: Final = 10
"""So many places are named where the same thing is wrong."""
_TOLD_HEADINGS: Final = (
    "医療機関等コード",
    "Webに表示する名前",
    *(f"{CHANNEL_NAMES[channel]}のURL" for channel in Channel),
    "マスタのユーザID",
    "マスタのはじめのパスワード",
    "マスタリセット用のユーザID",
    "マスタリセット用のはじめのパスワード",
    "はじめのパスワードの有効期限",
)
_ENDINGS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_file = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("file", type=_file)
def table(file: Path) -> None:
    """import で読み込む表（見出しだけのCSV）を FILE に書き出します。"""
    try:
        with new_file(file) as fresh:
            fresh.write_bytes(empty_table())
    except OSError as error:
        raise unwritable(file, error) from error
    click.echo(f"書き出しました: {file.resolve()}")
    click.echo("医療機関等コードと電話番号の列は、書式を「文字列」にして入力してください。")


@click.command("import")
@click.argument("table", type=_file)
@click.argument("accounts", type=_file)
@click.option("--yes", is_flag=True, help="確認の質問をせずに実行する")
def import_table(table: Path, accounts: Path, *, yes: bool) -> None:
    """表 TABLE の医療機関等をまとめて登録し、URLとはじめのパスワードを ACCOUNTS に書きます。

    表は table で作れます。一つでもまちがいがあれば、何も登録しません。同じ名前と電話番号で
    登録されている医療機関等は、そのままにして先へ進みます。途中で止まったら、同じ表でもう一度
    実行すると、残りを登録します（ACCOUNTS は別の名前にします）。
    """
    rows = _rows(table)
    with opened_desk() as desk:
        newcomers, known = _fit(desk, rows)
        _tell_beforehand(newcomers, known)
        if not newcomers:
            return
        if not yes:
            confirm(f"{len(newcomers)}件を登録しますか")
        with new_hand_out(accounts, _TOLD_HEADINGS) as told, _ending() as ending:
            _register(_Registrar(desk, told), newcomers, ending)


def _register(registrar: "_Registrar", newcomers: Sequence[Newcomer], ending: Event) -> None:
    try:
        with click.progressbar(newcomers, label="登録", file=sys.stderr) as all_of_them:
            for newcomer in all_of_them:
                if ending.is_set():
                    break
                registrar.take(newcomer)
    finally:
        registrar.tell()
    if registrar.count < len(newcomers):
        raise click.ClickException(
            "まだ登録していないものがあります。同じ表でもう一度実行すると、残りを登録します。"
        )


@contextmanager
def _ending() -> Iterator[Event]:
    """Give what is set once somebody ends the command: it ends between two facilities."""
    ending = Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        ending.set()

    # What whoever began it wanted to be ignored (nohup) stays so.
    former = {each: signal.getsignal(each) for each in _ENDINGS}
    heard = [each for each, handler in former.items() if handler is not signal.SIG_IGN]
    for each in heard:
        signal.signal(each, end)
    try:
        yield ending
    finally:
        for each in heard:
            signal.signal(each, former[each])


@dataclass
class _Registrar:
    """Registers facilities one by one, and tells each of them before it stands."""

    desk: Desk
    told: HandOut
    count: int = 0
    doubtful: Newcomer | None = None
    """The one of which the database did not say whether it was registered."""
    passwords: Passwords = field(default_factory=Passwords)

    def take(self, newcomer: Newcomer) -> None:
        founders = Founders(self.passwords, SystemClock(), newcomer.code.kind)

        def found(connection: Connection, facility_id: FacilityId, actor: str) -> None:
            issued = self.desk.reception.issue_first(connection, facility_id, actor)
            founders(connection, facility_id, actor)
            self.told.tell(self._cells(newcomer, issued, founders))
            self.doubtful = newcomer

        try:
            self.desk.facilities.add(
                newcomer.code,
                registered_name=newcomer.registered_name,
                phone=newcomer.phone,
                hours=newcomer.hours,
                settings=newcomer.settings,
                actor=operator(),
                founding=found,
                enrolment=newcomer.enrolment,
            )
        except FacilityExists:
            return  # somebody else was faster; the same table again tells by whom it is taken
        self.doubtful = None
        self.count += 1

    def _cells(
        self, newcomer: Newcomer, issued: Mapping[Channel, UrlVersion], founders: Founders
    ) -> tuple[str, ...]:
        master, reset = founders.made
        until = master.account.initial_password_until
        return (
            newcomer.code.digits,
            newcomer.name,
            *(self.desk.reception.address(issued[channel]) for channel in Channel),
            *(master.account.user_id, master.password),
            *(reset.account.user_id, reset.password),
            japan_time(until) if until else "なし",
        )

    def tell(self) -> None:
        click.echo(f"登録しました: {self.count}件")
        if self.doubtful is not None:
            click.echo(
                f"{self.doubtful.code} は、登録されたか分かりません。"
                "zaitaku facility show で確かめてください。"
                "登録されていなければ、書いてあるパスワードは使えません。"
            )
        if self.told.rows:
            click.echo(f"URLとはじめのパスワードは {self.told.path.resolve()} にあります。")
            click.echo("パスワードはほかのどこにもありません。渡し終わったら、消してください。")


def _rows(table: Path) -> list[CheckedRow]:
    try:
        with table.open("rb") as stream:
            return list(NewcomersTable().rows(stream))
    except TableUnreadable as error:
        raise click.ClickException(table_mistake(error, HEADINGS, MOST_ROWS)) from error
    except FileNotFoundError as error:
        raise click.ClickException(f"{table} がありません。") from error
    except OSError as error:
        raise click.ClickException(f"{table} を、ファイルとして読めません。") from error


def _fit(desk: Desk, rows: Sequence[CheckedRow]) -> tuple[list[Newcomer], int]:
    """Return those that are to be registered, and how many are already.

    Raises:
        click.ClickException: something in the table is wrong, or a code is another facility's.
    """
    directory, wrong = desk.registry.directory(), defaultdict(list)
    for row in rows:
        taken = row.newcomer and taken_by(row.newcomer, directory)
        for words in (*row.mistakes, *([taken] if taken else [])):
            wrong[words].append(row.number)
    if wrong:
        _refuse(wrong)
    good = [row.newcomer for row in rows if row.newcomer]
    new = [each for each in good if each.code.digits not in directory.present]
    return new, len(good) - len(new)


def _refuse(wrong: Mapping[str, Sequence[int]]) -> None:
    for words, numbers in wrong.items():
        click.echo(f"{_places(numbers)}: {words}", err=True)
    count = len({number for numbers in wrong.values() for number in numbers})
    raise click.ClickException(
        f"まちがいのある行が{count}行あるため、何も登録していません。直して、もう一度お試しください。"
    )


def _places(numbers: Sequence[int]) -> str:
    """Return rows as people say them: 「2〜61行目、70行目」."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    named = [
        f"{first}行目" if first == last else f"{first}〜{last}行目"
        for first, last in ranges[:_RANGES]
    ]
    more = [f"ほか{len(ranges) - _RANGES}か所"] if len(ranges) > _RANGES else []
    return "、".join(named + more)


def _tell_beforehand(newcomers: Sequence[Newcomer], known: int) -> None:
    if known:
        click.echo(f"すでに登録されていて、そのままにするもの: {known}件")
    click.echo(f"新しく登録するもの: {len(newcomers)}件")
    for channel in Channel:
        using = sum(each.settings.is_on(channel) for each in newcomers)
        if using:
            click.echo(f"  {CHANNEL_NAMES[channel]}を利用する: {using}件")
            tell_agreement(channel)
