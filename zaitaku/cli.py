"""``zaitaku``: the operator's command line."""

import sys
from collections.abc import Mapping
from errno import ENOSPC
from importlib import import_module
from typing import Final, NoReturn

import click
from click.exceptions import NoSuchCommand

from zaitaku.core.errors import SettingsError, StoreUnavailable, ZaitakuError
from zaitaku.usage import JapaneseProgram, with_japanese_help

COMMANDS: Final[Mapping[str, str]] = {
    "account": "account",
    "audit": "audit",
    "backup": "backup",
    "crl": "crl",
    "demo": "demo",
    "doctor": "doctor",
    "facility": "facility",
    "keys": "keys",
    "metrics": "metrics",
    "migrate": "serve",
    "openid": "openid",
    "operate": "operate",
    "poster": "poster",
    "ready": "ready",
    "records": "records",
    "seal": "seal",
    "restore": "backup",
    "serve": "serve",
    "status": "status",
    "url": "url",
    "worker": "worker",
}
"""Each command and the module of ``zaitaku.commands`` that has it under its own name."""


_LASTING: Final = frozenset({"demo", "operate", "serve", "worker"})
"""Of what goes wrong in these after a while the whole cause is wanted."""


class LazyGroup(JapaneseProgram, click.Group):
    """Imports a command when it is asked for: none waits for what the others need."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, or ``None`` where there is none of that name."""
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        found: click.Command = getattr(import_module(f"zaitaku.commands.{module}"), cmd_name)
        return with_japanese_help(found)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find what is typed; where it is mistyped, name the commands that are alike."""
        try:
            return super().resolve_command(ctx, args)
        except NoSuchCommand as error:
            # click compares with the commands that were imported.
            raise NoSuchCommand(error.command_name, possibilities=COMMANDS, ctx=ctx) from error


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="zaitaku")
def root() -> None:
    """マイナ在宅受付Web を動かし、世話をします。"""


def main() -> None:
    """Run the command line; a foreseen failure is one sentence and exit status 1."""
    try:
        root()
    except SettingsError as error:
        # Nobody who has no mistake in the settings waits for the sentences.
        from zaitaku.operating.setting_words import in_japanese  # noqa: PLC0415

        _fail(f"設定を直してください。{in_japanese(error.detail)}")
    except StoreUnavailable as error:
        from zaitaku.operating.reasons import away  # noqa: PLC0415

        _fail(f"できませんでした: {away(error)}")
    except ZaitakuError as error:
        _fail(f"できませんでした: {error.detail or error.code}")
    except OSError as error:
        nameless = error.filename is None
        if _LASTING & set(sys.argv[1:2]) or (nameless and error.errno != ENOSPC):
            raise
        from zaitaku.operating.reasons import file_trouble  # noqa: PLC0415

        place = "書き込む先" if nameless else error.filename
        _fail(f"できませんでした: {place}（{file_trouble(error)}）。")


def _fail(words: str) -> NoReturn:
    click.echo(words, err=True)
    sys.exit(1)
