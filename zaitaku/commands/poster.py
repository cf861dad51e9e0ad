"""``zaitaku poster``: the printed matter of a facility's living URL."""

from pathlib import Path
from typing import Final

import click

from zaitaku.commands.desk import CHANNEL_OPTION, institution_code, opened_desk
from zaitaku.facilities.model import Channel, InstitutionCode
from zaitaku.reception.poster import Layout

_QR: Final = "qr"
_CHOICES: Final = {
    "a4": Layout.A4,
    "card": Layout.CARD,
    "sheet": Layout.SHEET,
    _QR: None,
}


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
def poster(code: str, channel: str, *, file: Path, layout: str) -> None:
    """今のURLのポスター（PDF）を FILE に書き出します。"""
    chosen = _CHOICES[layout]
    with opened_desk() as desk:
        facility = desk.facilities.find(InstitutionCode(code))
        if chosen is None:
            current = desk.reception.show(facility.id, Channel(channel)).current
            content = desk.printing.qr_png(current)
        else:
            content = desk.printing.poster_pdf(facility, Channel(channel), chosen)
    _write(file, content)
    click.echo(f"書き出しました: {file}")


def _write(file: Path, content: bytes) -> None:
    try:
        file.write_bytes(content)
    except OSError as error:
        raise click.ClickException(f"{file} に書けませんでした: {error.strerror}") from error
