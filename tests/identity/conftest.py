"""What the tests of this room share."""

from tests.identity.asking import keys, opened, service
from tests.sandbox.fixtures import (
    authority,
    card,
    foreign_card,
    next_card,
    old_root_card,
    other_card,
    revoked_card,
)

__all__ = [
    "authority",
    "card",
    "foreign_card",
    "keys",
    "next_card",
    "old_root_card",
    "opened",
    "other_card",
    "revoked_card",
    "service",
]
