"""An instance that is about to end hands on what it can and serves the rest."""

import signal
import threading
from collections.abc import Iterator

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient

from tests.edge.conftest import Deploy
from zaitaku.blueprints import draining
from zaitaku.commands import ready as command
from zaitaku.commands.serve import drain_at_term
from zaitaku.core.draining import FLAG, Draining, own_draining, shared_draining

LOCAL = "http://127.0.0.1:8000"
HANDS_ON = {"X-Zaitaku-Elsewhere": "1"}


@pytest.fixture
def flag() -> Draining:
    return Draining()


@pytest.fixture
def visitor(deploy: Deploy, flag: Draining) -> FlaskClient:
    app = deploy(origin=LOCAL, trusted_proxies=0)
    draining.add(app, flag)
    return app.test_client()


def status(client: FlaskClient, method: str, path: str, headers: dict[str, str]) -> int:
    return client.open(path, method=method, base_url=LOCAL, headers=headers).status_code


def test_until_then_it_serves(visitor: FlaskClient) -> None:
    assert status(visitor, "GET", "/readyz", {}) == 200
    assert status(visitor, "GET", "/nowhere", HANDS_ON) == 404


def test_it_says_so(visitor: FlaskClient, flag: Draining) -> None:
    flag.begin()
    answer = visitor.get("/readyz", base_url=LOCAL)
    assert (answer.status_code, answer.get_json()) == (503, {"draining": True})
    assert status(visitor, "GET", "/healthz", {}) == 200


def test_what_can_be_asked_elsewhere_is_handed_on(visitor: FlaskClient, flag: Draining) -> None:
    flag.begin()
    answer = visitor.get("/nowhere", base_url=LOCAL, headers=HANDS_ON)
    assert answer.status_code == 504
    assert "少しお待ちください" in answer.get_data(as_text=True)
    head = visitor.head("/nowhere", base_url=LOCAL, headers=HANDS_ON)
    assert (head.status_code, head.data) == (504, b"")


@pytest.mark.parametrize(
    ("method", "headers"),
    [("POST", HANDS_ON), ("GET", {}), ("GET", {"X-Zaitaku-Elsewhere": "0"})],
)
def test_the_rest_is_served(
    visitor: FlaskClient, flag: Draining, method: str, headers: dict[str, str]
) -> None:
    flag.begin()
    assert status(visitor, method, "/nowhere", headers) == 404


def test_a_file_of_another_version_is_asked_elsewhere_first(visitor: FlaskClient) -> None:
    path = "/static/css/main.css"
    assert status(visitor, "GET", f"{path}?v=0123456789", HANDS_ON) == 404
    with visitor.get(f"{path}?v=0123456789", base_url=LOCAL) as answer:
        assert answer.status_code == 200
        # It is not what the address says, so nobody may keep it.
        assert "immutable" not in answer.headers["Cache-Control"]


def test_all_processes_of_an_instance_see_the_flag(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FLAG, raising=False)
    assert not own_draining().is_on
    with shared_draining() as shared:
        others = [own_draining(), own_draining()]
        assert [other.is_on for other in others] == [False, False]
        shared.begin()
        assert [other.is_on for other in others] == [True, True]
    assert not own_draining().is_on


@pytest.fixture
def ended() -> Iterator[threading.Event]:
    """Whether the server was told to end."""
    event = threading.Event()
    former = signal.signal(signal.SIGTERM, lambda *_: event.set())
    yield event
    signal.signal(signal.SIGTERM, former)


def test_the_server_ends_after_it_was_left_alone(flag: Draining, ended: threading.Event) -> None:
    drain_at_term(flag, 1)
    signal.raise_signal(signal.SIGTERM)
    assert flag.is_on
    assert not ended.is_set()
    assert ended.wait(30)


def test_told_twice_it_ends_at_once(flag: Draining, ended: threading.Event) -> None:
    drain_at_term(flag, 500)
    for _ in range(2):
        signal.raise_signal(signal.SIGTERM)
    assert ended.is_set()


def test_without_a_wait_it_ends_at_once(flag: Draining, ended: threading.Event) -> None:
    drain_at_term(flag, 0)
    signal.raise_signal(signal.SIGTERM)
    assert ended.is_set()
    assert not flag.is_on


def test_whoever_asks_is_told_why_it_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["ConnectionRefusedError", '{"draining": true}', ""])
    monkeypatch.setattr(command, "ask", lambda *_: next(answers))
    refused = CliRunner().invoke(command.ready, ["--port", "8001"])
    assert isinstance(refused.exception, command.NotReady)
    assert "ConnectionRefusedError" in refused.exception.detail
    assert CliRunner().invoke(command.ready, ["--wait", "60"]).exit_code == 0
