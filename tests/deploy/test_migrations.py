"""Migrations run beside the site, and the version before survives them."""

import re
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, event, make_url, select, text

from tests.databases import new_postgres_database
from tests.deploy.expanding import ONLINE_SINCE, SINCE, breaches, long_locks
from zaitaku import schema
from zaitaku.core import postgres
from zaitaku.core.database import Database
from zaitaku.core.errors import StoreUnavailable
from zaitaku.core.revisions import (
    can_serve,
    is_current,
    known_revisions,
    newest_revision,
    revision_of,
    schema_promise,
)
from zaitaku.schema import TablesInUse, migration_config, upgrade

LATER = "299912312359"
_HEAD = '''"""A later version's."""
from alembic import op
revision = "{later}"
down_revision = "{newest}"
branch_labels = None
depends_on = None
{marker}

def upgrade():
    {body}
'''

MakeLater = Callable[..., None]


@pytest.fixture
def make_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeLater:
    """Give this process one migration more than the code has."""

    def make(body: str, marker: str = "") -> None:
        scripts = tmp_path / "migrations"
        shutil.copytree(Path(schema.__file__).parent / "migrations", scripts)
        written = _HEAD.format(later=LATER, newest=newest_revision(), marker=marker, body=body)
        (scripts / "versions" / f"{LATER}_later.py").write_text(written)
        config = Config()
        config.set_main_option("script_location", str(scripts))
        monkeypatch.setattr(schema, "migration_config", lambda: config)

    return make


@pytest.fixture
def empty(postgres_address: str) -> Iterator[Database]:
    """A PostgreSQL database without any table."""
    engine = create_engine(postgres_address, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("CREATE DATABASE empty_one"))
    address = make_url(postgres_address).set(database="empty_one")
    database = Database(address.render_as_string(hide_password=False))
    yield database
    database.close()
    with engine.connect() as connection:
        connection.execute(text("DROP DATABASE empty_one WITH (FORCE)"))
    engine.dispose()


def statements_by_revision(database: Database) -> dict[str, list[str]]:
    """Migrate an empty database and return what each migration said to it."""
    found: dict[str, list[str]] = {}
    pending: list[str] = []

    def note(*arguments: object) -> None:
        statement, parameters = str(arguments[2]), str(arguments[3])
        pending.append(statement)
        if "alembic_version" in statement and statement.startswith(("INSERT", "UPDATE")):
            [revision, *_] = re.findall(r"\d{12}", statement + parameters)
            found[revision] = list(pending)
            pending.clear()

    event.listen(database.engine, "before_cursor_execute", note)
    upgrade(database)
    return found


def test_the_version_before_survives_every_migration(empty: Database) -> None:
    found = statements_by_revision(empty)
    assert set(found) == known_revisions()
    scripts = ScriptDirectory.from_config(migration_config())
    ordered = [statement for revision in sorted(found) for statement in found[revision]]
    broken = {
        revision: list(breaches(said, ordered[: ordered.index(said[0])]))
        for revision, said in found.items()
        if revision >= SINCE and not hasattr(scripts.get_revision(revision).module, "SERVES_FROM")
    }
    assert {revision: what for revision, what in broken.items() if what} == {}
    slow = {name: list(long_locks(said)) for name, said in found.items() if name > ONLINE_SINCE}
    assert {name: lines for name, lines in slow.items() if lines} == {}


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE patient",
        "ALTER TABLE patient DROP COLUMN kana",
        "ALTER TABLE patient RENAME COLUMN kana TO reading",
        'ALTER TABLE "patient" RENAME TO person',
        "ALTER TABLE patient ALTER COLUMN kana TYPE TEXT",
        "ALTER TABLE patient ALTER COLUMN kana SET NOT NULL",
        "ALTER TABLE patient\n ADD COLUMN later VARCHAR(2) NOT NULL",
        "ALTER TABLE patient ADD CONSTRAINT ck_later CHECK (kana <> '')",
        "CREATE UNIQUE INDEX uq_later ON patient (kana)",
        "ALTER TABLE patient ADD COLUMN later VARCHAR(2), DROP COLUMN kana",
        "ALTER TABLE patient DROP CONSTRAINT uq_a, ALTER COLUMN kana SET NOT NULL",
    ],
)
def test_what_the_version_before_does_not_survive(statement: str) -> None:
    assert list(breaches([statement])) != []
    assert list(breaches(["CREATE TABLE patient (id INTEGER)", statement])) == []


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE patient ADD COLUMN later VARCHAR(2)",
        "ALTER TABLE patient ADD COLUMN later VARCHAR(2) DEFAULT '' NOT NULL",
        "ALTER TABLE patient ALTER COLUMN kana DROP NOT NULL",
        "CREATE TABLE later (id INTEGER NOT NULL)",
        "CREATE INDEX CONCURRENTLY ix_later ON patient (kana)",
    ],
)
def test_what_the_version_before_survives(statement: str) -> None:
    assert list(breaches([statement])) == []
    assert list(long_locks([statement])) == []


