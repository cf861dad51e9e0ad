"""``zaitaku facility table|import``: many facilities at once, from a table.

Everything in the table is checked before anything is registered. Each facility is then registered
for itself, with its URLs and both first accounts, and what has to be handed to it is written at
once: whatever ends the command, nothing that was registered is untold, and the same table may be
given again for the rest.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

import click

from zaitaku.accounts.founding import Founders
from zaitaku.accounts.passwords import Passwords
from zaitaku.commands.desk import (
    Desk,
    founding,
    japan_time,
    opened_desk,
    operator,
    tell_agreement,
)
from zaitaku.core.clock import SystemClock
from zaitaku.core.files import new_file
from zaitaku.core.spreadsheets import Codec, encode_row, file_start
from zaitaku.core.table_words import table_mistake
from zaitaku.core.tables_in import TableUnreadable
from zaitaku.facilities.channels import CHANNEL_NAMES
from zaitaku.facilities.errors import FacilityExists
from zaitaku.facilities.model import Channel, EnvironmentSettings, Facility
from zaitaku.facilities.newcomers import (
    HEADINGS,
    MOST_ROWS,
    CheckedRow,
    Newcomer,
    NewcomersTable,
    empty_table,
)
from zaitaku.facilities.service import newly_on

_SHOWN: Final = 50
"""So many rows are shown with what is wrong in them; people mend them and try again."""
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
_file = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("file", type=_file)
def table(file: Path) -> None:
    """import で読み込む表（見出しだけのCSV）を FILE に書き出します。"""
    try:
        with new_file(file) as fresh:
            fresh.write_bytes(empty_table())
    except OSError as error:
        raise _unwritable(file, error) from error
    click.echo(f"書き出しました: {file}")
    click.echo("医療機関等コードと電話番号の列は、書式を「文字列」にして入力してください。")


@click.command("import")
@click.argument("table", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("accounts", type=_file)
@click.option("--yes", is_flag=True, help="確認の質問をせずに実行する")
def import_table(table: Path, accounts: Path, *, yes: bool) -> None:
    """表 TABLE の医療機関等をまとめて登録し、URLとはじめのパスワードを ACCOUNTS に書きます。

    表は table で作れます。一つでもまちがいがあれば、何も登録しません。すでに登録されている
    医療機関等は、そのままにして先へ進みます。途中で止まったら、同じ表でもう一度実行すると、
    残りを登録します（ACCOUNTS は別の名前にします）。
    """
    newcomers = _good_rows(table)
    _tell_beforehand(newcomers)
    if not yes:
        click.confirm(f"{len(newcomers)}件を登録しますか", abort=True)
    with opened_desk() as desk, _told_file(accounts) as told:
        registered = _Registered(desk, told)
        try:
            with click.progressbar(newcomers, label="登録", file=sys.stderr) as all_of_them:
                for newcomer in all_of_them:
                    registered.take(newcomer)
        finally:
            registered.tell(accounts)


@dataclass
class _Registered:
    """Registers facilities one by one; counts and tells each of them."""

    desk: Desk
    told: BinaryIO
    count: int = 0
    known: list[Newcomer] = field(default_factory=list)
    """Those that were registered before."""
    passwords: Passwords = field(default_factory=Passwords)

    def take(self, newcomer: Newcomer) -> None:
        founders = Founders(self.passwords, SystemClock(), newcomer.code.kind)
        try:
            added = self.desk.facilities.add(
                newcomer.code,
                registered_name=newcomer.registered_name,
                phone=newcomer.phone,
                hours=newcomer.hours,
                settings=newcomer.settings,
                actor=operator(),
                founding=founding(self.desk, founders),
                enrolment=newcomer.enrolment,
            )
        except FacilityExists:
            self.known.append(newcomer)
            return
        self.count += 1
        _write(self.told, _told(self.desk, added, founders))

    def tell(self, accounts: Path) -> None:
        click.echo(f"登録しました: {self.count}件")
        if self.count:
            click.echo(f"URLとはじめのパスワードは {accounts} にあります。")
            click.echo("パスワードはほかのどこにもありません。渡し終わったら、消してください。")
        if self.known:
            click.echo(f"すでに登録されていたため、何もしませんでした: {len(self.known)}件")
            for each in self.known[:_SHOWN]:
                click.echo(f"  {each.code} {each.registered_name}")
            _tell_more(len(self.known))


def _good_rows(table: Path) -> list[Newcomer]:
    try:
        with table.open("rb") as stream:
            rows = list(NewcomersTable().rows(stream))
    except TableUnreadable as error:
        raise click.ClickException(table_mistake(error, HEADINGS, MOST_ROWS)) from error
    except OSError as error:
        raise click.ClickException(f"{table} を読めません（{error.strerror}）。") from error
    wrong = [row for row in rows if row.mistakes]
    if wrong:
        _refuse(wrong)
    return [row.newcomer for row in rows if row.newcomer]


def _refuse(wrong: Sequence[CheckedRow]) -> None:
    for row in wrong[:_SHOWN]:
        for words in row.mistakes:
            click.echo(f"{row.number}行目: {words}", err=True)
    _tell_more(len(wrong))
    raise click.ClickException(
        f"まちがいのある行が{len(wrong)}行あるため、何も登録していません。"
        "直して、もう一度お試しください。"
    )


def _tell_more(count: int) -> None:
    if count > _SHOWN:
        click.echo(f"  ほか{count - _SHOWN}件", err=True)


def _tell_beforehand(newcomers: Sequence[Newcomer]) -> None:
    for channel in Channel:
        using = sum(each.settings.is_on(channel) for each in newcomers)
        click.echo(f"{CHANNEL_NAMES[channel]}を利用する: {using}件")
    on = {channel for each in newcomers for channel in _channels(each)}
    for channel in sorted(on):
        tell_agreement(channel)


def _channels(newcomer: Newcomer) -> list[Channel]:
    return newly_on(EnvironmentSettings(), newcomer.settings)


@contextmanager
def _told_file(path: Path) -> Iterator[BinaryIO]:
    """Give a new file for its owner alone; where nothing was told, it goes again."""
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _unwritable(path, error) from error
    start = file_start(Codec.UTF_8) + encode_row(_TOLD_HEADINGS, Codec.UTF_8)
    with os.fdopen(handle, "wb") as file:
        file.write(start)
        try:
            yield file
        finally:
            if file.tell() == len(start):
                path.unlink()


def _unwritable(path: Path, error: OSError) -> click.ClickException:
    if isinstance(error, FileExistsError):
        return click.ClickException(f"{path} はすでにあります。別の名前にしてください。")
    return click.ClickException(f"{path} に書けません（{error.strerror}）。")


def _told(desk: Desk, added: Facility, founders: Founders) -> tuple[str, ...]:
    urls = (desk.reception.show(added.id, channel).current for channel in Channel)
    master, reset = founders.made
    until = master.account.initial_password_until
    return (
        added.code.digits,
        added.name,
        *map(desk.reception.address, urls),
        *(master.account.user_id, master.password),
        *(reset.account.user_id, reset.password),
        japan_time(until) if until else "なし",
    )


def _write(file: BinaryIO, cells: Sequence[str]) -> None:
    file.write(encode_row(cells, Codec.UTF_8))
    file.flush()
    os.fsync(file.fileno())
