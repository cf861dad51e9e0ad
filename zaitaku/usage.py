"""What the programs say of a command line that cannot be read, and their help: Japanese first.

click has these words in English alone. Its own hook, gettext, looks at the locale, which says
nothing about who operates a server (``LANG=C``); so what click is about to say is said again here.
Words that this table does not know stay as click wrote them.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import ClassVar, Final

import click

_HINT: Final = r"(?P<name>'[^']*'(?: / '[^']*')*|[^\s.:]+)"
_VALUE: Final = r"(?P<value>'.*?'|\".*?\")"
_MORE: Final = r"(?: (?P<more>.*))?"
_NUMBER: Final = r"-?\d+"
_SAID: Final = (
    # What is missing, and what is too much.
    (rf"Missing (?:argument|option|parameter) {_HINT}\.{_MORE}", "{name}が足りません。{more}"),
    (r"Choose from:\s+(?P<listed>.*)", "次から選んで書いてください: {listed}"),
    (r"Missing command\.", "コマンドが足りません。"),
    (rf"No such option {_VALUE}\.?{_MORE}", "{value}というオプションはありません。{more}"),
    (rf"No such command {_VALUE}\.{_MORE}", "{value}というコマンドはありません。{more}"),
    (r"\(?Did you mean (?:one of: )?(?P<choices>.*)\?\)?", "{choices}のことですか。"),
    (
        r"Got unexpected extra arguments? \((?P<words>.*)\)",
        "余分な言葉があります: {words}（空白のある名前は、' で囲んでください）",
    ),
    (rf"Option {_VALUE} does not take a value\.", "{value}のあとに、値は書けません。"),
    (rf"Option {_VALUE} requires an argument\.", "{value}のあとに、値を書いてください。"),
    (
        rf"Option {_VALUE} requires (?P<count>\d+) arguments\.",
        "{value}のあとに、値を{count}個書いてください。",
    ),
    # A value that cannot be.
    (rf"Invalid value for {_HINT}: (?P<more>.*)", "{name}の値を直してください。{more}"),
    (r"Invalid value: (?P<more>.*)", "値を直してください。{more}"),
    (
        rf"{_VALUE} is not (?:one of )?(?P<listed>'.*')\.",
        "{value}は使えません。次から選んで書いてください: {listed}",
    ),
    (
        rf"{_VALUE} is not a valid integer(?: range)?\.",
        "{value}は整数ではありません。数字で書いてください。",
    ),
    (
        r"(?P<value>\S+) is not in the range (?P<more>.*)\.",
        "{value}は使えません。{more}の数にしてください。",
    ),
    (
        rf"{_VALUE} does not match the format '%Y-%m-%d'\.",
        "{value}は日付として読めません。2026-12-01 のように書いてください。",
    ),
    (
        rf"(?:File|Directory|Path) {_VALUE} does not exist\.",
        "{value}がありません。場所と名前を確かめてください。",
    ),
    (
        rf"(?:File|Directory|Path) {_VALUE} is a file\.",
        "{value}はファイルです。フォルダーを書いてください。",
    ),
    (
        rf"(?:File|Directory|Path) {_VALUE} is a directory\.",
        "{value}はフォルダーです。ファイルを書いてください。",
    ),
    (
        rf"(?:File|Directory|Path) {_VALUE} is not readable\.",
        "{value}を読めません。権限を確かめてください。",
    ),
    (
        rf"(?:File|Directory|Path) {_VALUE} is not writable\.",
        "{value}に書けません。権限を確かめてください。",
    ),
    (
        rf"{_VALUE}: (?P<more>.*)",
        "{value}を開けません（{more}）。場所と名前を確かめてください。",
    ),
    (r"No such file or directory", "ありません"),
    (r"Permission denied", "権限がありません"),
    (r"Is a directory", "フォルダーです"),
    # Help.
    (r"Options", "オプション"),
    (r"Commands", "コマンド"),
    (r"Positional arguments", "引数"),
    (r"Show this message and exit\.", "この説明を表示する"),
    (r"Show the version and exit\.", "版を表示する"),
    (r"required", "必須"),
    (r"default: (?P<more>.*)", "書かなければ {more}"),
    (rf"(?P<low>{_NUMBER})<=x<=(?P<high>{_NUMBER})", "{low}から{high}まで"),
    (rf"x>=(?P<low>{_NUMBER})", "{low}以上"),
    (rf"x<=(?P<high>{_NUMBER})", "{high}以下"),
)
"""What click says (as regular expressions), and the same in Japanese; ``more`` is said likewise."""
_QUOTED: Final = re.compile(r"'([^']*)'|\"([^\"]*)\"")
_NOTES: Final = re.compile(r"\[([^\[\]]+)\]$")
"""What click adds to the help of an option: its default, its range, that it has to be written."""


def in_japanese(said: str) -> str:
    """Return a sentence of click in Japanese; one that it does not have comes back as it is."""
    for pattern, japanese in _SAID:
        found = re.fullmatch(pattern, said, re.DOTALL)
        if found is not None:
            return japanese.format(**{name: _part(name, found[name]) for name in found.groupdict()})
    return said


def _part(name: str, said: str | None) -> str:
    if said is None:
        return ""
    if name == "more":
        return in_japanese(said)
    if name == "listed":
        return "、".join(each.strip().strip("'") for each in said.split(","))
    if name == "choices":
        return "か".join(_in_brackets(each.strip()) for each in said.split(","))
    return _in_brackets(said)


def _in_brackets(said: str) -> str:
    return _QUOTED.sub(lambda quoted: f"「{quoted[1] or quoted[2] or ''}」", said)


class JapaneseHelp(click.HelpFormatter):
    """Help whose headings and notes are Japanese."""

    usage: ClassVar[str] = "使い方: "

    def say(self, words: str) -> str:
        """Return what stands in the help for words of click."""
        return in_japanese(words)

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """Write how the command is typed."""
        super().write_usage(prog, args, self.usage if prefix is None else prefix)

    def write_heading(self, heading: str) -> None:
        """Write what stands above a section."""
        super().write_heading(self.say(heading))

    def write_dl(
        self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2
    ) -> None:
        """Write a list of options or commands with what they do."""
        told = [(term, self._described(words)) for term, words in rows]
        super().write_dl(told, col_max, col_spacing)

    def _described(self, words: str) -> str:
        return _NOTES.sub(lambda notes: f"[{self._noted(notes[1].split('; '))}]", self.say(words))

    def _noted(self, notes: Iterable[str]) -> str:
        return "; ".join(self.say(note) for note in notes)


class BilingualHelp(JapaneseHelp):
    """The same with the English words behind."""

    usage = "使い方 / Usage: "

    def say(self, words: str) -> str:
        """Return the words in both languages."""
        return _both(words)


class JapaneseContext(click.Context):
    """A context whose help is Japanese."""

    formatter_class = JapaneseHelp


class BilingualContext(click.Context):
    """A context whose help has both languages."""

    formatter_class = BilingualHelp


class JapaneseProgram(click.Command):
    """A program that tells in Japanese why a command line cannot be read, or did not end well.

    To be mixed into the command by which the program is entered. Exit codes are click's.
    """

    context_class: type[click.Context] = JapaneseContext
    has_english: ClassVar[bool] = False
    """Whether the English words follow, for people whose language nobody knows."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: object,
    ) -> click.Context:
        """Read the program's own part of the command line."""
        with _told(has_english=self.has_english):
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> object:
        """Read the rest, and do it."""
        with _told(has_english=self.has_english):
            return super().invoke(ctx)


