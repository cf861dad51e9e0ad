"""Every row, in the order of the table."""

from typing import Final

from bench.faults import (
    rows_clock,
    rows_cluster,
    rows_database,
    rows_disk,
    rows_network,
    rows_redis,
    rows_sentinel,
    rows_sqlite,
    rows_web,
    rows_worker,
)
from bench.faults.row import Row

ROWS: Final[tuple[Row, ...]] = (
    *rows_web.ROWS,
    *rows_worker.ROWS,
    *rows_database.ROWS,
    *rows_redis.ROWS,
    *rows_disk.ROWS,
    *rows_sqlite.ROWS,
    *rows_network.ROWS,
    *rows_clock.ROWS,
    *rows_cluster.ROWS,
    *rows_sentinel.ROWS,
)
