"""docs/security/asvs.md: every requirement of its level is there, and every test it names."""

import ast
import re
from functools import cache
from pathlib import Path

HOUSE = Path(__file__).parents[2]
TABLE = HOUSE / "docs" / "security" / "asvs.md"
LEVELS = {
    "1.1": "22",
    "1.2": "1111122223",
    "1.3": "112222222223",
    "1.4": "222",
    "1.5": "123",
    "2.1": "122",
    "2.2": "112",
    "2.3": "12223",
    "2.4": "23",
    "3.1": "3",
    "3.2": "113",
    "3.3": "12223",
    "3.4": "11222233",
    "3.5": "11122333",
    "3.6": "3",
    "3.7": "22333",
    "4.1": "12233",
    "4.2": "23333",
    "4.3": "22",
    "4.4": "1222",
    "5.1": "2",
    "5.2": "112333",
    "5.3": "113",
    "5.4": "222",
    "6.1": "122",
    "6.2": "111111112222",
    "6.3": "11223333",
    "6.4": "112233",
    "6.5": "22222333",
    "6.6": "2223",
    "6.7": "33",
    "6.8": "2222",
    "7.1": "222",
    "7.2": "1111",
    "7.3": "22",
    "7.4": "11222",
    "7.5": "223",
    "7.6": "22",
    "8.1": "1233",
    "8.2": "1123",
    "8.3": "133",
    "8.4": "23",
    "9.1": "111",
    "9.2": "1222",
    "10.1": "22",
    "10.2": "223",
    "10.3": "22223",
    "10.4": "1111122222233333",
    "10.5": "22222",
    "10.6": "22",
    "10.7": "222",
    "11.1": "2233",
    "11.2": "22233",
    "11.3": "11233",
    "11.4": "1222",
    "11.5": "23",
    "11.6": "23",
    "11.7": "33",
    "12.1": "12233",
    "12.2": "11",
    "12.3": "22223",
    "13.1": "2333",
    "13.2": "222223",
    "13.3": "2233",
    "13.4": "1222233",
    "14.1": "22",
    "14.2": "12223333",
    "14.3": "122",
    "15.1": "12233",
    "15.2": "12233",
    "15.3": "1222222",
    "15.4": "3333",
    "16.1": "2",
    "16.2": "22222",
    "16.3": "2222",
    "16.4": "222",
    "16.5": "2223",
    "17.1": "23",
    "17.2": "22223333",
    "17.3": "22",
}
"""ASVS 5.0.0: the level of each requirement, a digit each, by its section."""
HARDER = {"6", "7", "11"}
"""Authentication, sessions, cryptography: level 3."""
VERDICTS = {"holds", "n/a", "no", "site"}
ROW = re.compile(r"\| (\d+\.\d+\.\d+) \| (\d) \| (.+?) \| (\S+) \| (.+) \|")
NAMED = re.compile(r"`([a-z_/0-9]+\.py)((?:::\w+)+)`")


def asked() -> dict[str, int]:
    return {
        f"{section}.{number}": int(level)
        for section, levels in LEVELS.items()
        for number, level in enumerate(levels, 1)
        if int(level) < 3 or section.split(".", maxsplit=1)[0] in HARDER
    }


def rows() -> list[tuple[str, ...]]:
    lines = TABLE.read_text("utf-8").splitlines()
    return [found.groups() for line in lines if (found := ROW.fullmatch(line))]


@cache
def names_in(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text("utf-8"))
    found = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(f"::{node.name}")
        if isinstance(node, ast.ClassDef):
            inner = (each for each in node.body if isinstance(each, ast.FunctionDef))
            found |= {f"::{node.name}::{each.name}" for each in inner}
    return frozenset(found)


def test_there_are_as_many_requirements_as_the_standard_has() -> None:
    assert sum(map(len, LEVELS.values())) == 345


def test_every_requirement_of_the_level_is_there_once() -> None:
    assert [(number, int(level)) for number, level, *_ in rows()] == list(asked().items())


def test_every_row_has_a_verdict_and_a_reason() -> None:
    assert {verdict for *_, verdict, _ in rows()} <= VERDICTS
    assert all(len(reason) > 3 for *_, reason in rows())


def test_every_test_that_is_named_is_there() -> None:
    named = {found.groups() for *_, reason in rows() for found in NAMED.finditer(reason)}
    assert len(named) > 100
    missing = {
        f"{file}{name}"
        for file, name in named
        if not (HOUSE / "tests" / file).exists() or name not in names_in(HOUSE / "tests" / file)
    }
    assert missing == set()
