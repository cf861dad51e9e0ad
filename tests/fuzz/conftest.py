"""What the targets share."""

from tests.sandbox.fixtures import authority, card

__all__ = ["authority", "card"]
