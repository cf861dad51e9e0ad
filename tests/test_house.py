"""The house stays readable: small functions, short files."""

import ast
from collections.abc import Iterator
from pathlib import Path
from statistics import median

HOUSE = Path(__file__).parent.parent
LONGEST_FILE = 500
MEDIAN_FUNCTION = 8
NINTH_DECILE_FUNCTION = 25


def sources() -> Iterator[Path]:
    for folder in ("zaitaku", "tests", "bench", "tools"):
        yield from (HOUSE / folder).rglob("*.py")


def function_lengths() -> list[int]:
    trees = (
        ast.parse(path.read_text(encoding="utf-8")) for path in (HOUSE / "zaitaku").rglob("*.py")
    )
    return sorted(
        _lines_of_code(node)
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
    )


def _lines_of_code(function: ast.FunctionDef) -> int:
    body = function.body[1:] if ast.get_docstring(function) else function.body
    if not body:
        return 1
    return (body[-1].end_lineno or body[-1].lineno) - body[0].lineno + 2


def test_no_file_is_longer_than_one_can_hold_in_mind() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in sources()}
    assert {path.name: lines for path, lines in lengths.items() if lines > LONGEST_FILE} == {}


def test_functions_are_small() -> None:
    lengths = function_lengths()
    assert median(lengths) <= MEDIAN_FUNCTION
    assert lengths[int(len(lengths) * 0.9)] <= NINTH_DECILE_FUNCTION
