"""The JavaScript module in a real Chromium: there, unanswered, back, the next port, and back."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from werkzeug.wrappers import Request, Response

from tests.cardbridge.server.fakesite import FakeSite, serving
from tests.cardbridge.server.rig import claims_for
from tests.e2e.chromium import Watched, chromium
from tests.servers import free_port
from zaitaku.cardbridge.reading.config import BridgeConfig
from zaitaku.cardbridge.running.serving import running_bridge
from zaitaku.cardbridge.virtual.inprocess import InProcessService
from zaitaku.sdk.files import SCHEMAS, javascript, schema, vectors
from zaitaku.wire import BRIDGE_PORTS

pytestmark = pytest.mark.browser

PAGE = """<!doctype html><html lang="ja"><title>site</title><h1>site</h1>
<p id="told"></p><p id="back"></p>
<button id="go">go</button> <a id="link" href="#">link</a>
<form id="form" action="/form"><button>form</button></form>
<script type="module" src="/page.js"></script>"""
SCRIPT = """import { CardBridge } from "/card-bridge.js";
const { ports, token } = await (await fetch("/told.json")).json();
const bridge = new CardBridge({ ports });
const say = (id, what) => { document.getElementById(id).textContent = JSON.stringify(what); };
let next = ports[0];
bridge.whenUnanswered((open) => { next = open.next; say("told", open); });
say("back", bridge.returned());
document.getElementById("go").addEventListener("click", () => bridge.go(token, next));
const link = document.getElementById("link");
link.href = bridge.address(token, ports[1]);
bridge.watch(link, ports[1]);
bridge.watch(document.getElementById("form"), ports[0]);
document.title = "ready";"""


@dataclass
class Told(FakeSite):
    """A site whose pages use the module."""

    ports: tuple[int, ...] = ()

    def _answer(self, request: Request) -> Response:
        told = {"ports": self.ports, "token": self._token()}
        files = {
            "/page.js": (SCRIPT, "text/javascript"),
            "/card-bridge.js": (javascript(), "text/javascript"),
            "/told.json": (json.dumps(told), "application/json"),
            "/favicon.ico": ("", "image/x-icon"),
        }
        if request.path.startswith("/.well-known/") or request.path.startswith("/api/"):
            return super()._answer(request)
        text, kind = files.get(request.path, (PAGE, "text/html"))
        policy = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'"
        return Response(text, mimetype=kind, headers={"Content-Security-Policy": policy})

    def _token(self) -> str:
        return self.sign(claims_for(self.origin, now=time.time(), return_path="/j/1/card/return"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def site() -> Iterator[Told]:
    with serving(Told()) as running:
        assert isinstance(running, Told)
        yield running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    context.set_default_timeout(10_000)
    opened = context.new_page()
    watched = Watched()
    watched.watch(opened)
    yield opened
    context.close()
    assert (watched.complaints, watched.foreign) == ([], [])


def _told(page: Page, id_: str) -> Any:
    return json.loads(page.locator(f"#{id_}").text_content() or "null")


def test_nobody_listens_then_the_next_port_then_back(
    page: Page, site: Told, tmp_path: Path
) -> None:
    config = BridgeConfig(InProcessService(), tmp_path, test_origins=frozenset({site.origin}))
    with running_bridge(config) as running:
        site.ports = (free_port(), running.config.port)
        page.goto(site.origin)
        expect(page).to_have_title("ready")
        assert _told(page, "told") is None
        page.locator("#go").click()
        page.wait_for_url("chrome-error://chromewebdata/")
        page.go_back()
        expect(page.locator("#told")).not_to_be_empty()
        assert _told(page, "told") == {"port": site.ports[0], "next": site.ports[1]}
        page.locator("#go").click()
        expect(page.locator("main")).to_have_attribute("data-page", "no-reader")
        page.get_by_role("button", name="やめて").click()
        page.wait_for_url(f"{site.origin}/j/1/card/return?cancelled=1")
        expect(page.locator("#back")).to_have_text('{"kind":"cancelled"}')
        page.goto(site.origin)
        expect(page).to_have_title("ready")
        assert _told(page, "told") is None


def test_links_and_forms_are_remembered_too(page: Page, site: Told) -> None:
    site.ports = (free_port(), free_port())
    for press, port in (("#link", site.ports[1]), ("#form button", site.ports[0])):
        page.goto(site.origin)
        expect(page).to_have_title("ready")
        page.locator(press).click()
        page.goto(f"{site.origin}/again")
        expect(page.locator("#told")).not_to_be_empty()
        assert _told(page, "told")["port"] == port


def test_it_reads_every_return_as_the_vectors_say(page: Page, site: Told) -> None:
    page.goto(site.origin)
    for case in vectors("returns")["cases"]:
        read = page.evaluate(
            "async (url) => (await import('/card-bridge.js')).readReturn(url)", case["url"]
        )
        assert read == case["means"], case["url"]


def test_it_knows_the_ports_of_the_wire_format(page: Page, site: Told) -> None:
    page.goto(site.origin)
    assert page.evaluate(
        "async () => { const m = await import('/card-bridge.js'); return [m.PORTS, m.START]; }"
    ) == [list(BRIDGE_PORTS), "zaitaku-bridge:start"]


def test_it_is_small_and_asks_nobody() -> None:
    code = javascript()
    assert len(code.encode()) < 4096
    for word in ("fetch(", "XMLHttpRequest", "import ", "WebSocket", "innerHTML", "eval("):
        assert word not in code


def _patterns(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("pattern"), str):
            yield part["pattern"]
        for value in part.values():
            yield from _patterns(value)
    elif isinstance(part, list):
        for value in part:
            yield from _patterns(value)


def test_the_patterns_of_the_schemas_are_those_of_ecma(page: Page, site: Told) -> None:
    patterns = sorted({one for name in SCHEMAS for one in _patterns(schema(name))})
    assert len(patterns) > 5
    page.goto(site.origin)
    page.evaluate("(all) => all.forEach((one) => new RegExp(one, 'u'))", patterns)
