"""One test authority for all tests of a room: RSA keys are slow to make."""

from datetime import date

import pytest

from tests.conftest import NOW
from zaitaku.core.clock import FixedClock
from zaitaku.sandbox.authority import Generation, TestAuthority
from zaitaku.sandbox.profile import Signer

BIRTH_DATE = date(1979, 4, 12)
ISSUED_ON = date(2026, 5, 1)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> TestAuthority:
    """The authority, whose clock stands at ``NOW``; tests may add to it, never change it."""
    return TestAuthority.open(tmp_path_factory.mktemp("authority"), FixedClock(NOW))


@pytest.fixture(scope="session")
def card(authority: TestAuthority) -> Signer:
    """A good card of the present generation."""
    return authority.issue(birth_date=BIRTH_DATE, issued_on=ISSUED_ON)


@pytest.fixture(scope="session")
def other_card(authority: TestAuthority) -> Signer:
    """Another good card of the present generation."""
    return authority.issue(birth_date=BIRTH_DATE, issued_on=ISSUED_ON)


@pytest.fixture(scope="session")
def old_root_card(authority: TestAuthority) -> Signer:
    """A good card of the first generation."""
    return authority.issue(birth_date=BIRTH_DATE, issued_on=ISSUED_ON, generation=Generation.FIRST)


@pytest.fixture(scope="session")
def next_card(authority: TestAuthority) -> Signer:
    """A good card of the coming generation: its key and its root are on P-384."""
    return authority.issue(birth_date=BIRTH_DATE, issued_on=ISSUED_ON, generation=Generation.THIRD)


@pytest.fixture(scope="session")
def foreign_card(authority: TestAuthority) -> Signer:
    """A card of the authority that only has the same name."""
    return authority.issue(
        birth_date=BIRTH_DATE, issued_on=ISSUED_ON, generation=Generation.FOREIGN
    )


@pytest.fixture(scope="session")
def revoked_card(authority: TestAuthority) -> Signer:
    """A card that was revoked."""
    card = authority.issue(birth_date=BIRTH_DATE, issued_on=ISSUED_ON)
    authority.revoke(card.certificate)
    return card
