"""What is done over and over reads no table as a whole, and is planned for its own facility."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, event

from bench.scale_data import found_country
from tests.conftest import NOW
from tests.databases import new_postgres_database
from zaitaku.audit.service import AuditService
from zaitaku.core.clock import FixedClock, japan_date
from zaitaku.core.database import Database
from zaitaku.core.ids import FacilityId, new_uuid
from zaitaku.jobs.store import drop_told_secrets, free_jobs, give_up, remove_old
from zaitaku.reception.posters.store import forget_uses_before
from zaitaku.records.appointments.store import forget_all_before
from zaitaku.records.consented import ConsentedPatients
from zaitaku.records.listing import ListQuery

FACILITIES = 2_000


@pytest.fixture
def country(postgres_address: str) -> Iterator[Database]:
    """Many facilities on PostgreSQL, each with what its first days leave behind."""
    with new_postgres_database(postgres_address) as database:
        address = database.url.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(address, autocommit=True) as connection:
            found_country(connection, FACILITIES, NOW)
            connection.execute("ANALYZE")
        yield database


def test_the_workers_round_reads_no_table_of_facilities_as_a_whole(
    country: Database, clock: FixedClock
) -> None:
    with _heard(country) as statements:
        _go_round(country, clock)
    with country.reading() as connection:
        ways = "\n".join(_plan(connection, *each) for each in statements.items())
    assert "ix_audit_head_untold" in ways
    assert set(re.findall(r"Seq Scan on (\w+)", ways)) <= {"job_piece", "appointment"}, ways


def test_a_list_is_planned_for_its_facility_and_nothing_after_it_is(country: Database) -> None:
    mode = "SHOW plan_cache_mode"
    with country.reading() as connection:
        ConsentedPatients(connection, FacilityId(new_uuid())).page(ListQuery(), now=NOW)
        assert connection.exec_driver_sql(mode).scalar_one() == "force_custom_plan"
    with country.reading() as connection:
        assert connection.exec_driver_sql(mode).scalar_one() == "auto"


def _go_round(database: Database, clock: FixedClock) -> None:
    now = clock.now()
    with database.transaction() as connection:
        give_up(connection, now)
        drop_told_secrets(connection, now)
        remove_old(connection, ended_before=now - timedelta(days=30), now=now)
        free_jobs(connection, now)
        forget_uses_before(connection, japan_date(now) - timedelta(days=400))
        forget_all_before(connection, japan_date(now) - timedelta(days=30))
    assert AuditService(database=database, clock=clock).log_heads() == 0


@contextmanager
def _heard(database: Database) -> Iterator[dict[str, Any]]:
    heard: dict[str, Any] = {}

    def hear(_connection: Connection, _cursor: object, text: str, given: Any, *_: object) -> None:
        heard[text] = given

    event.listen(database.engine, "before_cursor_execute", hear)
    yield heard
    event.remove(database.engine, "before_cursor_execute", hear)


def _plan(connection: Connection, statement: str, parameters: Any) -> str:
    rows = connection.exec_driver_sql(f"EXPLAIN (COSTS OFF) {statement}", parameters)
    return "\n".join(row[0] for row in rows)
