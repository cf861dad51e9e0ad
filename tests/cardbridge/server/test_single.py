"""A second start finds the first, and nothing else is taken for it."""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.cardbridge.server.rig import Rig
from tests.cardbridge.server.test_cli import command
from tests.servers import free_port
from zaitaku.cardbridge.reading import single
from zaitaku.cardbridge.reading.config import BridgeConfig
from zaitaku.cardbridge.reading.single import AlreadyRunning, Claim, address_of_running, claimed
from zaitaku.cardbridge.running.ports import bind
from zaitaku.cardbridge.running.serving import running_bridge
from zaitaku.cardbridge.virtual.inprocess import InProcessService


@contextmanager
def claimed_bridge(state: Path) -> Iterator[str]:
    """Run a bridge that holds the claim of its folder; yields its address."""
    with claimed(state, "running") as claim, bind((0,)) as bound:
        whole = claim.announce(bound.getsockname()[1])
        config = BridgeConfig(InProcessService(), state, claim=whole)
        with running_bridge(config, bound) as running:
            yield running.address


@contextmanager
def somebody_else(body: bytes, status: int = 200) -> Iterator[int]:
    """Run another program that answers everything; yields its port."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_second_start_learns_where_the_first_runs(tmp_path: Path) -> None:
    with claimed_bridge(tmp_path) as address:
        with pytest.raises(AlreadyRunning) as found, claimed(tmp_path, "running"):
            pass
        assert found.value.address == address
    with claimed(tmp_path, "running"):
        assert address_of_running(tmp_path / "running.json") == ""


def test_the_record_is_for_its_owner_only_and_goes_with_the_bridge(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with claimed_bridge(state):
        assert (state / "running.json").stat().st_mode & 0o077 == 0
        assert state.stat().st_mode & 0o077 == 0
    assert not (state / "running.json").exists()


def test_bridges_of_other_names_and_nameless_ones_do_not_meet(tmp_path: Path) -> None:
    with ExitStack() as stack:
        for name in ("running", "running-virtual", None, None):
            stack.enter_context(claimed(tmp_path, name))


def test_of_many_starts_at_once_one_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(single, "PATIENCE_SECONDS", 0)
    barrier, done = threading.Barrier(8), threading.Barrier(8)
    won: list[bool] = []

    def start() -> None:
        barrier.wait()
        try:
            with claimed(tmp_path, "running"):
                won.append(True)
                done.wait()
        except AlreadyRunning:
            won.append(False)
            done.wait()

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False] * 7 + [True]


@pytest.mark.parametrize("body", [b"", b"zaitaku-bridge", b"0" * 64, b"\xff" * 64, b"x" * 5000])
def test_another_program_at_the_port_is_not_taken_for_ours(tmp_path: Path, body: bytes) -> None:
    with somebody_else(body) as port:
        Claim(tmp_path / "running.json", b"secret" * 6).announce(port)
        assert address_of_running(tmp_path / "running.json") == ""


def test_a_bridge_of_another_person_is_not_taken_for_ours(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    with claimed_bridge(tmp_path / "theirs") as address:
        port = int(address.rstrip("/").rsplit(":", 1)[1])
        Claim(mine / "running.json", b"secret" * 6).announce(port)
        assert address_of_running(mine / "running.json") == ""


@pytest.mark.parametrize("text", ["", "{", "[]", '{"port": 1}', '{"port": "a", "secret": "00"}'])
def test_a_record_that_cannot_be_read_is_nobodys(tmp_path: Path, text: str) -> None:
    (tmp_path / "running.json").write_text(text)
    assert address_of_running(tmp_path / "running.json") == ""


def test_a_folder_that_cannot_be_written_to_keeps_nobody_from_starting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with claimed(tmp_path / "file" / "state", "running") as claim:
        assert claim.announce(1).secret == b""


def test_the_proof_is_asked_for_by_programs_and_by_no_page(rig: Rig) -> None:
    claim = Claim(None, b"secret" * 6, 18231)
    mine = Rig(rig.site, rig.readers, rig.state, extra={"claim": claim})
    challenge = "c" * 43
    path = single.RUNNING_PATH
    assert mine.get(path, challenge=challenge).text == claim.proof(challenge)
    assert mine.get(path, challenge="short").status_code == 404
    cross = mine.get_as(path, {"Sec-Fetch-Site": "cross-site"}, challenge=challenge)
    assert cross.status_code == 403
    assert rig.get(path, challenge=challenge).status_code == 404


def test_a_proof_holds_for_its_port_and_challenge_only() -> None:
    proofs = {
        Claim(None, secret, port).proof(challenge)
        for secret in (b"a" * 32, b"b" * 32)
        for port in (1, 2)
        for challenge in ("x", "y")
    }
    assert len(proofs) == 8


def test_the_command_started_twice_ends_calmly_the_second_time(tmp_path: Path) -> None:
    port = str(free_port())
    options = ("--port", port, "--state", str(tmp_path))
    with command(*options) as (_, address), command(*options) as (second, told):
        assert told == address
        assert second.wait(20) == 0
        record = json.loads((tmp_path / f"running-{port}.json").read_text())
        assert str(record["port"]) == port


def test_a_bridge_that_was_killed_leaves_nothing_in_the_way(tmp_path: Path) -> None:
    options = ("--port", str(free_port()), "--state", str(tmp_path))
    with command(*options) as (first, address):
        first.kill()
        first.wait(20)
        with command(*options) as (second, again):
            assert again == address
            assert second.poll() is None


def test_a_first_that_hangs_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(single, "PATIENCE_SECONDS", 0)
    with (
        claimed(tmp_path, "running"),
        pytest.raises(AlreadyRunning) as found,
        claimed(tmp_path, "running"),
    ):
        pass
    assert found.value.address == ""


@pytest.mark.skipif(os.name != "posix", reason="POSIX locks")
def test_the_lock_does_not_pass_to_programs_that_the_bridge_starts(tmp_path: Path) -> None:
    with claimed(tmp_path, "running"):
        inherited = [
            handle
            for handle in Path("/proc/self/fd").iterdir()
            if handle.exists() and handle.readlink().name == "running.lock"
        ]
        assert inherited
        assert not any(os.get_inheritable(int(handle.name)) for handle in inherited)
