"""Ready means: both stores answer and the tables are this version's."""

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event

from tests.edge.conftest import Deploy
from zaitaku import app
from zaitaku.blueprints.edge import EXTENSION
from zaitaku.commands import serve as commands
from zaitaku.commands.starting import NotMigrated
from zaitaku.commands.web_server import WebServer
from zaitaku.core.clock import FixedClock
from zaitaku.core.database import Database
from zaitaku.core.errors import StoreUnavailable
from zaitaku.core.watch import NO_WATCH
from zaitaku.schema import upgrade

LOCAL = "http://127.0.0.1:8000"


def unmigrated(deploy: Deploy, url: str) -> FlaskClient:
    return deploy(origin=LOCAL, trusted_proxies=0, database_url=url).test_client()


def test_ready(client: FlaskClient) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 200
    states = {"database": True, "schema": True, "ephemeral": True}
    assert answer.get_json() == {**states, "warnings": []}


def test_not_before_the_tables_are_there(deploy: Deploy, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'empty.db'}"
    client = unmigrated(deploy, url)
    answer = client.get("/readyz", base_url=LOCAL)
    assert answer.status_code == 503
    assert answer.get_json()["schema"] is False
    late = Database(url)
    upgrade(late)
    late.close()
    assert client.get("/readyz", base_url=LOCAL).status_code == 200


def test_what_is_known_is_not_asked_again(deploy: Deploy) -> None:
    app = deploy(origin=LOCAL, trusted_proxies=0)
    client = app.test_client()
    assert client.get("/readyz", base_url=LOCAL).status_code == 200
    asked: list[str] = []
    engine = app.extensions["zaitaku"].database.engine
    event.listen(engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    assert client.get("/readyz", base_url=LOCAL).status_code == 200
    assert asked == ["SELECT 1"]


def test_a_damaged_file(deploy: Deploy, tmp_path: Path) -> None:
    path = tmp_path / "damaged.db"
    path.write_bytes(b"no database at all " * 1000)
    client = unmigrated(deploy, f"sqlite:///{path}")
    answer = client.get("/readyz", base_url=LOCAL)
    assert answer.status_code == 503
    states = {"database": False, "schema": False, "ephemeral": True}
    assert answer.get_json() == {**states, "warnings": []}
    assert client.get("/healthz", base_url=LOCAL).status_code == 200


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[object]:
    """The settings of a deployment, and what was started instead of a server."""
    values = {
        "MODE": "sandbox",
        "ORIGIN": LOCAL,
        "DATABASE_URL": f"sqlite:///{tmp_path / 'served.db'}",
        "EPHEMERAL_URL": f"sqlite:///{tmp_path / 'ephemeral.db'}",
        "URL_KEYS": "a-url-key-for-the-tests-of-the-edge-1234567",
        "SESSION_KEYS": "a-session-key-for-the-tests-of-the-edge-2345678",
        "SUBJECT_KEYS": "a-subject-key-for-the-tests-of-the-edge-3456789",
        "REQUEST_KEY_FILE": "unused.pem",
        "TRUST_ANCHORS": "unused.pem",
        "CRL_FILE": "unused.der",
    }
    for name, value in values.items():
        monkeypatch.setenv(f"ZAITAKU_{name}", value)
    servers: list[object] = []

    site = Flask("site")
    site.extensions[EXTENSION] = SimpleNamespace(watch=NO_WATCH)
    monkeypatch.setattr(app, "from_environment", lambda: site)
    monkeypatch.setattr(WebServer, "run", lambda server: servers.append(server.workers))
    return servers


def test_the_server_does_not_start_without_its_tables(
    started: list[object], tmp_path: Path
) -> None:
    result = CliRunner().invoke(commands.serve, ["--workers", "2"])
    assert isinstance(result.exception, NotMigrated)
    assert "zaitaku migrate" in result.exception.detail
    assert not (tmp_path / "served.db").exists()
    assert started == []
    assert CliRunner().invoke(commands.migrate).exit_code == 0
    assert CliRunner().invoke(commands.serve, ["--workers", "2"]).exit_code == 0
    assert started == [2]


def test_the_server_does_not_start_on_a_damaged_file(started: list[object], tmp_path: Path) -> None:
    (tmp_path / "served.db").write_bytes(b"no database at all " * 1000)
    result = CliRunner().invoke(commands.serve)
    assert isinstance(result.exception, StoreUnavailable)
    assert started == []


@pytest.mark.parametrize(
    ("days", "warnings"), [(5, []), (7, ["crl-ends-soon"]), (9, ["crl-ended"])]
)
def test_a_list_that_ends_warns_and_takes_no_instance_out(
    client: FlaskClient, clock: FixedClock, days: int, warnings: list[str]
) -> None:
    clock.advance(timedelta(days=days, hours=-12))
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.get_json()["warnings"] == warnings


@pytest.mark.parametrize("left", [None, b"no list at all"])
def test_a_list_that_is_lost_or_broken_warns_too(
    deploy: Deploy, tmp_path: Path, left: bytes | None
) -> None:
    path = tmp_path / "revoked.crl"
    if left is not None:
        path.write_bytes(left)
    client = deploy(origin=LOCAL, trusted_proxies=0, crl_file=path).test_client()
    answer = client.get("/readyz", base_url=LOCAL)
    assert answer.status_code == 200
    assert answer.get_json()["warnings"] == ["crl-missing"]
