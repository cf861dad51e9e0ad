"""Every row, in the order of the table."""

from typing import Final

from bench.faults import rows_database, rows_redis, rows_web
from bench.faults.row import Row

ROWS: Final[tuple[Row, ...]] = (*rows_web.ROWS, *rows_database.ROWS, *rows_redis.ROWS)
"""Rows of further rooms are added here."""