class BilingualProgram(JapaneseProgram):
    """The same with the English words behind."""

    context_class = BilingualContext
    has_english = True


def with_japanese_help(command: click.Command) -> click.Command:
    """Return ``command``; its help, and that of all commands below it, is Japanese from now on."""
    command.context_class = JapaneseContext
    if isinstance(command, click.Group):
        for each in command.commands.values():
            with_japanese_help(each)
    return command


@contextmanager
def _told(*, has_english: bool) -> Iterator[None]:
    say = _both if has_english else in_japanese
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:
        raise  # it is the help itself
    except click.ClickException as error:
        if isinstance(error, click.UsageError) and error.ctx is not None:
            click.echo(_how_to_type(error.ctx, has_english=has_english), err=True)
        label = "エラー / Error" if has_english else "エラー"
        click.echo(f"{label}: {say(error.format_message())}", err=True)
        raise click.exceptions.Exit(error.exit_code) from error
    except (click.Abort, KeyboardInterrupt) as error:
        stopped = "途中でやめました。"
        # The terminal has written ^C, or a question, on the line.
        click.echo(f"\n{stopped}{' / stopped' if has_english else ''}", err=True)
        raise click.exceptions.Exit(1) from error


def _how_to_type(context: click.Context, *, has_english: bool) -> str:
    usage = context.get_usage()
    if context.command.get_help_option(context) is None:
        return usage
    more = f"{context.command_path} --help"
    return f"{usage}\nくわしい説明{' / for help' if has_english else ''}: {more}"


def _both(said: str) -> str:
    japanese = in_japanese(said)
    # Words of our own, which are not click's English alone, have their English with them.
    if japanese == said or not said.isascii():
        return japanese
    return f"{japanese} / {' '.join(said.split())}"
