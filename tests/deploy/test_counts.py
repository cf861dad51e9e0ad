"""What a site that is told to end had still to write down."""

from pathlib import Path

from sqlalchemy import func, select

from bench.site import make_site
from tests.deploy.web import PATIENCE_SECONDS, WORKERS, running
from tests.servers import free_port
from zaitaku.core.database import Database
from zaitaku.reception.posters.store import url_use

SCANS = 20


def test_counts_that_wait_are_written_by_whoever_ends(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'zaitaku.db'}"
    short_lived, port = f"sqlite:///{tmp_path / 'ephemeral.db'}", free_port()
    origin = f"http://127.0.0.1:{port}"
    made = make_site(
        tmp_path, origin=origin, database_url=url, ephemeral_url=short_lived, patients=0
    )
    command = ["zaitaku", "serve", "--port", str(port), "--workers", str(WORKERS)]
    with running([*command, "--no-own-worker"], port, tmp_path, **made.environ) as server:
        path = made.entry.removeprefix(origin)
        assert [server.ask(path).status for _ in range(SCANS)] == [200] * SCANS
        server.process.terminate()
        assert server.process.wait(PATIENCE_SECONDS) == 0
    database = Database(url)
    with database.reading() as connection:
        assert connection.scalar(select(func.sum(url_use.c.scans))) == SCANS
    database.close()
