"""医療情報閲覧履歴: what is found, by the minute and by kind; long files in parts, flat."""

import csv
import io
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zipfile import ZipFile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.consent.world import World
from tests.records.viewers import Desk, desk_at
from zaitaku.consent.tables import consent
from zaitaku.core.archives import zipped
from zaitaku.core.clock import JST
from zaitaku.core.database import Database
from zaitaku.core.ephemeral import EphemeralStore
from zaitaku.core.errors import InvalidField
from zaitaku.core.ids import new_uuid
from zaitaku.core.spreadsheets import Codec
from zaitaku.records.errors import TooManyRows
from zaitaku.records.store import view_record
from zaitaku.records.view_export import ViewHistoryService, csv_lines
from zaitaku.records.view_history import MOST_ROWS, HistoryQuery, ViewedRow, ViewHistory
from zaitaku.records.view_kinds import ViewKind

START = datetime(2026, 11, 1, 9, 0, tzinfo=JST)


@pytest.fixture
def desk(any_world: World, ephemeral: EphemeralStore) -> Desk:
    """Somebody who views, on each engine."""
    return desk_at(any_world, ephemeral)


def fill(desk: Desk, count: int, *, kind: ViewKind = ViewKind.CHECKUP) -> None:
    """Record views, one a minute from ``START`` on."""
    desk.world.register()
    standing = desk.world.rows(consent)[0]
    rows = [
        {
            "id": new_uuid(),
            "facility_id": desk.world.facility.id,
            "account_id": desk.viewer.account_id,
            "actor": "=etsuran みどり",
            "patient_id": standing["patient_id"],
            "record_id": standing["record_id"],
            "kind": kind.value,
            "parts": ["checkup"],
            "first_month": "2026-01",
            "last_month": "2026-11",
            "viewed_at": START + timedelta(minutes=number),
        }
        for number in range(count)
    ]
    with desk.world.database.transaction() as connection:
        connection.execute(view_record.insert(), rows)


def found(desk: Desk, query: HistoryQuery) -> list[datetime]:
    with desk.world.database.reading() as connection:
        rows = list(ViewHistory(connection, desk.world.facility.id).stream(query))
    return [row.viewed_at for row in rows]


def test_a_period_is_to_the_minute_and_both_ends_belong_to_it(desk: Desk) -> None:
    fill(desk, 5)
    query = HistoryQuery.from_mapping({"from": "2026-11-01T09:01", "to": "2026-11-01T09:03"})
    assert found(desk, query) == [START + timedelta(minutes=n) for n in (3, 2, 1)]
    assert found(desk, HistoryQuery(kind=ViewKind.CHART)) == []
    assert len(found(desk, HistoryQuery(who="MIDORI"))) == 0
    assert len(found(desk, HistoryQuery(who="みど"))) == 5
    with desk.world.database.reading() as connection:
        assert ViewHistory(connection, desk.world.other.id).page(HistoryQuery()).total == 0


def test_pages_and_batches_tell_each_line_once(desk: Desk) -> None:
    fill(desk, 120)
    with desk.world.database.reading() as connection:
        history = ViewHistory(connection, desk.world.facility.id)
        pages = [history.page(HistoryQuery(page=number)) for number in (1, 2, 3, 99)]
        batches: list[ViewedRow] = []
        while more := history.following(
            HistoryQuery(), batches[-1] if batches else None, at_most=50
        ):
            batches += more
    assert [(page.number, page.pages, len(page.rows)) for page in pages] == [
        (1, 3, 50),
        (2, 3, 50),
        (3, 3, 20),
        (3, 3, 20),
    ]
    told = [row.viewed_at for page in pages[:3] for row in page.rows]
    assert told == [row.viewed_at for row in batches]
    assert all(later > earlier for later, earlier in pairwise(told))


def test_a_file_of_25000_rows_streams_flat_and_one_more_is_refused(
    world: World, ephemeral: EphemeralStore
) -> None:
    desk = desk_at(world, ephemeral)
    fill(desk, MOST_ROWS)
    service = ViewHistoryService(world.database, world.clock)
    lines = service.export(world.facility.id, HistoryQuery(), codec=Codec.UTF_8)
    tracemalloc.start()
    first = sum(1 for _ in islice(lines, 2_000))
    early = tracemalloc.get_traced_memory()[1]
    first += sum(1 for _ in islice(lines, 2_000))
    later = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert later < early * 1.2
    assert first + sum(1 for _ in lines) == MOST_ROWS + 1
    fill(desk, 1)
    with pytest.raises(TooManyRows):
        next(service.export(world.facility.id, HistoryQuery(), codec=Codec.UTF_8))


def test_no_cell_is_a_formula(world: World, ephemeral: EphemeralStore) -> None:
    desk = desk_at(world, ephemeral)
    fill(desk, 1)
    with world.database.reading() as connection:
        rows = list(ViewHistory(connection, world.facility.id).stream(HistoryQuery()))
    text = b"".join(csv_lines(rows, Codec.UTF_8)).decode("utf-8-sig")
    (_, line) = csv.reader(io.StringIO(text))
    assert line[1] == "'=etsuran みどり"
    assert line[0] == "2026/11/01 09:00:00"


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"from": "yesterday"}, "from"),
        ({"from": "2026-11-02", "to": "2026-11-01"}, "to"),
        ({"kind": "cat"}, "kind"),
        ({"who": "a" * 41}, "who"),
        ({"page": "0"}, "page"),
    ],
)
def test_what_cannot_be_read_is_named(values: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidField) as caught:
        HistoryQuery.from_mapping(values)
    assert caught.value.field == field


@given(st.lists(st.lists(st.binary(max_size=100), max_size=5), max_size=4))
def test_an_archive_gives_back_what_went_in(contents: list[list[bytes]]) -> None:
    files = [(f"{number}.csv", pieces) for number, pieces in enumerate(contents)]
    whole = b"".join(zipped(files, at=datetime(2026, 11, 20, tzinfo=UTC)))
    archive = ZipFile(io.BytesIO(whole))
    assert archive.testzip() is None
    assert [archive.read(name) for name in archive.namelist()] == [b"".join(p) for p in contents]
    assert all(entry.date_time == (2026, 11, 20, 9, 0, 0) for entry in archive.infolist())


def test_an_archive_is_made_piece_by_piece() -> None:
    taken: list[int] = []

    def pieces() -> Iterator[bytes]:
        for number in range(3):
            taken.append(number)
            yield b"x"

    making = zipped([("a.csv", pieces())], at=START)
    assert taken == []
    next(making)
    assert taken == [0]


def test_the_database_orders_by_its_index(database: Database) -> None:
    with database.reading() as connection:
        plan = connection.exec_driver_sql(
            "EXPLAIN QUERY PLAN SELECT id FROM view_record WHERE facility_id = 'x'"
            " ORDER BY viewed_at DESC, id DESC LIMIT 50"
        ).all()
    assert "USING" in str(plan)
    assert "TEMP B-TREE" not in str(plan)
