"""``zaitaku openid``: the key by which this deployment is known to the OpenID provider."""

import json
from pathlib import Path

import click

from zaitaku.core.files import write_once
from zaitaku.identity.oidc.client_keys import ClientKeys, new_key


@click.group()
def openid() -> None:
    """スマートフォンでの読み取り（OpenID Connect）の鍵を作り、見せます。"""


@openid.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def key(file: Path) -> None:
    """FILE に新しい鍵を作り、登録する公開鍵（JWK Set）を見せます。あるファイルは変えません。"""
    if file.exists():
        raise click.ClickException(f"{file} は、もうあります。")
    write_once(file, new_key())
    _show(file)


@openid.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def show(file: Path) -> None:
    """FILE の鍵のうち、登録する公開鍵（JWK Set）を見せます。"""
    _show(file)


def _show(file: Path) -> None:
    click.echo(json.dumps(ClientKeys.load(file).published(), indent=2))
