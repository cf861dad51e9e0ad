"""``zaitaku operate``: the operator's pages, on this machine alone."""

import logging
import secrets
import sys
from datetime import timedelta
from typing import Final

import click
from waitress.server import create_server

from zaitaku.commands.starting import check_database
from zaitaku.core.logs import configure_logging
from zaitaku.operator_site import IDLE, build_operator_site
from zaitaku.services import build_services
from zaitaku.settings import Settings

_KEY_BYTES = 24
_HOW_TO_OPEN: Final = (
    "次のアドレスを、この機械のブラウザーか、SSHでつないだ手もとのブラウザーで開いてください。"
    "入れるのは一度だけで、"
    f"{IDLE // timedelta(minutes=1)}分使わないと終わります（もう一度動かすと、また入れます）。"
    "やめるときは Ctrl-C を押します。"
)


@click.command()
@click.option("--port", default=8190, show_default=True, type=click.IntRange(0, 65535))
def operate(port: int) -> None:
    """医療機関等を登録し、世話をする画面を、この機械の中だけで開きます。

    表示されたアドレスを、この機械のブラウザーか、SSHでつないだ手もとのブラウザーで開いてください。
    アドレスの鍵は一度だけ使えます。Ctrl-C で終わります。
    """
    # The terminal is for the address: a line for each file of a page would push it out of sight.
    configure_logging(sys.stderr, logging.WARNING)
    settings = Settings.from_env()
    check_database(settings)
    key = secrets.token_urlsafe(_KEY_BYTES)
    app = build_operator_site(build_services(settings), key)
    try:
        server = create_server(app, host="127.0.0.1", port=port, threads=4)
    except OSError as error:
        raise click.ClickException(
            f"ポート{port}を開けません。ほかのプログラムが使っているときは、"
            "--port で別の番号にしてください。"
        ) from error
    # Apart from the address, which a script may read.
    click.echo(_HOW_TO_OPEN, err=True)
    click.echo(f"http://127.0.0.1:{server.effective_port}/operator/enter?key={key}")
    try:
        server.run()
    finally:
        server.close()
