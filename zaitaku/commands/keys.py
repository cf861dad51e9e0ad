"""``zaitaku keys``: new keys of a deployment."""

import secrets
from pathlib import Path

import click

from zaitaku.sdk.errors import KeysUnusable
from zaitaku.sdk.keys import SiteKeys

_BYTES = 32


@click.group()
def keys() -> None:
    """運用環境の新しい鍵を作ります。"""


@keys.command()
def draw() -> None:
    """ZAITAKU_…_KEYS に使える、新しい鍵を1つ、でたらめに選んで表示します。"""
    click.echo(secrets.token_urlsafe(_BYTES))


@keys.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def request(file: Path) -> None:
    """カードへの依頼に署名する新しい鍵を、FILE の先頭に加えます。FILE がなければ作ります。

    前の鍵は残ります。読み取りアプリは、前の鍵の保証をたどって、新しい鍵を信用します。
    """
    try:
        now = SiteKeys.roll_over(file) if file.exists() else SiteKeys.make(file)
    except KeysUnusable as error:
        raise click.ClickException(f"何も変えていません（{error}）。") from error
    click.echo(f"{file}: 鍵は{len(now.keys)}個。新しい鍵は {now.keys[0].thumbprint()}")
    click.echo("すべての機械に同じファイルを置き、zaitaku serve を順に動かし直してください。")
