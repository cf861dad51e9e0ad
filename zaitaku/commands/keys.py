"""``zaitaku keys``: new keys of a deployment."""

import logging
import os
import secrets
import sys
from contextlib import closing
from pathlib import Path

import click

from zaitaku.commands.desk import operator
from zaitaku.commands.starting import naming_the_database
from zaitaku.core.clock import SystemClock
from zaitaku.core.database import Database
from zaitaku.core.key_checks import accept_keys
from zaitaku.core.logs import configure_logging
from zaitaku.operating.rings import RINGS, rings_of, variable_of
from zaitaku.operating.setting_words import in_japanese
from zaitaku.sdk.errors import KeysUnusable
from zaitaku.sdk.keys import SiteKeys
from zaitaku.settings import Settings

log = logging.getLogger(__name__)

_BYTES = 32
_ROOT = 0


@click.group()
def keys() -> None:
    """運用環境の鍵を作り、換えたことを認めます。"""


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
def accept(ring: str) -> None:
    """RING（ZAITAKU_…_KEYS）のいまの鍵を、このデータベースの鍵として認めます。

    使ってきた鍵が1つもないと、zaitaku serve、worker、operate は始まりません。前の鍵を失ったか、
    漏れた鍵をすぐに捨てるか、封をやめるときだけ、使います。いつ、だれが認めたかが、データベースに残ります。
    """
    settings = Settings.from_env()
    opened, present = Database(settings.database_url), rings_of(settings)[ring]
    with closing(opened) as database, naming_the_database():
        gone = accept_keys(database, ring, present, SystemClock(), operator())
    configure_logging(sys.stderr)
    log.warning("keys accepted", extra={"ring": ring, "by": operator(), "forgotten": gone})
    click.echo(f"{variable_of(ring)} の{len(present)}個を認めました。前の鍵 {gone}個を忘れました。")
