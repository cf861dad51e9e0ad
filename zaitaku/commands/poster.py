"""``zaitaku poster``: the printed matter of a facility's living URL."""

from pathlib import Path
from typing import Final

import click

from zaitaku.commands.desk import CHANNEL_OPTION, Desk, institution_code, opened_desk
from zaitaku.core.errors import NotFound
from zaitaku.core.ids import FacilityId
from zaitaku.facilities.model import Channel, InstitutionCode
from zaitaku.reception.posters.model import MOST_POSTERS, Poster, PosterNumber
from zaitaku.reception.printing import PrintKind

_CHOICES: Final = {
    "a4": PrintKind.POSTER,
    "card": PrintKind.CARD,
    "sheet": PrintKind.SHEET,
    "qr": PrintKind.QR_CODE,
}

_CLOSED: Final = (
    "いまは、この受付を利用していません。二次元コードを読むと、お休みの画面が出ます。"
    "始めるときは: zaitaku facility set {code} {channel}=on"
)


@click.command()
@click.argument("code", callback=institution_code)
@click.argument("channel", type=CHANNEL_OPTION)
@click.argument("file", type=click.Path(dir_okay=False, writable=True, path_type=Path))
@click.option(
    "--layout",
    type=click.Choice(list(_CHOICES)),
    default="a4",
    show_default=True,
    help="a4: ポスター、card: カード1枚、sheet: カード10枚（A4）、qr: 二次元コードだけ（PNG）",
)
@click.option(
    "--poster",
    "number",
    type=click.IntRange(1, MOST_POSTERS),
    help="名前をつけたポスターの番号（なければ、名前のないもの）",
)
def poster(code: str, channel: str, *, file: Path, layout: str, number: int | None) -> None:
    """今のURLのポスター（PDF）を FILE に書き出します。"""
    with opened_desk() as desk:
        facility = desk.facilities.find(InstitutionCode(code))
        named = _named(desk, facility.id, Channel(channel), number) if number else None
        current = desk.reception.show(facility.id, Channel(channel)).current
        content = desk.printing.file(_CHOICES[layout], facility, current, named)
    _write(file, content)
    click.echo(f"書き出しました: {file}")
    if not facility.settings.is_on(Channel(channel)):
        click.echo(_CLOSED.format(code=code, channel=channel), err=True)


def _named(desk: Desk, facility_id: FacilityId, channel: Channel, number: int) -> Poster:
    try:
        return desk.posters.find(facility_id, channel, PosterNumber(number))
    except NotFound as error:
        raise click.ClickException(
            f"{number}番のポスターはありません。番号は、管理画面のポスターの一覧から開いた"
            "アドレスの終わりの数字です。"
        ) from error


def _write(file: Path, content: bytes) -> None:
    try:
        file.write_bytes(content)
    except OSError as error:
        raise click.ClickException(f"{file} に書けませんでした: {error.strerror}") from error
