"""Tests of this folder run inside namespaces."""

from tests.cardbridge.namespace import pytest_collection_modifyitems, pytest_runtest_logreport

__all__ = ["pytest_collection_modifyitems", "pytest_runtest_logreport"]
