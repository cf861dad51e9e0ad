"""``zaitaku keys``: new keys of a deployment."""

import os
import secrets
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import click

from zaitaku.commands.desk import confirm, operator
from zaitaku.commands.starting import naming_the_database
from zaitaku.core.clock import SystemClock
from zaitaku.core.database import Database
from zaitaku.core.key_checks import Noted, accept_keys, would_forget
from zaitaku.operating.rings import RINGS, rings_of, variable_of, when_and_who
from zaitaku.operating.setting_words import in_japanese
from zaitaku.sdk.errors import KeysUnusable
from zaitaku.sdk.keys import SiteKeys
from zaitaku.settings import Settings

_BYTES = 32
_ROOT = 0


@click.group()
def keys() -> None:
    """運用環境の鍵を作り、換えたことを認めます。"""


@keys.command()
def draw() -> None:
    """ZAITAKU_…_KEYS に使える、新しい鍵を1つ、無作為に選んで表示します。"""
    click.echo(secrets.token_urlsafe(_BYTES))


@keys.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def request(file: Path) -> None:
    """カードへの依頼に署名する新しい鍵を、FILE の先頭に加えます。FILE がなければ作ります。

    前の鍵は残ります。読み取りアプリは、前の鍵の保証をたどって、新しい鍵を信用します。
    """
    try:
        now = _rolled_over(file) if file.exists() else SiteKeys.make(file)
    except KeysUnusable as error:
        raise click.ClickException(f"何も変えていません。{in_japanese(str(error))}") from error
    click.echo(f"{file}: 鍵は{len(now.keys)}個。新しい鍵は {now.keys[0].thumbprint()}")
    if file.stat().st_uid == _ROOT:
        click.echo(f"サイトを動かす利用者だけが読めるようにしてください: chown zaitaku: {file}")
    click.echo("すべての機械に同じファイルを置き、zaitaku serve を順に動かし直してください。")


def _rolled_over(file: Path) -> SiteKeys:
    # A new file takes the old one's place: whoever could read that must be able to go on.
    before = file.stat()
    found = SiteKeys.roll_over(file)
    if os.geteuid() == _ROOT:
        os.chown(file, before.st_uid, before.st_gid)
    return found


@keys.command()
@click.argument("ring", type=click.Choice(RINGS))
@click.option("--yes", is_flag=True, help="確認の質問をせずに実行する")
def accept(ring: str, *, yes: bool) -> None:
    """RING（ZAITAKU_…_KEYS）のいまの鍵を、このデータベースの鍵として認めます。

    使ってきた鍵が1つもないと、zaitaku serve、worker、operate は始まりません。前の鍵を失ったか、
    漏れた鍵をすぐに捨てるか、封をやめるときだけ、使います。忘れる鍵があれば、見せて確かめます。
    いつ、だれが認めたかが、データベースに残ります。
    """
    settings = Settings.from_env()
    opened, present = Database(settings.database_url), rings_of(settings)[ring]
    with closing(opened) as database, naming_the_database():
        forgotten = would_forget(database, ring, present)
        if forgotten and not yes:
            _confirm(ring, forgotten)
        gone = accept_keys(database, ring, present, SystemClock(), operator())
    forgot = f"前の鍵 {gone}個を忘れました。" if gone else "忘れる鍵はありませんでした。"
    click.echo(f"{variable_of(ring)} の{len(present)}個を認めました。{forgot}")


def _confirm(ring: str, forgotten: Sequence[Noted]) -> None:
    click.echo(
        f"{variable_of(ring)}：使ってきた鍵のうち、いまの設定にない{len(forgotten)}個を忘れます。"
    )
    click.echo(f"忘れる鍵を覚えた日時: {when_and_who(forgotten)}")
    click.echo("忘れると、その鍵だけの設定では、サイトが始まらなくなります。")
    confirm("いまの設定の鍵を認めて、前の鍵を忘れますか")
