"""The independent OpenID provider as a process of its own, and somebody who signs in there."""

import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode, urljoin

import urllib3
from joserfc.jwk import RSAKey

from tests.servers import free_port
from zaitaku.core.openid import OpenIdProvider

HERE: Final = Path(__file__).parent
CLIENT_ID: Final = "RP00000001"
ACR: Final = "aal3"
START_SECONDS: Final = 30
_COOKIE: Final = re.compile(r"([^=;]+)=([^;]*)")


@dataclass(frozen=True)
class RunningProvider:
    """A provider that answers."""

    issuer: str
    signing_key: RSAKey

    def profile(self, key_file: Path, acr_values: tuple[str, ...] = (ACR,)) -> OpenIdProvider:
        """Return the settings of a deployment that is registered here."""
        return OpenIdProvider(
            issuer=self.issuer,
            authorization_url=f"{self.issuer}/auth",
            token_url=f"{self.issuer}/token",
            keys_url=f"{self.issuer}/jwks",
            client_id=CLIENT_ID,
            key_file=key_file,
            acr_values=acr_values,
        )


@dataclass
class SignedOut:
    """A browser without a name here; it brings an authorization request to its end."""

    cookies: dict[str, str] = field(default_factory=dict)

    def answer(self, address: str, **values: str) -> str:
        """Open ``address``, answer the login page with ``values``, return where that leads."""
        page = self._follow("GET", address)
        is_foreign = urljoin(address, "/") != urljoin(page, "/")
        return page if is_foreign else self._follow("POST", page, values)

    def opens(self, address: str) -> str:
        """Open ``address``; return the page, or the foreign address, where that leads."""
        return self._follow("GET", address)

    def _follow(self, method: str, address: str, values: dict[str, str] | None = None) -> str:
        """Follow redirects at the provider; return the page or the foreign address at their end."""
        origin = urljoin(address, "/")
        while True:
            location = self._send(method, address, values or {})
            if location is None:
                return address
            address, method, values = urljoin(address, location), "GET", None
            if not address.startswith(origin):
                return address

    def _send(self, method: str, address: str, values: dict[str, str]) -> str | None:
        answer = urllib3.request(
            method,
            address,
            body=urlencode(values) if method == "POST" else None,
            headers={
                "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
                "Content-Type": "application/x-www-form-urlencoded",
            },
            redirect=False,
            timeout=10,
        )
        for line in answer.headers.getlist("Set-Cookie"):
            if found := _COOKIE.match(line):
                self.cookies[found[1]] = found[2]
        assert answer.status < 400, answer.data
        return answer.headers.get("Location")


@contextmanager
def running_provider(
    folder: Path,
    *,
    client_keys: dict[str, Any],
    redirect_uri: str,
    signing_key: RSAKey,
    port: int | None = None,
) -> Iterator[RunningProvider]:
    """Run the provider with one registered client until the block ends."""
    port = port or free_port()
    issuer = f"http://127.0.0.1:{port}"
    settings = folder / f"provider-{port}.json"
    client = {"client_id": CLIENT_ID, "redirect_uris": [redirect_uri], "jwks": client_keys}
    keys = {"keys": [_private(signing_key)]}
    settings.write_text(
        json.dumps({"issuer": issuer, "port": port, "client": client, "jwks": keys, "acr": [ACR]})
    )
    with (folder / "provider.log").open("ab") as log:
        process = subprocess.Popen(
            [_node(), str(HERE / "provider.mjs"), str(settings)],
            stdout=subprocess.DEVNULL,
            stderr=log,
            start_new_session=True,
        )
    try:
        _wait_until_up(port, process)
        yield RunningProvider(issuer, signing_key)
    finally:
        process.terminate()
        process.wait(10)


def new_signing_key(name: str) -> RSAKey:
    """Return a new key of the provider."""
    return RSAKey.generate_key(2048, {"kid": name, "use": "sig", "alg": "RS256"})


def _private(key: RSAKey) -> dict[str, Any]:
    return dict(key.as_dict(private=True))


def _node() -> str:
    found = os.environ.get("ZAITAKU_TEST_NODE") or shutil.which("node")
    assert found, "node is not installed: make test-packages"
    assert (HERE / "node_modules" / "oidc-provider").exists(), "make tests/provider/node_modules"
    return found


def _wait_until_up(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, "the provider ended"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("the provider does not come up")
