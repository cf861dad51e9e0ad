"""Writes the table of all settings in ``docs/settings.md`` from the code that reads them.

``python -m tools.settings_table`` after a setting was added or changed: the English of its row is
the field's docstring, the Japanese stands in ``settings_ja.po`` under the variable's name, beside
the English that it translates. The document is not written while a variable lacks Japanese words,
its English has changed since, or words are left over.
"""

import ast
import inspect
import re
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields
from enum import Enum
from pathlib import Path
from typing import Any, Final

from babel.messages.pofile import read_po

from zaitaku.settings import Settings

DOCUMENT: Final = Path(__file__).parents[1] / "docs" / "settings.md"
BEGIN: Final = "<!-- made by python -m tools.settings_table -->"
END: Final = "<!-- end of what is made -->"
WORDS: Final = Path(__file__).with_name("settings_ja.po")
_HEAD: Final = (
    "| 変数<br>*variable* | 必要<br>*needed* | 初期値<br>*default* | 意味<br>*meaning* |\n"
    "| --- | --- | --- | --- |\n"
)
_NEED: Final = {"yes": "要る<br>*yes*", "with its group": "組で要る<br>*with its group*"}
_VARIABLE: Final = re.compile(r"ZAITAKU_[A-Z0-9_]+")
_KANA: Final = re.compile("[ぁ-んァ-ヶ]")
_READS: Final = "from_env"
_REQUIRING: Final = ("_required", "_keyring")
"""The readers that refuse to go on without a value."""


@dataclass(frozen=True)
class Row:
    """One variable, in English."""

    name: str
    needed: str
    default: str
    meaning: str

    def beside(self, japanese: str) -> str:
        """Return the line of the table, the Japanese meaning first."""
        needed = _NEED.get(self.needed, self.needed)
        return f"| `{self.name}` | {needed} | {self.default} | {japanese}<br>*{self.meaning}* |"


def rows(group: type[Any] = Settings, *, is_part: bool = False) -> Iterator[Row]:
    """Yield a row for each variable that ``group.from_env`` reads, in the order of its fields.

    Raises:
        ValueError: a field that is read from a variable has no docstring.
    """
    code = _Code(group)
    told: set[str] = set()
    for field in fields(group):
        part = code.part(field.name)
        if part is not None:
            yield from rows(part, is_part=True)
            continue
        # What another field is already read from (the mode) only judges this one.
        for variable in code.variables(field.name):
            if variable in told:
                continue
            told.add(variable)
            if field.name not in code.meanings:
                raise ValueError(f"{group.__name__}.{field.name} has no docstring for its row")
            needed = _needed(field, is_part=is_part, is_asked=code.is_required(field.name))
            yield Row(variable, needed, _default(field), code.meanings[field.name])


def japanese(listed: Collection[Row], catalogue: Path = WORDS) -> dict[str, str]:
    """Return the Japanese meaning of each variable of ``listed``.

    Raises:
        ValueError: ``catalogue`` has none for a variable and its present English, or has words for
            another variable or for English of before.
    """
    words = _words(catalogue)
    meant = {(row.name, row.meaning) for row in listed}
    told = {key for key, text in words.items() if _KANA.search(text)}
    faults = [f"{name} has no Japanese words for: {text}" for name, text in meant - told]
    faults += [f"{name} does not mean any more: {text}" for name, text in words.keys() - meant]
    if faults:
        raise ValueError("\n".join([f"mend {catalogue.name}:", *sorted(faults)]))
    return {name: text for (name, _), text in words.items()}


def table(catalogue: Path = WORDS) -> str:
    """Return the table in Markdown.

    Raises:
        ValueError: the Japanese words are not those of the code's variables.
    """
    listed = list(rows())
    words = japanese(listed, catalogue)
    return _HEAD + "\n".join(row.beside(words[row.name]) for row in listed)


def document(present: str, catalogue: Path = WORDS) -> str:
    """Return the document with the table as the code has it now.

    Raises:
        ValueError: the Japanese words are not those of the code's variables.
    """
    before, _, rest = present.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table(catalogue)}\n\n{END}{after}"


