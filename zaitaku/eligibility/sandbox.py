"""Eligibility of synthetic people, for trying the product; never for real patients."""

from zaitaku.core.database import Database
from zaitaku.eligibility.model import Insured
from zaitaku.eligibility.store import SandboxPeople


class SandboxEligibility:
    """An ``EligibilityProvider`` that knows the cards that were bound to it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def bind(self, subject_hash: str, insured: Insured) -> None:
        """Let a card stand for ``insured``; a card that is bound already is bound anew.

        Raises:
            StoreUnavailable: the database is away or locked.
        """
        with self._database.transaction() as connection:
            SandboxPeople(connection).put(subject_hash, insured)

    def find(self, subject_hashes: tuple[str, ...]) -> Insured | None:
        """Return the person to whom a card with one of the hashes is bound.

        Raises:
            StoreUnavailable: the database is away or locked.
        """
        with self._database.reading() as connection:
            return SandboxPeople(connection).find(subject_hashes)
