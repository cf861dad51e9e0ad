"""Every row of ``make faults`` in its short form, on real servers that the rows share."""

import os
from collections.abc import Iterator
from typing import Final

import pytest

from bench.faults import rows_cluster, rows_disk, rows_network, rows_sentinel
from bench.faults.harness import Stage
from bench.faults.row import Row
from bench.faults.rows import ROWS
from bench.faults.scale import SHORT

ELSEWHERE: Final = (*rows_cluster.ROWS, *rows_sentinel.ROWS)
NEED_ROOT: Final = (*rows_disk.ROWS, *rows_network.ROWS)
"""They mount a small disk, or make a network of their own."""
HERE: Final = tuple(row for row in ROWS if row not in ELSEWHERE)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Stage(tmp_path_factory.mktemp("faults"), SHORT) as opened:
        yield opened


@pytest.mark.slow
@pytest.mark.allow_hosts(["127.0.0.1", "::1", "10.200.0.0/14"])  # the last is bench.faults.network
@pytest.mark.parametrize("row", HERE, ids=[row.name for row in HERE])
def test_nothing_that_was_acknowledged_is_lost(row: Row, stage: Stage) -> None:
    if row in NEED_ROOT and os.geteuid() != 0:
        pytest.skip("needs root")
    verdict = row.run(stage)
    assert row.passes(verdict), verdict
