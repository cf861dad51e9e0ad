"""``zaitaku demo``: everything on one machine, with a virtual card."""

import click

from zaitaku.demo.lock import sole_use
from zaitaku.demo.places import Places
from zaitaku.demo.processes import (
    bridge_command,
    running,
    serving,
    site_command,
    wait_for_end,
    wait_until_up,
)
from zaitaku.demo.setup import Demo, prepare
from zaitaku.demo.summary import as_text
from zaitaku.sandbox.ocsp import responder
from zaitaku.sandbox.provider.app import stand_in_app


@click.command()
@click.option("--vpcd", is_flag=True, help="仮想カードを pcscd（vsmartcard-vpcd）経由で読みます。")
@click.option("--empty", is_flag=True, help="同意した患者さんや受診予定を入れずに始めます。")
def demo(*, vpcd: bool, empty: bool) -> None:
    """試しに動かします。カードもリーダーもいりません。Ctrl-C で終わります。"""
    click.echo("準備しています…（はじめての時は、鍵を作るため少し時間がかかります）")
    places = Places.from_env()
    with sole_use(places.data):
        _run(prepare(places, is_empty=empty), vpcd=vpcd)
    click.echo("\n終わりました。データは残っています。")


def _run(ready: Demo, *, vpcd: bool) -> None:
    places = ready.places
    with (
        serving(responder(ready.authority), places.ocsp_port),
        serving(stand_in_app(ready.provider), places.provider_port),
        running(site_command(places), ready.environ) as site,
        running(bridge_command(places, vpcd=vpcd), {}) as bridge,
    ):
        wait_until_up(f"{places.origin}/readyz", site)
        wait_until_up(f"{places.bridge}/", bridge)
        click.echo(as_text(ready.summary, places.data))
        wait_for_end([site, bridge])
