"""Failover under load, in short: nothing that a patient was told is lost, and losses are seen."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.faults import rows_cluster, rows_sentinel
from bench.faults.harness import Stage
from bench.faults.row import Row
from bench.faults.scale import SHORT

ROWS = (*rows_sentinel.ROWS, *rows_cluster.ROWS)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """PostgreSQL under Patroni and Redis behind Sentinels, with a site on both."""
    folder: Path = tmp_path_factory.mktemp("clusters")
    with Stage(folder, SHORT) as opened:
        yield opened


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_row(stage: Stage, row: Row) -> None:
    verdict = row.run(stage)
    assert row.passes(verdict), verdict
