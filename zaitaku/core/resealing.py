"""Sealing anew what stands under an older key, in small steps, while the site runs."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Select, and_, literal, select, tuple_

from zaitaku.core.database import Database
from zaitaku.core.sealing import Seal, SealBroken, is_sealed


@dataclass(frozen=True)
class SealedColumn:
    """A column whose values may be sealed for their row."""

    column: Column[Any]
    batch: int
    """Rows that are looked at in one step; their contents are in memory together."""

    @property
    def place(self) -> str:
        """The first word of each seal's place."""
        return f"{self.column.table.name}.{self.column.name}"

    @property
    def key(self) -> tuple[Column[Any], ...]:
        """What names a row; its values are the other words, in this order."""
        return tuple(self.column.table.primary_key.columns)


@dataclass(frozen=True)
class Found:
    """How the values of one column stand."""

    newest: int = 0
    older: int = 0
    """Under another key of the ring, or one that is not in it."""
    plain: int = 0
    """Without a seal, though the ring begins with a key."""


def look(database: Database, sealed: SealedColumn) -> Found:
    """Count how the values of a column stand; changes nothing.

    Raises:
        StoreUnavailable: the database is away.
    """
    counts: Counter[str] = Counter()
    for rows in _batches(database, sealed):
        counts.update(_kind(database.seal, row[-1]) for row in rows if row[-1] is not None)
    return Found(**counts)


def reseal(database: Database, sealed: SealedColumn) -> int:
    """Seal everything in a column under the newest key; return how many values were changed.

    A value that somebody changes or removes meanwhile is left alone. It can be stopped and begun
    again at any time, and run twice at once.

    Raises:
        SealBroken: a value cannot be opened; what came before it is done.
        StoreUnavailable: the database is away; what came before is done.
    """
    changed = 0
    for rows in _batches(database, sealed):
        stale = [row for row in rows if _is_stale(database.seal, row[-1])]
        if stale:
            changed += _replace(database, sealed, stale)
    return changed


def opens(database: Database, sealed: SealedColumn, seal: Seal) -> bool:
    """Tell whether ``seal`` opens a sealed value of a column; so it does where none is found.

    Looked for among the last rows, as many as one step of resealing has: to look through all would
    take minutes where there are many.

    Raises:
        StoreUnavailable: the database is away.
    """
    last = [column.desc() for column in sealed.key]
    query = select(*sealed.key, sealed.column).order_by(*last).limit(sealed.batch)
    with database.reading() as connection:
        rows = [tuple(row) for row in connection.execute(query)]
    found = next((row for row in rows if row[-1] is not None and is_sealed(row[-1])), None)
    try:
        if found is not None:
            _anew(seal, sealed, found)
    except SealBroken:
        return False
    return True


def _batches(database: Database, sealed: SealedColumn) -> Iterator[Sequence[tuple[Any, ...]]]:
    after: tuple[Any, ...] | None = None
    while True:
        with database.reading() as connection:
            query = _next(sealed, after)
            rows: list[tuple[Any, ...]] = [tuple(row) for row in connection.execute(query)]
        if not rows:
            return
        yield rows
        after = rows[-1][:-1]


def _next(sealed: SealedColumn, after: tuple[Any, ...] | None) -> Select[Any]:
    query = select(*sealed.key, sealed.column).order_by(*sealed.key).limit(sealed.batch)
    if after is None:
        return query
    values = [literal(value, each.type) for value, each in zip(after, sealed.key, strict=True)]
    return query.where(tuple_(*sealed.key) > tuple_(*values))


def _is_stale(seal: Seal, kept: bytes | str | None) -> bool:
    return kept is not None and not seal.is_newest(kept)


def _kind(seal: Seal, kept: bytes | str) -> str:
    if seal.is_newest(kept):
        return "newest"
    return "older" if is_sealed(kept) else "plain"


def _replace(database: Database, sealed: SealedColumn, rows: list[tuple[Any, ...]]) -> int:
    changed = 0
    anew = [(row, _anew(database.seal, sealed, row)) for row in rows]
    with database.transaction() as connection:
        for (*names, kept), value in anew:
            own = (each == name for each, name in zip(sealed.key, names, strict=True))
            update = sealed.column.table.update().where(and_(*own, sealed.column == kept))
            written = connection.execute(update.values({sealed.column.name: value}))
            changed += written.rowcount
    return changed


def _anew(seal: Seal, sealed: SealedColumn, row: tuple[Any, ...]) -> bytes | str:
    *names, kept = row
    place = (sealed.place, *names)
    if isinstance(kept, str):
        return seal.sealed_text(seal.opened_text(kept, *place), *place)
    return seal.sealed(seal.opened(kept, *place), *place)
