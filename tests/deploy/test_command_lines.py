"""What documents, and the product itself, tell an operator to type can be typed."""

import ast
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
import pytest

from tests.deploy.command_lines import told_in, typed_in
from zaitaku.cli import COMMANDS, root
from zaitaku.commands.backup import WHAT_NEXT

HOUSE = Path(__file__).parents[2]
DOCUMENTS = sorted((HOUSE / "docs").rglob("*.md"))
README = HOUSE / "README.md"
_TOLD = re.compile(r"zaitaku(?: --?[a-z][a-z-]*| [a-z][a-z-]*)+")


@pytest.fixture(autouse=True)
def _every_file_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def take(_kind: object, value: Any, *_: object) -> Any:
        return value

    monkeypatch.setattr(click.Path, "convert", take)
    monkeypatch.setattr(click.File, "convert", take)


class HalfCommand(click.UsageError):
    """The name of a group alone."""


def parse(words: list[str]) -> None:
    """Read a command line to its end, without doing anything.

    Raises:
        click.UsageError: nobody can type it.
    """
    command: click.Command = root
    context = click.Context(command)
    while isinstance(command, click.Group):
        name, found, words = command.resolve_command(context, list(words))
        assert found is not None
        context, command = click.Context(found, info_name=name, parent=context), found
        if not words and isinstance(command, click.Group):
            raise HalfCommand("")
    command.make_context(context.info_name, words, parent=context.parent)


def name_of(words: list[str]) -> list[str]:
    """Return the part of a command line that names a command, and its options."""
    return [word for word in words if re.fullmatch(r"-{0,2}[a-z][a-z-]*", word)]


def check_name(words: list[str]) -> None:
    """Check that a command of this name exists, with such options, whatever else it needs.

    Raises:
        click.UsageError: there is none.
    """
    with suppress(click.MissingParameter, click.BadOptionUsage, HalfCommand):
        parse(words)


def printed() -> Iterator[list[str]]:
    """Yield each command that a text of the product names."""
    texts = (path.read_text("utf-8") for path in (HOUSE / "zaitaku").rglob("*.py"))
    for text in (each for each in texts if _TOLD.search(each)):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                calls = [call.split()[1:] for call in _TOLD.findall(node.value)]
                yield from (words for words in calls if _is_meant(words, node.value))


def _is_meant(words: list[str], text: str) -> bool:
    return words[0] in COMMANDS or not text.isascii()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_what_is_to_be_typed_can_be_typed(document: Path) -> None:
    for words in typed_in(document.read_text("utf-8")):
        parse(words)


@pytest.mark.parametrize("document", [*DOCUMENTS, README], ids=lambda path: path.name)
def test_what_a_sentence_names_exists_and_what_it_writes_out_is_whole(document: Path) -> None:
    for words in told_in(document.read_text("utf-8")):
        check = check_name if name_of(words) == words else parse
        check(words)


def test_the_list_of_commands_has_those_that_are_there() -> None:
    names = list(typed_in(README.read_text("utf-8")))
    assert len(names) >= 30
    for words in names:
        check_name(words)


def test_the_product_names_commands_that_are_there() -> None:
    named = list(printed())
    assert len(named) >= 30
    for words in named:
        check_name(words)


def test_what_is_next_after_a_restore_can_be_typed() -> None:
    told = re.findall(r"zaitaku [ -~]+(?:医療機関等コード --all)?", WHAT_NEXT)
    lines = [next(typed_in(f"```sh\n{line}\n```\n")) for line in told]
    assert [words[0] for words in lines] == ["migrate", "audit", "records"]
    for words in lines:
        parse(words)


@pytest.mark.parametrize(
    "line",
    [
        "records verify 1310123450",
        "backup",
        "backup make",
        "facility add",
        "seal turn",
        "doctor -x",
    ],
)
def test_what_cannot_be_typed_is_found(line: str) -> None:
    with pytest.raises(click.UsageError):
        parse(line.split())
