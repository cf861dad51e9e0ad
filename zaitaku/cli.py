"""``zaitaku``: the operator's command line."""

import sys

import click

from zaitaku.commands import (
    account,
    audit,
    crl,
    facility,
    openid,
    poster,
    records,
    serve,
    url,
    worker,
)
from zaitaku.commands.demo import demo
from zaitaku.commands.operate import operate
from zaitaku.core.errors import ZaitakuError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="zaitaku")
def root() -> None:
    """マイナ在宅受付Web を動かし、世話をします。"""


for command in (demo, serve.serve, serve.migrate, facility.facility, url.url, poster.poster):
    root.add_command(command)
root.add_command(account.account)
root.add_command(audit.audit)
root.add_command(crl.crl)
root.add_command(openid.openid)
root.add_command(operate)
root.add_command(records.records)
root.add_command(worker.worker)


def main() -> None:
    """Run the command line; a foreseen failure is one sentence and exit status 1."""
    try:
        root()
    except ZaitakuError as error:
        click.echo(f"できませんでした: {error.detail or error.code}", err=True)
        sys.exit(1)
