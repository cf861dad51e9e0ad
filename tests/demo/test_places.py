"""Where a demo goes, and what is said when it cannot."""

import socket
from pathlib import Path

import pytest

from tests.servers import free_port
from zaitaku.core.errors import SettingsError
from zaitaku.demo.places import Places


def test_the_environment_moves_it(tmp_path: Path) -> None:
    port, bridge = free_port(), free_port()
    places = Places.from_env(
        {
            "ZAITAKU_DATA": str(tmp_path),
            "ZAITAKU_PORT": str(port),
            "ZAITAKU_BRIDGE_PORT": str(bridge),
        }
    )
    assert places.data == tmp_path
    assert places.origin == f"http://localhost:{port}"
    assert places.bridge == f"http://127.0.0.1:{bridge}"


@pytest.mark.parametrize("value", ["x", "0", "70000", "-1", "８０００", "1.5"])
def test_what_is_no_port_is_named(tmp_path: Path, value: str) -> None:
    with pytest.raises(SettingsError, match="ZAITAKU_PORT"):
        Places.from_env({"ZAITAKU_DATA": str(tmp_path), "ZAITAKU_PORT": value})


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"{port}.*デモがもう動いている.*ZAITAKU_PORT"):
            Places.from_env({"ZAITAKU_DATA": str(tmp_path), "ZAITAKU_PORT": str(port)})


def test_two_equal_ports_are_named(tmp_path: Path) -> None:
    port = str(free_port())
    chosen = {"ZAITAKU_PORT": port, "ZAITAKU_BRIDGE_PORT": port}
    with pytest.raises(SettingsError, match=f"ZAITAKU_PORT.*ZAITAKU_BRIDGE_PORT.*{port}"):
        Places.from_env({"ZAITAKU_DATA": str(tmp_path), **chosen})
