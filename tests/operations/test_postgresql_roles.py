"""The two roles of ``docs/operations.md``: the backup can copy, and the site cannot."""

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from tests.servers import postgres_server
from zaitaku.commands.backup import _told
from zaitaku.core.clock import SystemClock
from zaitaku.core.database import Database
from zaitaku.core.errors import StoreUnavailable
from zaitaku.operating import backups, postgresql_tools
from zaitaku.operating.backups import check_copy, make_copy
from zaitaku.operating.postgresql_tools import ToolFailed
from zaitaku.operating.reasons import why
from zaitaku.schema import upgrade
from zaitaku.watching.postgres import postgres_condition

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"


def statements() -> list[str]:
    [block] = re.findall(
        r"^```sql\n(.*?)^```", OPERATIONS.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    return [line for line in block.splitlines() if line]


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of a server on which the document's own words were said."""
    with postgres_server() as server:
        with psycopg.connect(server.url.replace("+psycopg", ""), autocommit=True) as connection:
            # The tests' own superuser has the name of the site's role.
            connection.execute("CREATE ROLE boss SUPERUSER LOGIN")
        boss = make_url(server.url).set(username="boss")
        plain = boss.render_as_string(hide_password=False).replace("+psycopg", "")
        with psycopg.connect(plain, autocommit=True) as connection:
            connection.execute("ALTER ROLE zaitaku RENAME TO tester")
            for statement in statements():
                connection.execute(statement)
        site = boss.set(username="zaitaku", database="zaitaku")
        yield site.render_as_string(hide_password=False)


def test_each_role_can_do_its_own_and_no_more(cluster: str, tmp_path: Path) -> None:
    backup = make_url(cluster).set(username="zaitaku_backup").render_as_string(hide_password=False)
    with closing(Database(cluster)) as site, closing(Database(backup)) as copier:
        upgrade(site)
        check_copy(make_copy(copier, tmp_path / "copies", SystemClock()))
        with pytest.raises(ToolFailed):
            make_copy(site, tmp_path / "others", SystemClock())
        with site.reading() as connection:
            assert postgres_condition(connection) is not None
            assert connection.exec_driver_sql("SELECT pg_has_role('pg_monitor', 'USAGE')").scalar()


def test_a_role_that_may_not_read_is_told_in_one_sentence(cluster: str, tmp_path: Path) -> None:
    boss = make_url(cluster).set(username="boss", database="postgres")
    plain = boss.render_as_string(hide_password=False).replace("+psycopg", "")
    with closing(Database(cluster)) as site:
        upgrade(site)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute("CREATE ROLE stranger LOGIN REPLICATION")
    stranger = make_url(cluster).set(username="stranger").render_as_string(hide_password=False)
    with closing(Database(stranger)) as database, pytest.raises(StoreUnavailable) as refused:
        make_copy(database, tmp_path / "copies", SystemClock())
    assert "権限がありません" in why(refused.value)
    with pytest.raises(Exception, match="PostgreSQLの利用者") as told, _told():
        raise refused.value
    assert "\n" not in str(told.value)
    assert "### PostgreSQLの利用者" in OPERATIONS.read_text("utf-8")


def test_a_program_that_is_missing_is_not_put_down_to_the_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "pg_verifybackup").symlink_to("/bin/true")
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setattr(postgresql_tools, "_FOLDERS", str(tmp_path))
    with pytest.raises(ToolFailed, match="pg_waldump がありません"):
        backups._check_postgresql(tmp_path)
