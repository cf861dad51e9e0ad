"""The command ``zaitaku-bridge``.

It imports little: a second start has only to find the first, and the browser that the first has
opened waits at its port while ``starting`` brings in the rest.
"""

import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Final, TypedDict, Unpack

import click

from zaitaku import wire
from zaitaku.cardbridge.reading.single import AlreadyRunning, Claim, claimed
from zaitaku.cardbridge.running import desktop, launching
from zaitaku.cardbridge.running.ports import PortTaken, bind
from zaitaku.cardbridge.trust.failures import StateUnusable
from zaitaku.cardbridge.trust.operator import (
    Operator,
    OperatorBroken,
    OriginOutsideBuild,
    Served,
    served,
)
from zaitaku.cardbridge.trust.origins import parse_origin
from zaitaku.cardbridge.trust.versions import installed_version
from zaitaku.usage import BilingualProgram

REHEARSAL: Final = Path("-")
"""``--virtual`` without a folder."""
REGISTERED: Final = ("port", "allow_origin", "test_origin", "state", "ca_file")
"""Options that a registration keeps."""


class Act(StrEnum):
    """What else the command can be told than to run."""

    REGISTER = "register"
    UNREGISTER = "unregister"
    START = "start"
    """By a link; the same as running."""


class ActType(click.ParamType[Act]):
    """A word that is an act, or the link that starts the bridge."""

    name = "act"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Act:
        """Return the act."""
        word = str(value)
        if launching.is_link(word):
            return Act.START
        if word not in {Act.REGISTER, Act.UNREGISTER}:
            self.fail("register | unregister", param, ctx)
        return Act(word)


class OriginType(click.ParamType[str]):
    """An origin: scheme, host, port."""

    name = "origin"

    def __init__(self, *, tls_only: bool) -> None:
        self._tls_only = tls_only

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """Return the origin's one serialisation."""
        try:
            return parse_origin(str(value), tls_only=self._tls_only)
        except ValueError as error:
            example = "https://site.example" if self._tls_only else "http://127.0.0.1:8080"
            self.fail(f"{example} のように書いてください / {error}", param, ctx)


class LinkedCommand(BilingualProgram):
    """A command that a link may start, and that takes no orders from one."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Look at the words as they came, before any of them is taken for an option."""
        try:
            launching.check_link(args)
        except launching.LinkRefused as error:
            raise click.UsageError(
                "このリンクは使えません。何も始めていません / this link cannot be used"
            ) from error
        return super().parse_args(ctx, args)


def default_state() -> Path:
    """Return the folder where this user's programs keep what they remember."""
    if os.name == "nt":
        return Path(os.environ.get("LOCALAPPDATA", str(Path.home()))) / "zaitaku-bridge"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "zaitaku-bridge"
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "zaitaku-bridge"


class Options(TypedDict):
    """What stands on the command line."""

    act: Act | None
    port: int | None
    allow_origin: tuple[str, ...]
    test_origin: tuple[str, ...]
    state: Path
    virtual: Path | None
    vpcd: bool
    pinpad: bool
    ca_file: Path | None
    forget_origin: str | None
    no_open: bool


FOLDER = click.Path(path_type=Path, file_okay=False)


def _show_version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value:
        click.echo(f"zaitaku-bridge, version {installed_version()}")
        ctx.exit()


