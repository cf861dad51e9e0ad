"""A facility with patients to list."""

from tests.consent.conftest import any_world, database, founded_template, wordings, world

__all__ = ["any_world", "database", "founded_template", "wordings", "world"]