FIRST = (
    "CREATE TABLE line (list UUID NOT NULL, item VARCHAR(2) NOT NULL, since DATE,"
    " CONSTRAINT pk_line PRIMARY KEY (list, item))"
)
MADE = "CREATE UNIQUE INDEX CONCURRENTLY pk_next ON line (list, item) INCLUDE (since)"
EXCHANGED = (
    "ALTER TABLE line DROP CONSTRAINT pk_line,"
    " ADD CONSTRAINT pk_line PRIMARY KEY USING INDEX pk_next"
)


def test_a_constraint_may_get_another_index() -> None:
    assert list(breaches([MADE, EXCHANGED], [FIRST])) == []


@pytest.mark.parametrize(
    ("made", "exchanged"),
    [
        (MADE, "SELECT 1"),
        (MADE.replace("list, item", "list"), EXCHANGED),
        (MADE.replace("ON line", "ON other"), EXCHANGED),
        (MADE.replace("pk_next", "pk_other"), EXCHANGED),
        (MADE, EXCHANGED.replace("PRIMARY KEY", "UNIQUE")),
        (MADE, EXCHANGED.replace("ADD CONSTRAINT pk_line", "ADD CONSTRAINT pk_more")),
        (MADE, f"{EXCHANGED}, DROP COLUMN since"),
        (MADE, EXCHANGED.replace("TABLE line", "TABLE other")),
    ],
)
def test_what_is_no_longer_the_same_constraint_breaks(made: str, exchanged: str) -> None:
    assert list(breaches([made, exchanged], [FIRST])) != []


def test_an_index_over_a_table_in_use_is_made_while_it_is_in_use() -> None:
    said = "CREATE INDEX ix_later ON patient (kana)"
    assert list(long_locks([said])) == [said]
    assert list(long_locks(["CREATE TABLE patient (id INTEGER)", said])) == []


def test_the_names_of_the_migrations_are_their_order() -> None:
    scripts = ScriptDirectory.from_config(migration_config())
    assert scripts.get_current_head() == newest_revision()
    ordered = [script.revision for script in scripts.walk_revisions()]
    assert ordered == sorted(known_revisions(), reverse=True)


def test_a_version_serves_on_later_tables_that_only_grew(
    any_database: Database, make_later: MakeLater
) -> None:
    make_later('op.execute("ALTER TABLE patient ADD COLUMN later VARCHAR(20)")')
    upgrade(any_database)
    assert revision_of(any_database) == LATER
    assert not is_current(any_database)
    assert can_serve(any_database)


def test_a_version_does_not_serve_on_tables_that_lack_what_it_needs(
    any_database: Database, make_later: MakeLater
) -> None:
    make_later('op.execute("DROP TABLE later_gone")', f'SERVES_FROM = "{LATER}"')
    with any_database.transaction() as connection:
        connection.execute(text("CREATE TABLE later_gone (id INTEGER)"))
    upgrade(any_database)
    assert not can_serve(any_database)