def _words(catalogue: Path) -> Mapping[tuple[str, str], str]:
    with catalogue.open("rb") as file:
        entries = [entry for entry in read_po(file, abort_invalid=True) if entry.id]
    # What is marked as doubtful (fuzzy) is no translation.
    return {
        (entry.context or "", str(entry.id)): "" if entry.fuzzy else str(entry.string)
        for entry in entries
    }


class _Code:
    """What the source of one group of settings tells."""

    def __init__(self, group: type[Any]) -> None:
        self._module = sys.modules[group.__module__]
        tree = ast.parse(inspect.getsource(self._module))
        functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
        self._helpers = {node.name: node for node in functions}
        [body] = [
            node.body
            for node in tree.body
            if isinstance(node, ast.ClassDef) and node.name == group.__name__
        ]
        self.meanings = dict(_meanings(body))
        self._fields = [str(name) for name, _ in _declared(body)]
        [reader] = [n for n in body if isinstance(n, ast.FunctionDef) and n.name == _READS]
        self._values = dict(_assigned(reader))
        self._arguments = self._made(reader)

    def part(self, field: str) -> type[Any] | None:
        """Return the group of settings that a field holds, if it holds one."""
        match self._arguments.get(field):
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="from_env")):
                found: type[Any] = getattr(self._module, name)
                return found
        return None

    def variables(self, field: str) -> list[str]:
        """Return the variables from which a field is read."""
        expression = self._arguments.get(field)
        return [] if expression is None else list(dict.fromkeys(self._named(expression)))

    def is_required(self, field: str) -> bool:
        """Tell whether a field cannot be read without its variable."""
        words = ast.unparse(self._arguments[field])
        return any(f"{name}(" in words for name in _REQUIRING)

    def _named(self, expression: ast.AST) -> Iterator[str]:
        for node in ast.walk(expression):
            match node:
                case ast.Constant(value=str(text)) if _VARIABLE.fullmatch(text):
                    yield text
                case ast.Call(func=ast.Name(id=name)) if name in self._helpers:
                    yield from self._named(self._helpers[name])
                case ast.Name(id=name) if name in self._values:
                    yield from self._named(self._values[name])
                case ast.Subscript(slice=ast.Constant(value=str(key))):
                    yield from self._listed(key)

    def _listed(self, key: str) -> Iterator[str]:
        for value in vars(self._module).values():
            if isinstance(value, dict) and _VARIABLE.fullmatch(str(value.get(key, ""))):
                yield str(value[key])

    def _made(self, reader: ast.FunctionDef) -> dict[str, ast.expr]:
        calls = [node for node in ast.walk(reader) if isinstance(node, ast.Call)]
        [made] = [
            call for call in calls if ast.unparse(call.func) == "cls" and call.args + call.keywords
        ]
        by_place = dict(zip(self._fields, made.args, strict=False))
        return by_place | {str(word.arg): word.value for word in made.keywords}


def _declared(body: list[ast.stmt]) -> Iterator[tuple[str, ast.stmt | None]]:
    for node, after in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id, after


def _meanings(body: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    for name, after in _declared(body):
        match after:
            case ast.Expr(value=ast.Constant(value=str(text))):
                words = " ".join(text.replace("``", "`").split())
                yield name, words.replace("|", "\\|").removesuffix(".")


def _assigned(reader: ast.FunctionDef) -> Iterator[tuple[str, ast.expr]]:
    for node in ast.walk(reader):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                yield name, value


def _needed(field: Field[Any], *, is_part: bool, is_asked: bool) -> str:
    if field.default is not MISSING or field.default_factory is not MISSING:
        return "–"
    if is_part:
        return "with its group"
    return "yes" if is_asked else "–"


def _default(field: Field[Any]) -> str:
    value = field.default
    if isinstance(value, Enum):
        return f"`{value.value}`"
    if isinstance(value, bool | int):
        return f"`{int(value)}`"
    if isinstance(value, tuple) and value:
        return f"`{' '.join(map(str, value))}`"
    return "–"


def main() -> None:
    """Write the document anew."""
    DOCUMENT.write_text(document(DOCUMENT.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
