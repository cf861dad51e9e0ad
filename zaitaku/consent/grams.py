"""Names by their letters, so that a part of one is found among a million consents.

Every letter of a name or reading stands in ``consent_gram`` together with the one after it, and
in the order in which the consents were recorded. A search for two letters reads one stretch of an
index and stops at the end of the page, however many patients share the name.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from sqlalchemy import ColumnElement, Connection, select

from zaitaku.consent.lines import keep_lines
from zaitaku.consent.tables import consent, consent_gram, patient

_LETTER_BITS: Final = 21
"""Enough for any character of Unicode."""
_PARTS: Final = "\n"
"""Between the name and the reading in ``patient.search``."""


def pair(first: str, second: str = "") -> int:
    """Return the number of two letters in a row; without ``second``: of a name's last letter."""
    return ord(first) << _LETTER_BITS | (ord(second) if second else 0)


def beginning_with(letter: str) -> range:
    """Return the numbers of all pairs that begin with ``letter``."""
    return range(pair(letter), (ord(letter) + 1) << _LETTER_BITS)


def pairs_in(term: str) -> tuple[int, ...]:
    """Return the numbers of the pairs that every name with ``term`` in it has."""
    return tuple([ord(one) << _LETTER_BITS | ord(next_one) for one, next_one in pairwise(term)])


def grams_of(search: str) -> frozenset[int]:
    """Return the numbers of a patient's name and reading in their search form."""
    return frozenset(_grams(search))


def _grams(search: str) -> Iterator[int]:
    for part in search.split(_PARTS):
        yield from pairs_in(part)
        if part:
            yield pair(part[-1])


def index_names(connection: Connection, condition: ColumnElement[bool]) -> None:
    """Write the letters of the consents that ``condition`` chooses anew, as they stand now.

    What else the list looks for is brought up to date as well (``keep_lines``). Whoever changes a
    consent's time, items or patient, or a patient's ``search``, calls it in the same transaction.
    """
    keep_lines(connection, condition)
    query = select(consent.c.id, consent.c.facility_id, consent.c.recorded_at, patient.c.search)
    chosen = query.join(patient, patient.c.id == consent.c.patient_id).where(condition)
    found = list(connection.execute(chosen).mappings())
    forget_names(connection, consent_gram.c.consent_id.in_([row["id"] for row in found]))
    rows = [
        {
            "consent_id": row["id"],
            "gram": gram,
            "facility_id": row["facility_id"],
            "recorded_at": row["recorded_at"],
        }
        for row in found
        for gram in sorted(grams_of(row["search"]))
    ]
    if rows:
        connection.execute(consent_gram.insert(), rows)


def forget_names(connection: Connection, condition: ColumnElement[bool]) -> None:
    """Remove letters, as of a consent that is about to go."""
    connection.execute(consent_gram.delete().where(condition))