@click.command(cls=LinkedCommand, context_settings={"auto_envvar_prefix": "ZAITAKU_BRIDGE"})
@click.argument("act", required=False, type=ActType(), metavar="[register|unregister]")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="この番号だけを使う / use only this port"
)
@click.option(
    "--allow-origin",
    multiple=True,
    type=OriginType(tls_only=True),
    help="読み取りを頼めるサイト (https) / site that may ask; repeat for more",
)
@click.option(
    "--test-origin",
    multiple=True,
    type=OriginType(tls_only=False),
    help="試験用のサイト / site for trials, http too",
)
@click.option("--state", type=FOLDER, default=default_state, help="記憶のフォルダー / state folder")
@click.option(
    "--virtual",
    type=FOLDER,
    is_flag=False,
    flag_value=REHEARSAL,
    metavar="[DIRECTORY]",
    help="仮想カード。フォルダーがなければその場で作る / virtual cards, made if no folder is given",
)
@click.option("--vpcd", is_flag=True, help="仮想カードを pcscd 経由で読む / plug them into pcscd")
@click.option(
    "--pinpad", is_flag=True, help="仮想リーダーに数字キーをつける / keys on the virtual reader"
)
@click.option(
    "--ca-file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="信頼する認証局 (PEM) / certificate authorities to trust instead of the system's",
)
@click.option(
    "--forget-origin",
    type=OriginType(tls_only=False),
    help="サイトの鍵を忘れて終わる / forget the pinned keys of a site and exit",
)
@click.option("--no-open", is_flag=True, help="ブラウザーを開かない / do not open the browser")
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="版を表示する / show the version",
)
@click.pass_context
def main(ctx: click.Context, /, **options: Unpack[Options]) -> None:
    """マイナンバーカードを読み取るアプリ。このパソコンの中だけで動きます。

    Reads the My Number Card for the sites it was told to serve; listens on 127.0.0.1 only.
    register / unregister: メニューとログイン時の起動に加える、やめる / menu, links, log-in.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    with _said_calmly():
        _act(ctx, options)


@contextmanager
def _said_calmly() -> Iterator[None]:
    try:
        yield
    except StateUnusable as error:
        raise click.ClickException(f"読み書きできません / cannot be used: {error}") from error
    except PortTaken as error:
        raise click.ClickException(
            f"ほかのプログラムが使っています / taken by another program: 127.0.0.1:{error}"
        ) from error
    except OperatorBroken as error:
        raise click.ClickException(f"operator.toml: {error}") from error
    except OriginOutsideBuild as error:
        raise click.UsageError(
            f"このアプリは {error} のためのものではありません / this build does not serve {error}"
        ) from error


def _act(ctx: click.Context, options: Options) -> None:
    operator = Operator.load()
    told = Served(frozenset(options["allow_origin"]), frozenset(options["test_origin"]))
    sites = served(operator, told)
    if options["act"] in {Act.REGISTER, Act.UNREGISTER}:
        _register(ctx, options["act"])
    elif options["forget_origin"] is not None:
        _forget(options["state"], options["forget_origin"])
    else:
        _run(options, operator, sites)


def _register(ctx: click.Context, act: Act | None) -> None:
    if sys.platform in {"win32", "darwin"}:
        raise click.ClickException("packaging/README.md")
    places = desktop.DesktopPlaces.from_env()
    try:
        _register_at(places, act, [*launching.own_command(), *_kept_words(ctx)])
    except (OSError, ValueError) as error:
        raise click.ClickException(f"登録できません / cannot be registered: {error}") from error


def _register_at(places: desktop.DesktopPlaces, act: Act | None, command: Sequence[str]) -> None:
    if act is Act.REGISTER:
        desktop.register(places, command)
        click.echo("メニューとログイン時の起動に加えました / registered")
    elif desktop.unregister(places):
        click.echo("登録をすべて取り消しました / unregistered")
    else:
        click.echo("登録されていません / was not registered")


def _kept_words(ctx: click.Context) -> list[str]:
    """Return the options that somebody gave, as they would be given again from anywhere."""
    default = click.core.ParameterSource.DEFAULT
    words: list[str] = []
    for name in REGISTERED:
        value = ctx.params[name]
        if value is None or ctx.get_parameter_source(name) is default:
            continue
        for one in value if isinstance(value, tuple) else (value,):
            text = str(one.absolute() if isinstance(one, Path) else one)
            words += [f"--{name.replace('_', '-')}", text]
    return words


def _forget(state: Path, origin: str) -> None:
    from zaitaku.cardbridge.trust.pins import Pins  # noqa: PLC0415 - see the head of this file

    known = Pins(state).forget(origin)
    click.echo(f"忘れました / forgotten: {origin}" if known else f"知りません / unknown: {origin}")


def _run(options: Options, operator: Operator | None, sites: Served) -> None:
    try:
        with claimed(options["state"], _name_of_claim(options)) as claim:
            _serve(options, operator, sites, claim)
    except AlreadyRunning as running:
        _meet(running.address, opens=_opens(options))


def _name_of_claim(options: Options) -> str | None:
    """Return what starts that want the same bridge have in common; None: a bridge of its own."""
    if options["port"] == 0:
        return None
    port = "" if options["port"] is None else f"-{options['port']}"
    return f"running{port}{'-virtual' if options['virtual'] else ''}"


def _opens(options: Options) -> bool:
    return not options["no_open"] and launching.has_screen()


def _meet(address: str, *, opens: bool) -> None:
    if not address:
        raise click.ClickException(
            "もう動いているようですが、返事がありません / seems to run already, but does not answer"
        )
    click.echo(f"もう動いています / already running: {address}")
    if opens:
        launching.open_page(address)


def _serve(options: Options, operator: Operator | None, sites: Served, claim: Claim) -> None:
    port = options["port"]
    with bind(wire.BRIDGE_PORTS if port is None else (port,)) as bound:
        whole = claim.announce(bound.getsockname()[1])
        from zaitaku.cardbridge.running import starting  # noqa: PLC0415 - see the head of this file

        start = starting.Start(
            bound=bound,
            state=options["state"],
            sites=sites,
            operator=operator,
            claim=whole,
            virtual=_cards_folder(options),
            vpcd=options["vpcd"],
            pinpad=options["pinpad"],
            ca_file=options["ca_file"],
            opens=_opens(options),
        )
        starting.run(start)


def _cards_folder(options: Options) -> Path | None:
    if options["virtual"] != REHEARSAL:
        return options["virtual"]
    from zaitaku.cardbridge.virtual.rehearsal import make_cards  # noqa: PLC0415 - only here

    click.echo("試験用のカードを用意しています / making the cards")
    made = make_cards(options["state"] / "rehearsal")
    click.echo(f"試験用の認証局 / authority of these cards: {made.roots}")
    click.echo(f"その失効リスト / its revocation lists: {made.lists}")
    click.echo(f"カード / cards: {' '.join(made.ids)}")
    return made.cards
