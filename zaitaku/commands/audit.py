"""``zaitaku audit``: the chains of the facilities' own acts, proved and written down elsewhere."""

import re
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Final

import click

from zaitaku.audit.service import AuditService
from zaitaku.audit.store import Head
from zaitaku.commands.desk import words_for
from zaitaku.core.clock import SystemClock
from zaitaku.core.database import Database
from zaitaku.core.ephemeral_open import open_ephemeral
from zaitaku.core.errors import InvalidField, NotFound, StoreUnavailable, ZaitakuError
from zaitaku.facilities.model import Facility, InstitutionCode
from zaitaku.facilities.registry import FacilityRegistry
from zaitaku.facilities.service import FacilityService
from zaitaku.settings import Settings
from zaitaku.watching.notes import Notes, note_audit

_LINE: Final = re.compile(r"(\d{10}) (\d{1,9}) ([0-9a-f]{64})")


@click.group()
def audit() -> None:
    """施設の操作の記録が、変えられていないことを確かめます。"""


@audit.command()
def heads() -> None:
    """すべての施設の、記録の終わりを表示します。別の場所に保管してください。

    1行に、医療機関等コード、番号、確認用の値。保管した行は zaitaku audit verify に渡せます。
    """
    with _opened() as opened:
        for facility in opened.facilities:
            head = opened.service.head(facility.id)
            click.echo(f"{facility.code} {head.sequence} {head.digest}")


@audit.command()
@click.option(
    "--heads",
    "kept",
    # What is no text is to be refused as a line that cannot be read.
    type=click.File(encoding="utf-8", errors="replace"),
    help="前に zaitaku audit heads で保管したファイル",
)
def verify(kept: Iterator[str] | None) -> None:
    """すべての施設の記録を初めから確かめます。変えられたものがあると、終了コードは1です。"""
    earlier = [] if kept is None else _kept_lines(kept)
    with _opened() as opened:
        service, facilities = opened.service, opened.facilities
        by_code = _by_code(opened, {code for code, _, _ in earlier})
        broken = [facility for facility in facilities if not _is_whole(service, facility)]
        changed = [line for line in earlier if not _stands(service, by_code, line)]
    if earlier:
        _tell_compared(len(earlier), changed=len(changed))
    _note(len(facilities), is_whole=not broken and not changed)
    if broken or changed:
        sys.exit(1)


def _note(facilities: int, *, is_whole: bool) -> None:
    settings, clock = Settings.from_env(), SystemClock()
    try:
        with closing(open_ephemeral(settings.ephemeral_url, clock)) as ephemeral:
            note_audit(Notes(ephemeral), clock.now(), facilities=facilities, is_whole=is_whole)
    except StoreUnavailable:
        click.echo(
            "確かめた日時を書き残せませんでした（短期の保管場所につながりません）。", err=True
        )


def _is_whole(service: AuditService, facility: Facility) -> bool:
    check = service.check(facility.id)
    if check.is_whole:
        click.echo(f"{facility.code}: {check.head.sequence}件 すべてつながっています")
    else:
        click.echo(f"{facility.code}: {check.broken_at}番の記録から、つながっていません")
    return check.is_whole


def _tell_compared(lines: int, *, changed: int) -> None:
    result = f"{changed}件が合いません" if changed else "すべて合っています"
    click.echo(f"保管した行 {lines}件とくらべました。{result}")


def _kept_lines(kept: Iterator[str]) -> list[tuple[str, int, str]]:
    """Return the lines of a kept file, one at least.

    Raises:
        click.ClickException: a line is none of ours, or there is none: compared with nothing,
            whatever stands in the database would look proved.
    """
    lines = list(_lines(kept))
    if not lines:
        raise click.ClickException(
            "保管したファイルに、行が1件もありません。くらべるものがないので、確かめていません。"
            "ディスクがいっぱいで、途中までしか書けなかったのかもしれません。"
            "ほかの日に保管したファイルを、--heads に書いてください"
            "（まだ保管していないときは、--heads を書かずに動かします）。"
        )
    return lines


def _lines(kept: Iterator[str]) -> Iterator[tuple[str, int, str]]:
    for line in kept:
        found = _LINE.fullmatch(line.strip())
        if found is None:
            raise click.ClickException(f"保管したファイルの行を読めません: {line.strip()[:40]}")
        yield found[1], int(found[2]), found[3]


def _stands(
    service: AuditService, by_code: dict[str, Facility], line: tuple[str, int, str]
) -> bool:
    code, sequence, digest = line
    facility = by_code.get(code)
    if facility is not None and service.holds(facility.id, Head(sequence, digest)):
        return True
    click.echo(f"{code}: 保管した{sequence}番の値が、いまの記録にありません")
    return False


def _by_code(opened: "Opened", kept: set[str]) -> dict[str, Facility]:
    """Return the facilities by their codes, and by those that they had when a line was kept."""
    found = {str(facility.code): facility for facility in opened.facilities}
    for code in kept - found.keys():
        with suppress(NotFound, InvalidField):
            found[code] = opened.registry.formerly(InstitutionCode(code))
    return found


@dataclass(frozen=True)
class Opened:
    """What the commands of this file work with."""

    service: AuditService
    facilities: list[Facility]
    registry: FacilityRegistry


@contextmanager
def _opened() -> Iterator["Opened"]:
    settings, clock = Settings.from_env(), SystemClock()
    database = Database(settings.database_url)
    try:
        facilities = FacilityService(database=database, clock=clock).all()
        registry = FacilityRegistry(database=database, clock=clock)
        yield Opened(AuditService(database=database, clock=clock), facilities, registry)
    except ZaitakuError as error:
        raise click.ClickException(words_for(error)) from error
    finally:
        database.close()
