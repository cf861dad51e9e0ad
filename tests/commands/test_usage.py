"""A command line that cannot be read is told so in Japanese, whatever the locale."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from zaitaku.cli import COMMANDS, root
from zaitaku.usage import in_japanese

CODE = "1310123450"
ENGLISH = re.compile(
    r"\b(Usage|Options|Commands|Error|Try|Missing|Invalid|No such|Got|Show|default|required)\b"
)


def commands() -> Iterator[tuple[list[str], click.Command]]:
    """Yield every command that can be typed, with its words."""
    context = click.Context(root)
    waiting = [([name], root.get_command(context, name)) for name in COMMANDS]
    while waiting:
        words, command = waiting.pop()
        assert command is not None
        yield words, command
        if isinstance(command, click.Group):
            waiting += [([*words, name], each) for name, each in command.commands.items()]


EVERY = sorted(commands(), key=lambda each: each[0])
READS_ANYTHING = click.types.StringParamType | click.types.BoolParamType
PARAMETERS = [
    (" ".join([*words, str(parameter.name)]), parameter)
    for words, command in EVERY
    for parameter in command.params
]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("turn", "エラー: 「turn」というコマンドはありません。"),
        ("account remove", "エラー: 「remove」というコマンドはありません。"),
        ("account delete", "エラー: 「CODE」が足りません。"),
        (f"account add {CODE} a --kana ア", "エラー: 「--name」が足りません。"),
        (
            f"poster {CODE}",
            "エラー: 「{home-visit|online}」が足りません。次から選んで書いてください: "
            "home-visit、online",
        ),
        (
            f"account delete {CODE} a --hlp",
            "エラー: 「--hlp」というオプションはありません。「--help」のことですか。",
        ),
        *(
            (typed, f"エラー: 「{typed}」というコマンドはありません。「{meant}」のことですか。")
            for typed, meant in (
                ("facilty", "facility"),
                ("backp", "backup"),
                ("acount", "account"),
                ("kyes", "keys"),
                ("statsu", "status"),
            )
        ),
        (
            "docter",
            "エラー: 「docter」というコマンドはありません。「doctor」か「poster」のことですか。",
        ),
        (
            f"account set {CODE} a --abled",
            "エラー: 「--abled」というオプションはありません。"
            "「--disabled」か「--enabled」のことですか。",
        ),
        (
            f"account delete {CODE} a b c",
            "エラー: 余分な言葉があります: b c（空白のある名前は、' で囲んでください）",
        ),
        (
            "serve --port abc",
            "エラー: 「--port」の値を直してください。「abc」は整数ではありません。"
            "数字で書いてください。",
        ),
        (
            "serve --port 70000",
            "エラー: 「--port」の値を直してください。70000は使えません。"
            "0から65535までの数にしてください。",
        ),
        (
            "backup make folder --keep 0",
            "エラー: 「--keep」の値を直してください。0は使えません。1以上の数にしてください。",
        ),
        (
            "keys accept colour",
            "エラー: 「{url|session|subject|seal}」の値を直してください。「colour」は使えません。"
            "次から選んで書いてください: url、session、subject、seal",
        ),
        (
            f"facility change {CODE} --starts-on tomorrow",
            "エラー: 「--starts-on」の値を直してください。「tomorrow」は日付として読めません。"
            "2026-12-01 のように書いてください。",
        ),
        (
            "backup verify /nowhere",
            "エラー: 「COPY」の値を直してください。「/nowhere」がありません。"
            "場所と名前を確かめてください。",
        ),
        (
            "backup verify /etc/hosts",
            "エラー: 「COPY」の値を直してください。「/etc/hosts」はファイルです。"
            "フォルダーを書いてください。",
        ),
        (
            "openid show /etc",
            "エラー: 「FILE」の値を直してください。「/etc」はフォルダーです。"
            "ファイルを書いてください。",
        ),
        (
            "audit verify --heads /nowhere",
            "エラー: 「--heads」の値を直してください。「/nowhere」を開けません（ありません）。"
            "場所と名前を確かめてください。",
        ),
        (
            "account delete 12 a",
            "エラー: 「CODE」の値を直してください。医療機関等コードは10桁の数字で",
        ),
        (
            "records verify",
            "エラー: CODEと受付番号が足りません。CODEと受付番号か、--all を書いてください。",
        ),
        (
            f"records verify {CODE}",
            "エラー: 受付番号が足りません。受付番号か --all の、どちらかを書いてください。",
        ),
    ],
)
def test_what_cannot_be_read_is_told_in_japanese(line: str, told: str) -> None:
    result = CliRunner().invoke(root, line.split(), prog_name="zaitaku")
    assert result.exit_code == 2
    usage, more, error = result.stderr.splitlines()[-3:]
    assert usage.startswith(("使い方: zaitaku ", " "))
    assert re.fullmatch(r"くわしい説明: zaitaku [a-z -]*--help", more)
    assert error.startswith(told)
    assert not ENGLISH.search(result.stderr)
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (f"account delete {CODE} a --yes=1", "エラー: 「--yes」のあとに、値は書けません。"),
        ("serve --port", "エラー: 「--port」のあとに、値を書いてください。"),
    ],
)
def test_an_option_that_is_not_written_as_it_has_to_be(line: str, told: str) -> None:
    result = CliRunner().invoke(root, line.split(), prog_name="zaitaku")
    assert (result.exit_code, result.stderr) == (2, f"{told}\n")


@pytest.mark.parametrize("words", [[], ["account"], *(words for words, _ in EVERY)], ids=" ".join)
def test_every_help_is_japanese(words: list[str]) -> None:
    result = CliRunner().invoke(root, [*words, "--help"], prog_name="zaitaku")
    assert result.exit_code == 0
    assert result.stdout.startswith("使い方: zaitaku ")
    assert "この説明を表示する" in result.stdout
    assert not ENGLISH.search(result.stdout)


@pytest.mark.parametrize(
    "parameter",
    [
        pytest.param(parameter, id=name)
        for name, parameter in PARAMETERS
        if not isinstance(parameter.type, READS_ANYTHING | click.File)
    ],
)
def test_no_parameter_refuses_a_value_in_words_that_the_table_lacks(
    parameter: click.Parameter, tmp_path: Path
) -> None:
    context = click.Context(root)
    for value in ("!", str(-(10**9)), str(tmp_path), __file__):
        try:
            parameter.type.convert(value, parameter, context)
        except click.UsageError as refused:
            told = in_japanese(refused.format_message())
            assert told != refused.format_message()
            assert not re.search(r" (is|does|not) ", told)


def test_to_name_a_command_that_is_alike_none_is_imported() -> None:
    told = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "zaitaku", "kyes"],
        check=False,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    ).stderr
    assert "「keys」のことですか" in told
    assert "zaitaku.cli" in told
    assert "zaitaku.commands." not in told


def test_the_group_alone_is_its_help_and_a_mistake() -> None:
    result = CliRunner().invoke(root, ["account"], prog_name="zaitaku")
    assert result.exit_code == 2
    assert result.stderr.startswith("使い方: zaitaku account ")
    assert "エラー" not in result.stderr


def test_words_that_the_table_lacks_stay() -> None:
    assert in_japanese("Something else is wrong.") == "Something else is wrong."


def test_the_locale_does_not_matter() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "zaitaku", "account", "unlock", CODE],
        env={**os.environ, "LANG": "C", "LC_ALL": "C", "LANGUAGE": ""},
        check=False,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    assert result.returncode == 2
    assert result.stderr.endswith("エラー: 「USER_ID」が足りません。\n")


@pytest.mark.parametrize("stop", [click.Abort, KeyboardInterrupt])
def test_who_stops_a_command_is_told_so(
    monkeypatch: pytest.MonkeyPatch, stop: type[BaseException]
) -> None:
    def interrupted() -> None:
        raise stop

    monkeypatch.setitem(root.commands, "wait", click.Command("wait", callback=interrupted))
    monkeypatch.setattr(type(root), "get_command", click.Group.get_command)
    result = CliRunner().invoke(root, ["wait"])
    assert result.exit_code == 1
    assert result.stderr == "\n途中でやめました。\n"
