"""Where the demo keeps its things and on which ports it listens."""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Self

from zaitaku.core.errors import SettingsError
from zaitaku.wire import BRIDGE_PORTS

DEFAULT_PORT = 8000
PROVIDER_PORT = 18240
HIGHEST_PORT = 65535


@dataclass(frozen=True)
class Places:
    """Folder and ports of one demo (``ZAITAKU_DATA``, ``ZAITAKU_PORT`` …)."""

    data: Path
    port: int
    bridge_port: int
    ocsp_port: int
    provider_port: int

    def __post_init__(self) -> None:
        named = {
            "ZAITAKU_PORT": self.port,
            "ZAITAKU_BRIDGE_PORT": self.bridge_port,
            "ZAITAKU_PROVIDER_PORT": self.provider_port,
        }
        for (one, port), (other, same) in combinations(named.items(), 2):
            if port == same:
                raise SettingsError(
                    f"{one} と {other} が、同じ番号（{port}）です。別の番号にしてください。"
                )

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Read the places; the OCSP responder takes any free port.

        The stand-in provider takes the same port each time where it can: its address is a part of
        the names by which it knows people.

        Raises:
            SettingsError: a port is not a number, or another program has it.
        """
        return cls(
            data=Path(environ.get("ZAITAKU_DATA") or "data").resolve(),
            port=_free_port(environ, "ZAITAKU_PORT", DEFAULT_PORT),
            bridge_port=_free_port(environ, "ZAITAKU_BRIDGE_PORT", BRIDGE_PORTS[0]),
            ocsp_port=_any_port(),
            provider_port=_usual_port(environ, "ZAITAKU_PROVIDER_PORT", PROVIDER_PORT),
        )

    @property
    def origin(self) -> str:
        """Where the patient's pages are: a name, since a passkey belongs to no bare address."""
        return f"http://localhost:{self.port}"

    @property
    def bridge(self) -> str:
        """Where the card bridge is."""
        return f"http://127.0.0.1:{self.bridge_port}"

    @property
    def ocsp(self) -> str:
        """Where the test authority's responder is."""
        return f"http://127.0.0.1:{self.ocsp_port}"

    @property
    def provider(self) -> str:
        """Where the stand-in for the phone's app is."""
        return f"http://127.0.0.1:{self.provider_port}"


def _free_port(environ: Mapping[str, str], name: str, default: int) -> int:
    value = environ.get(name) or str(default)
    if not value.isascii() or not value.isdigit() or not 0 < int(value) <= HIGHEST_PORT:
        raise SettingsError(f"{name}={value} はポート番号（1〜{HIGHEST_PORT}）ではありません。")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", int(value)))
        except OSError as error:
            raise SettingsError(
                f"ポート {value} は、もう使われています。デモがもう動いているのかもしれません"
                f"（動いていれば、そのまま使えます）。{name} で別の番号にできます。"
            ) from error
    return int(value)


def _usual_port(environ: Mapping[str, str], name: str, usual: int) -> int:
    if environ.get(name):
        return _free_port(environ, name, usual)
    try:
        return _free_port(environ, name, usual)
    except SettingsError:
        return _any_port()


def _any_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
