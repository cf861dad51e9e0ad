"""Whether the keys of the settings are those that the database was written with.

A wrong ring would be noticed by nobody: the same card would become another patient, posters would
stop working. So the database keeps a keyed hash of a fixed text under each key that was ever used
with it. Such a value tells nothing of its key, which was drawn at random.
"""

import hmac
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Column, Connection, String, Table, delete, insert, select

from zaitaku.core.clock import Clock
from zaitaku.core.database import Database, Moment, metadata
from zaitaku.core.errors import ZaitakuError
from zaitaku.core.sealing import PLAIN

Rings = Mapping[str, tuple[str, ...]]
"""The keys of each ring by its purpose (``subject``), newest first; ``PLAIN`` may be among them."""

key_check: Final = Table(
    "key_check",
    metadata,
    Column("ring", String(16), primary_key=True),
    Column("value", String(64), primary_key=True),
    Column("noted_at", Moment, nullable=False),
    Column("noted_by", String(100), nullable=False),
)
"""One row for each key of a ring that this database knows."""

BY_START: Final = "start"
"""Notes a key: a process that was started with it, as the first or beside one that was known."""


@dataclass(frozen=True)
class Noted:
    """When and by whom a key was noted."""

    at: datetime
    by: str
    """``BY_START``, or who accepted it."""


class KeysUnknown(ZaitakuError):
    """No key of a ring is one that the database knows, or it ends sealing; ``ring`` names it."""

    code = "keys-unknown"

    def __init__(self, ring: str) -> None:
        super().__init__(ring)
        self.ring = ring


def unknown_rings(database: Database, rings: Rings) -> tuple[str, ...]:
    """Return the rings that ``check_keys`` refuses.

    Raises:
        StoreUnavailable: the database is away, or was never migrated.
    """
    with database.reading() as connection:
        return tuple(_unknown(_known(connection), rings))


def notes_of(database: Database, ring: str) -> tuple[Noted, ...]:
    """Return how the keys of a ring became known, the first first; empty when none is known.

    Raises:
        StoreUnavailable: as ``unknown_rings``.
    """
    with database.reading() as connection:
        return tuple(note for _, note in _notes(connection, ring))


def would_forget(database: Database, ring: str, keys: tuple[str, ...]) -> tuple[Noted, ...]:
    """Return how those keys became known that ``accept_keys`` would forget, the first first.

    Raises:
        StoreUnavailable: as ``unknown_rings``.
    """
    kept = _kept(ring, keys)
    with database.reading() as connection:
        return tuple(note for value, note in _notes(connection, ring) if value not in kept)


def left_out(database: Database, ring: str, keys: Iterable[str]) -> int:
    """Return how many keys of a ring the database knows that are not among ``keys``.

    Raises:
        StoreUnavailable: as ``unknown_rings``.
    """
    with database.reading() as connection:
        return len(_known(connection).get(ring, frozenset()) - _values(ring, keys))


def check_keys(database: Database, rings: Rings, clock: Clock) -> tuple[str, ...]:
    """Check each ring, and note the keys that are new beside a known one.

    Of a ring that the database knows nothing of, what is there is believed and noted; those rings
    are returned. ``PLAIN`` counts as known until a ring begins with a key.

    Raises:
        KeysUnknown: of one that the database knows, no key is known, or it begins with ``PLAIN``
            though sealing has begun; nothing was noted.
        StoreUnavailable: as ``unknown_rings``.
    """
    with database.reading() as connection:
        known = _known(connection)
    _refuse_unknown(known, rings)
    if not (_missing(known, rings) or _outlived(known, rings)):
        return ()
    with database.transaction() as connection:
        # Of processes that start together with different keys, the second meets the first's.
        _keep_others_away(connection)
        known = _known(connection)
        _refuse_unknown(known, rings)
        for ring in _outlived(known, rings):
            _forget(connection, ring, _plain(ring))
        _note(connection, _missing(known, rings), clock, BY_START)
    return tuple(ring for ring in rings if ring not in known)


def accept_keys(database: Database, ring: str, keys: tuple[str, ...], clock: Clock, by: str) -> int:
    """Let the database know exactly these keys of a ring; return how many it forgot.

    Raises:
        StoreUnavailable: as ``unknown_rings``.
    """
    with database.transaction() as connection:
        _keep_others_away(connection)
        known = _known(connection)
        gone = known.get(ring, frozenset()) - _kept(ring, keys)
        _forget(connection, ring, gone)
        _note(connection, _missing(known, {ring: keys}), clock, by)
    return len(gone)


def _notes(connection: Connection, ring: str) -> Iterator[tuple[str, Noted]]:
    columns = (key_check.c.value, key_check.c.noted_at, key_check.c.noted_by)
    query = select(*columns).where(key_check.c.ring == ring).order_by(key_check.c.noted_at)
    for value, at, by in connection.execute(query):
        yield value, Noted(at, by)


def _known(connection: Connection) -> Mapping[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for ring, value in connection.execute(select(key_check.c.ring, key_check.c.value)):
        found[ring] = found.get(ring, frozenset()) | {value}
    return found


def _unknown(known: Mapping[str, frozenset[str]], rings: Rings) -> Iterator[str]:
    for ring, keys in rings.items():
        if ring in known and not _fits(known[ring], ring, keys):
            yield ring


def _fits(known: frozenset[str], ring: str, keys: tuple[str, ...]) -> bool:
    plain = _plain(ring)
    if keys[0] == PLAIN and not plain <= known:
        return False
    return bool((known - plain or known) & _values(ring, keys))


def _outlived(known: Mapping[str, frozenset[str]], rings: Rings) -> list[str]:
    # Where a key leads, new content is sealed: to leave that off again must be meant.
    return [
        ring
        for ring, keys in rings.items()
        if keys[0] != PLAIN and _plain(ring) <= known.get(ring, frozenset())
    ]


def _refuse_unknown(known: Mapping[str, frozenset[str]], rings: Rings) -> None:
    for ring in _unknown(known, rings):
        raise KeysUnknown(ring)


def _missing(known: Mapping[str, frozenset[str]], rings: Rings) -> list[tuple[str, str]]:
    return [
        (ring, value)
        for ring, keys in rings.items()
        for value in sorted(_kept(ring, keys) - known.get(ring, frozenset()))
    ]


def _note(
    connection: Connection, missing: Iterable[tuple[str, str]], clock: Clock, by: str
) -> None:
    now = clock.now()
    rows = [
        {"ring": ring, "value": value, "noted_at": now, "noted_by": by} for ring, value in missing
    ]
    if rows:
        connection.execute(insert(key_check), rows)


def _forget(connection: Connection, ring: str, values: Iterable[str]) -> None:
    chosen = (key_check.c.ring == ring, key_check.c.value.in_(values))
    connection.execute(delete(key_check).where(*chosen))


def _keep_others_away(connection: Connection) -> None:
    # On SQLite whoever may write is alone already.
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("LOCK TABLE key_check IN SHARE ROW EXCLUSIVE MODE")


def _kept(ring: str, keys: tuple[str, ...]) -> frozenset[str]:
    return _values(ring, keys) - (frozenset() if keys[0] == PLAIN else _plain(ring))


def _plain(ring: str) -> frozenset[str]:
    return _values(ring, (PLAIN,))


def _values(ring: str, keys: Iterable[str]) -> frozenset[str]:
    message = f"zaitaku.key-check\0{ring}".encode()
    return frozenset(hmac.digest(key.encode(), message, "sha256").hex() for key in keys)
