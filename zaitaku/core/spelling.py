"""Statements as PostgreSQL's own text: made once, and given their values again and again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Executable
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

Values = Mapping[str, object]


@dataclass(frozen=True)
class Spelt:
    """PostgreSQL's text of a statement: its places are numbered, as the server wants them."""

    text: str
    names: tuple[str, ...]
    """Whose value stands at each place."""
    fixed: Values
    """The values that it always has."""

    def in_order(self, values: Values) -> list[object]:
        """Return the value of each place."""
        known = {**self.fixed, **values}
        return [known[name] for name in self.names]


def spelt(statement: Executable, sets: Sequence[str] = ()) -> Spelt:
    """Return the text of ``statement``; ``sets`` are the columns that its values set unnamed."""
    dialect = PGDialect_psycopg(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]
    compiled = statement.compile(dialect=dialect, column_keys=sets or None)  # type: ignore[attr-defined]
    return Spelt(str(compiled), tuple(compiled.positiontup or ()), compiled.params)