def test_a_version_serves_again_when_the_promise_is_its_own(
    any_database: Database, make_later: MakeLater
) -> None:
    make_later('op.execute("SELECT 1")', f'SERVES_FROM = "{newest_revision()}"')
    upgrade(any_database)
    with any_database.reading() as connection:
        assert connection.scalar(select(schema_promise.c.serves_from)) == newest_revision()
    assert can_serve(any_database)


def test_older_tables_are_not_served_on(any_database: Database) -> None:
    with any_database.transaction() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '202611220113'"))
    assert not can_serve(any_database)


def test_of_many_migrations_at_once_one_works(empty: Database) -> None:
    failures: list[BaseException] = []

    def migrate() -> None:
        database = Database(empty.url.render_as_string(hide_password=False))
        try:
            upgrade(database)
        except BaseException as error:  # noqa: BLE001 - told by the test
            failures.append(error)
        finally:
            database.close()

    threads = [threading.Thread(target=migrate) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert is_current(empty)


@pytest.fixture
def postgresql_database(postgres_address: str) -> Iterator[Database]:
    with new_postgres_database(postgres_address) as opened:
        yield opened


def test_a_table_in_use_is_left_alone_after_a_moment(
    postgresql_database: Database, make_later: MakeLater, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_later('op.execute("ALTER TABLE patient ADD COLUMN later VARCHAR(20)")')
    with postgresql_database.reading() as reader:
        reader.execute(text("SELECT count(*) FROM patient"))
        with monkeypatch.context() as impatient, pytest.raises(TablesInUse):
            impatient.setattr(schema, "LOCK_SECONDS", 1)
            impatient.setattr(schema, "ATTEMPTS", 1)
            upgrade(postgresql_database)
    assert is_current(postgresql_database)
    upgrade(postgresql_database)
    assert revision_of(postgresql_database) == LATER


def test_one_that_runs_keeps_the_others_out(
    postgresql_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "ATTEMPTS", 2)
    monkeypatch.setattr(schema, "PAUSE_SECONDS", 0.01)
    with postgresql_database.reading() as other:
        other.exec_driver_sql(f"SELECT pg_advisory_xact_lock({schema.ADVISORY_LOCK})")
        with pytest.raises(TablesInUse, match="別の zaitaku migrate"):
            upgrade(postgresql_database)
    upgrade(postgresql_database)


def test_a_long_migration_is_not_cut_short(
    postgresql_database: Database, make_later: MakeLater, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Pages of this database give up after a second, and whatever they hear after that.
    monkeypatch.setattr(postgres, "_SHORTEST_SECONDS", 1)
    monkeypatch.setattr(postgres, "_GRACE_SECONDS", 0.1)
    url = postgresql_database.url.render_as_string(hide_password=False)
    hasty = Database(url, busy_seconds=0.5)
    make_later('op.execute("SELECT pg_sleep(1.3)")')
    upgrade(hasty)
    with pytest.raises(StoreUnavailable), hasty.reading() as connection:
        connection.execute(text("SELECT pg_sleep(1.3)"))
    hasty.close()


def test_an_index_can_be_made_beside_writers(
    postgresql_database: Database, make_later: MakeLater
) -> None:
    make_later(
        "with op.get_context().autocommit_block():\n"
        '        op.create_index("ix_later", "patient", ["kana"], postgresql_concurrently=True)'
    )
    upgrade(postgresql_database)
    with postgresql_database.reading() as connection:
        assert connection.scalar(text("SELECT to_regclass('ix_later')")) is not None


def test_a_database_that_goes_away_meanwhile_is_unavailable(
    postgresql_database: Database, make_later: MakeLater
) -> None:
    make_later(
        "with op.get_context().autocommit_block():\n"
        '        op.execute("SELECT pg_terminate_backend(pg_backend_pid())")'
    )
    with pytest.raises(StoreUnavailable):
        upgrade(postgresql_database)
