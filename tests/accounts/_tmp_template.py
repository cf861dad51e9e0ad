import pytest
from zaitaku.core.database import Database, metadata
import zaitaku.accounts.store  # noqa


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory):
    path = tmp_path_factory.mktemp("template") / "template.db"
    db = Database(f"sqlite:///{path}")
    with db.transaction() as c:
        metadata.create_all(c)
    with db.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    return path
