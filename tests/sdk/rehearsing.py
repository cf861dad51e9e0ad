"""The simulator and the example site as programs, and somebody who uses both."""

import html
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import urllib3

from tests.servers import free_port

HOUSE = Path(__file__).parents[2]
START_SECONDS = 60


@dataclass
class Visitor:
    """A browser of sorts: keeps the site's cookie, follows 303, sends forms."""

    pool: urllib3.PoolManager = field(
        default_factory=lambda: urllib3.PoolManager(retries=False, timeout=20)
    )
    cookies: dict[str, str] = field(default_factory=dict)
    url: str = ""
    text: str = ""
    trail: list[str] = field(default_factory=list)
    """Every address that was fetched."""

    def get(self, url: str) -> str:
        """Fetch a page, following wherever it leads."""
        return self._go("GET", url)

    def submit(self, action: str, **typed: str) -> str:
        """Send the form of this page whose address ends with ``action``."""
        forms = re.findall(r"<form[^>]*>.*?</form>", self.text, re.DOTALL)
        form = next(one for one in forms if _attribute(one, "action").endswith(action))
        hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form)
        fields = {name: html.unescape(value) for name, value in hidden} | typed
        return self._go(
            "POST", urljoin(self.url, html.unescape(_attribute(form, "action"))), fields
        )

    @property
    def page(self) -> str:
        """Name of the bridge's page."""
        found = re.search(r'<main[^>]* data-page="([^"]+)"', self.text)
        return found[1] if found else ""

    def _go(self, method: str, url: str, fields: dict[str, str] | None = None) -> str:
        answer = self._ask(method, url, fields)
        for _ in range(6):
            if answer.status not in {302, 303}:
                break
            url = urljoin(url, answer.headers["Location"])
            answer = self._ask("GET", url, None)
        self.url, self.text = url, answer.data.decode()
        return self.text

    def _ask(
        self, method: str, url: str, fields: dict[str, str] | None
    ) -> urllib3.BaseHTTPResponse:
        self.trail.append(url)
        answer = self.pool.request(
            method,
            url,
            body=urlencode(fields) if fields is not None else None,
            headers=self._headers(url, fields),
            redirect=False,
        )
        self._keep_cookie(url, answer)
        return answer

    def _headers(self, url: str, fields: dict[str, str] | None) -> dict[str, str]:
        cookie = self.cookies.get(urlsplit(url).netloc)
        return {
            **({"Cookie": cookie} if cookie else {}),
            **({"Content-Type": "application/x-www-form-urlencoded"} if fields is not None else {}),
        }

    def _keep_cookie(self, url: str, answer: urllib3.BaseHTTPResponse) -> None:
        if "Set-Cookie" in answer.headers:
            self.cookies[urlsplit(url).netloc] = answer.headers["Set-Cookie"].partition(";")[0]


def _attribute(element: str, name: str) -> str:
    found = re.search(rf'^<form[^>]* {name}="([^"]*)"', element)
    return found[1] if found else ""


@dataclass
class Stand:
    """Where both programs answer."""

    site: str
    bridge: str
    visitor: Visitor = field(default_factory=Visitor)

    @property
    def cards(self) -> list[dict[str, Any]]:
        """The cards in the box."""
        told: dict[str, Any] = self.visitor.pool.request(
            "GET", f"{self.bridge}/virtual/cards"
        ).json()
        return list(told["cards"])

    def lay(self, case: str) -> None:
        """Lay a card on the reader."""
        self._tell("insert", case)

    def give_tries_back(self, case: str) -> None:
        """Do what the municipality's counter does."""
        self._tell("reset", case)

    def remove(self) -> None:
        """Leave the reader empty."""
        self._tell("remove")

    def _tell(self, act: str, case: str = "") -> None:
        told = self.visitor.pool.request("GET", f"{self.bridge}/virtual/cards").json()
        card = next(one["id"] for one in told["cards"] if one["id"].endswith(case))
        fields = urlencode({"token": told["token"], "card": card})
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = self.visitor.pool.request(
            "POST", f"{self.bridge}/virtual/{act}", body=fields, headers=kind, redirect=False
        )
        assert answer.status == 303, act

    def ask(self, answer: str = "yes") -> str:
        """Answer the site's question and return which page the bridge shows."""
        self.visitor.get(f"{self.site}/")
        self.visitor.submit("/ask", answer=answer)
        return self.visitor.page

    def outcome(self) -> str:
        """Return with which code the site ended."""
        if "受け付けました" in self.visitor.text:
            return "verified"
        if "やめました" in self.visitor.text:
            return "cancelled"
        found = re.search(r"（([a-z-]+)）", self.visitor.text)
        return found[1] if found else self.visitor.page


@contextmanager
def bridge(folder: Path, site_port: int) -> Iterator[tuple[str, Path, Path]]:
    """Run ``zaitaku-bridge --virtual``; gives its address, roots and lists."""
    origin = f"http://127.0.0.1:{site_port}"
    command = [sys.executable, "-m", "zaitaku.cardbridge", "--virtual", "--port", "0", "--no-open"]
    command += ["--state", str(folder / "state"), "--test-origin", origin]
    with _running(command, folder) as process:
        told: list[str] = []
        while not (told and told[-1].startswith("http://")):
            line = _line(process)
            told.append(line.rpartition(": ")[2])
        roots, lists = (Path(one) for one in told if one.endswith(".pem"))
        yield told[-1].rstrip("/"), roots, lists


@contextmanager
def example_site(
    folder: Path, port: int, bridge_port: int, roots: Path, lists: Path
) -> Iterator[str]:
    """Run the example site; gives its address."""
    command = [sys.executable, str(HOUSE / "examples" / "card_site.py"), "--port", str(port)]
    command += ["--roots", str(roots), "--lists", str(lists), "--test"]
    with _running([*command, "--bridge-port", str(bridge_port)], folder) as process:
        address = f"http://127.0.0.1:{port}"
        _wait(address, process)
        yield address


@contextmanager
def stand(folder: Path) -> Iterator[Stand]:
    """Run both."""
    port = free_port()
    with bridge(folder, port) as (address, roots, lists):
        bridge_port = urlsplit(address).port or 0
        with example_site(folder, port, bridge_port, roots, lists) as site:
            yield Stand(site, address)


@contextmanager
def _running(command: list[str], folder: Path) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=20)


def _line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, "the program ended"
    return line.strip()


def _wait(address: str, process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, "the program ended"
        try:
            urllib3.request("GET", address, timeout=2, retries=False)
        except urllib3.exceptions.HTTPError:
            time.sleep(0.05)
            continue
        return
    raise TimeoutError(address)
