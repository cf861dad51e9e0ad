"""What the process gives up, and whose programs may speak to it."""

import http.client
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from tests.cardbridge.server.rig import Rig
from zaitaku.cardbridge.running.serving import RunningBridge, running_bridge
from zaitaku.cardbridge.web import peers
from zaitaku.cardbridge.web.app import FORM_LIMIT
from zaitaku.cardbridge.web.peers import Peer, peer_of

NOBODY = 65534
ASK_KERNEL = """
import ctypes, resource, sys
from zaitaku.cardbridge.running.hardening import protect_process
{act}
PR_GET_DUMPABLE = 3
is_dumpable = ctypes.CDLL(None).prctl(PR_GET_DUMPABLE, 0, 0, 0, 0)
print(is_dumpable, *resource.getrlimit(resource.RLIMIT_CORE))
"""
VISIT = """
import socket, sys
source = (sys.argv[2], int(sys.argv[3]))
with socket.create_connection(("127.0.0.1", int(sys.argv[1])), source_address=source) as one:
    one.sendall(b"GET / HTTP/1.1\\r\\nHost: 127.0.0.1:" + sys.argv[1].encode() + b"\\r\\n\\r\\n")
    print(one.recv(100).split(b" ")[1].decode())
"""


@pytest.fixture
def running(rig: Rig) -> Iterator[RunningBridge]:
    """The bridge behind a real socket."""
    with running_bridge(replace(rig.config, port=0)) as bridge:
        yield bridge


def asked(act: str) -> list[str]:
    """Return dumpable and both core limits of a process that did ``act``."""
    code = ASK_KERNEL.format(act=act)
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    return process.stdout.decode().split()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux knows prctl")
def test_the_process_cannot_be_dumped_or_looked_into() -> None:
    assert asked("")[0] == "1"
    assert asked("protect_process()") == ["0", "0", "0"]


def status_of(port: int) -> int:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("GET", "/")
        return connection.getresponse().status


def test_this_users_programs_are_served(running: RunningBridge) -> None:
    assert status_of(running.config.port) == HTTPStatus.OK


@pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0 or shutil.which("setpriv") is None,
    reason="needs another user's program",
)
def test_another_users_program_gets_nothing(running: RunningBridge) -> None:
    port = running.config.port
    assert status_for_another_user(port, ("127.0.0.1", 0)) == HTTPStatus.FORBIDDEN
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as own:
        own.request("GET", "/")
        assert own.getresponse().read()
        own_port = own.sock.getsockname()[1]
        assert status_for_another_user(port, ("127.0.0.2", own_port)) == HTTPStatus.FORBIDDEN
        assert status_for_another_user(port, ("127.0.0.2", 0)) == HTTPStatus.FORBIDDEN
    assert status_of(port) == HTTPStatus.OK


def status_for_another_user(port: int, source: tuple[str, int]) -> int:
    """Return what the bridge at ``port`` answers another user who comes from ``source``."""
    python = Path("/usr/bin/python3")  # one that every user may run
    user = ["setpriv", "--reuid", str(NOBODY), "--clear-groups"]
    command = [*user, str(python), "-c", VISIT, str(port), *map(str, source)]
    return int(subprocess.run(command, capture_output=True, check=True, cwd="/").stdout)


def test_another_user_is_refused_on_every_address(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = rig.opened()
    fields = opened.fields()
    monkeypatch.setattr("zaitaku.cardbridge.web.guards.peer_of", lambda _: Peer.SOMEBODY_ELSE)
    answers = [
        rig.get("/"),
        rig.get("/read", request=rig.token("c-2")),
        opened.page(),
        rig.get("/assets/bridge.css"),
        rig.get("/virtual/cards"),
        rig.post(f"{opened.path}/pin", **fields, pin="0000"),
    ]
    for answer in answers:
        assert answer.status_code == HTTPStatus.FORBIDDEN
        assert 'data-page="foreign-user"' in answer.text
        assert fields["token"] not in answer.text


def connected() -> tuple[socket.socket, socket.socket]:
    """Return both ends of a loopback connection: the server's and the client's."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return connected_to(listener, ("127.0.0.1", 0))


def connected_to(
    listener: socket.socket, source: tuple[str, int]
) -> tuple[socket.socket, socket.socket]:
    client = socket.create_connection(listener.getsockname(), source_address=source)
    server, _ = listener.accept()
    return server, client


def environ_of(server: socket.socket) -> dict[str, Any]:
    return {
        "REMOTE_ADDR": server.getpeername()[0],
        "REMOTE_PORT": str(server.getpeername()[1]),
        "SERVER_PORT": str(server.getsockname()[1]),
    }


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_the_kernel_tells_whose_connection_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    server, client = connected()
    with server, client:
        environ = environ_of(server)
        assert peer_of(environ) is Peer.SAME_USER
        own = os.getuid()
        monkeypatch.setattr(os, "getuid", lambda: own + 1)
        monkeypatch.setattr(peers, "ROOT", own)
        assert peer_of(environ) is Peer.SAME_USER, "the administrator's relays are let in"
        monkeypatch.setattr(peers, "ROOT", own + 2)
        assert peer_of(environ) is Peer.SOMEBODY_ELSE


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_a_connection_that_was_closed_is_nobodys() -> None:
    server, client = connected()
    with server:
        environ = environ_of(server)
        client.close()
        assert peer_of(environ) is Peer.SOMEBODY_ELSE


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such addresses")
def test_the_port_of_this_users_connection_on_another_address_does_not_help() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        own, client = connected_to(listener, ("127.0.0.1", 0))
        source = ("127.0.0.2", client.getsockname()[1])
        foreign, intruder = connected_to(listener, source)
    with own, client, foreign, intruder:
        assert peer_of(environ_of(own)) is Peer.SAME_USER
        assert peer_of(environ_of(foreign)) is Peer.SOMEBODY_ELSE


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_where_nothing_is_told_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    server, client = connected()
    with server, client:
        environ = environ_of(server)
        monkeypatch.setattr(peers, "ASK_BY_FAMILY", 9999)
        assert peer_of(environ) is Peer.UNKNOWN
    assert peer_of({}) is Peer.UNKNOWN


def test_a_form_never_goes_to_the_disk() -> None:
    """What waitress keeps in a file must be larger than any form that it takes."""
    from waitress.adjustments import Adjustments

    assert Adjustments.inbuf_overflow > FORM_LIMIT


def test_many_threads_may_ask_the_kernel_at_once(running: RunningBridge) -> None:
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(status_of(running.config.port)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [HTTPStatus.OK] * 8
