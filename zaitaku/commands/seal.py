"""``zaitaku seal``: how the sealed columns stand, and sealing them under the newest key."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from zaitaku.commands.desk import words_for
from zaitaku.core.database import Database
from zaitaku.core.errors import ZaitakuError
from zaitaku.core.resealing import look, reseal
from zaitaku.core.sealing import Seal, SealBroken
from zaitaku.operating.rings import SEALED
from zaitaku.settings import Settings


@click.group()
def seal() -> None:
    """封をした列（IDトークン、処理のファイル）を確かめ、新しい鍵で封をし直します。"""


@seal.command()
def status() -> None:
    """列ごとに、どの鍵で封をされているかを数えます。古いものがあると、終了コードは1です。"""
    is_done = True
    with _opened() as database:
        for column in SEALED:
            found = look(database, column)
            is_done &= not (found.older or found.plain)
            click.echo(
                f"{column.place}  いちばん新しい鍵: {found.newest}件"
                f"  ほかの鍵: {found.older}件  封なし: {found.plain}件"
            )
    if not is_done:
        raise click.exceptions.Exit(1)


@seal.command()
def rotate() -> None:
    """いちばん新しい鍵で、すべてに封をし直します。サイトを止めずに、何度でも動かせます。"""
    with _opened() as database:
        for column in SEALED:
            click.echo(f"{column.place}  {reseal(database, column)}件に、封をし直しました")


@contextmanager
def _opened() -> Iterator[Database]:
    settings = Settings.from_env()
    database = Database(settings.database_url, seal=Seal(settings.seal_keys))
    try:
        yield database
    except SealBroken as error:
        raise click.ClickException(
            "開けない封があります。いま使っている鍵のほか、前の鍵（封なしのものがあれば plain）も"
            " ZAITAKU_SEAL_KEYS に書いてください。"
        ) from error
    except ZaitakuError as error:
        raise click.ClickException(words_for(error)) from error
    finally:
        database.close()
