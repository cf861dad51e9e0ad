"""The port to eligibility checks, and the one way in that never stands in a consent's way."""

import logging
from types import TracebackType
from typing import Protocol

from zaitaku.eligibility.errors import EligibilityFailed
from zaitaku.eligibility.model import EligibilityResult, Identified, Withheld

log = logging.getLogger(__name__)


class PersonFinder(Protocol):
    """Knows the people behind credentials: all that a registration needs.

    An adapter that asks over a network keeps a time limit of its own and raises when it is over.
    """

    def find(self, subject_hashes: tuple[str, ...]) -> Identified | None:
        """Return the person whose credential has one of the keyed hashes, or ``None``.

        Raises:
            EligibilityFailed, EligibilityTimedOut: nobody answered; asking again may help.
        """
        ...


class EligibilityProvider(PersonFinder, Protocol):
    """Knows as well what holds for a person."""

    def check(self, person_key: str) -> EligibilityResult | Withheld:
        """Return what holds for a person now, without a card (再照会).

        Raises:
            EligibilityFailed, EligibilityTimedOut: nobody answered; asking again may help.
            PersonUnknown: the provider knows nobody by this key any more.
        """
        ...


class NoEligibility:
    """The provider of a deployment that has none yet: names stay empty, consents are complete."""

    def find(self, subject_hashes: tuple[str, ...]) -> Identified | None:
        """Return ``None``: nobody can be asked."""
        return None

    def check(self, person_key: str) -> EligibilityResult | Withheld:
        """Refuse.

        Raises:
            EligibilityFailed: always.
        """
        raise EligibilityFailed("no provider")


def insured_or_none(provider: PersonFinder, subject_hashes: tuple[str, ...]) -> Identified | None:
    """Return the person if the provider knows and answers; whatever fails there, ``None``.

    A consent is registered without a name rather than not at all: the name is asked for again
    when the card is next read.
    """
    with _Tolerated():
        return provider.find(subject_hashes)
    return None


class _Tolerated:
    """Ends any failure here, and logs its type alone: its message could carry personal data."""

    def __enter__(self) -> None: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if kind is None or not issubclass(kind, Exception):
            return False
        log.warning("eligibility not obtained: %s", kind.__name__)
        return True
