"""A whole journey with a PIN that can be told apart, and then a search for it everywhere.

Site and bridge run as processes of their own. Whatever reaches or leaves the site, from the browser
or from the bridge, passes a proxy that keeps every byte. Afterwards the PIN, and a wrong one that
was typed first, must be in no log, file, database, environment or message; they were in two forms
of the loopback page and nowhere else. Only the card's own file has a PIN in it: it is the card.
"""

import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from sqlite3 import connect
from tempfile import NamedTemporaryFile
from urllib.parse import urlsplit

import pytest
import urllib3
from playwright.sync_api import BrowserContext, Page, Request, expect

from tests.e2e.chromium import ARGUMENTS, EXECUTABLE, PHONE, driver
from tests.e2e.patient import Patient
from tests.e2e.recording import Recorder, recording
from tests.e2e.traces import family, files_in, left_by, new_files, traces, without
from tests.servers import free_port
from zaitaku import wire
from zaitaku.demo.places import Places
from zaitaku.demo.processes import bridge_command, site_command, wait_until_up

# Numbers have no leading zero: no length, port or process number looks like these by chance.
MARKED = "0793"
MISTAKEN = "0397"
SHARED = (Path("/var/tmp"), Path("/dev/shm"))
"""Besides its own folders, its temporary and working ones among them, which lie in the scene's."""
_REQUEST = re.compile(rb'"request": ?"([0-9]{4}-[0-9]{4}-[0-9]{4})"')
PREPARE = (
    "from zaitaku.demo.places import Places; from zaitaku.demo.setup import prepare;"
    "prepare(Places.from_env())"
)


@dataclass
class Scene:
    """Site, bridge, proxy and browser, and everything that they leave behind."""

    places: Places
    recorder: Recorder
    page: Page
    processes: dict[str, subprocess.Popen[bytes]]
    forms: list[str] = field(default_factory=list)
    """Addresses to which the browser sent one of the PINs, in whatever part of the message."""
    pages: dict[str, bytes] = field(default_factory=dict)
    """Every page that was seen, as it stood in the browser."""
    begun: float = field(default_factory=time.time)

    def watch(self, request: Request) -> None:
        """Note a message that carries a PIN."""
        said = {"message": f"{request.url}\n{request.headers}\n{request.post_data or ''}".encode()}
        if any(traces(pin, said) for pin in (MARKED, MISTAKEN)):
            self.forms.append(request.url)

    def look(self, page: Page) -> None:
        """Keep a page."""
        self.pages[f"page {len(self.pages)} {urlsplit(page.url).path}"] = page.content().encode()

    def left_behind(self) -> dict[str, bytes]:
        """Return everything but the card's own file."""
        found = {
            name: content for name, content in files_in(self.places.data) if not _is_card(name)
        }
        found |= self.pages
        for number, one in enumerate(self.recorder.conversations):
            found |= {f"asked {number}": bytes(one.asked)}
            found |= {f"answered {number}": bytes(one.answered)}
        for name, process in self.processes.items():
            for member in family(process.pid):
                found |= {
                    f"{name}'s {part} ({member.name})": said for part, said in left_by(member)
                }
        for folder in SHARED:
            found |= dict(new_files(folder, self.begun))
        return found

    def searched(self, reference: str) -> dict[str, bytes]:
        """Return what was left behind without the numbers that the site drew for it."""
        left = self.left_behind()
        requests = set(_REQUEST.findall(left["site.log"]))
        assert len(requests) > len(self.pages)
        return without({*requests, reference.encode()}, left)


def _is_card(name: str) -> bool:
    return name.startswith("cards/")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A site behind a recording proxy, and a bridge with a card whose PIN is marked."""
    data = tmp_path_factory.mktemp("search")
    environ = _prepared(data)
    places = Places(
        data,
        port=int(environ["ZAITAKU_PORT"]),
        bridge_port=int(environ["ZAITAKU_BRIDGE_PORT"]),
        ocsp_port=free_port(),
        provider_port=free_port(),
    )
    behind = replace(places, port=free_port())
    commands = {"site": site_command(behind), "bridge": bridge_command(places, vpcd=False)}
    with ExitStack() as stack:
        processes = {
            name: stack.enter_context(_running(name, command, environ, data))
            for name, command in commands.items()
        }
        recorder = stack.enter_context(recording(places.port, behind.port))
        wait_until_up(behind.origin, processes["site"])
        wait_until_up(places.bridge, processes["bridge"])
        context = stack.enter_context(_browser(data / "browser"))
        yield Scene(places, recorder, context.new_page(), processes)


def _prepared(data: Path) -> dict[str, str]:
    """Make the demo's things with a marked card, and return what its programs are told."""
    own = {"HOME": data / "home", "TMPDIR": data / "tmp"}
    own |= {f"XDG_{name}_HOME": data / "home" for name in ("STATE", "CACHE", "CONFIG", "DATA")}
    for folder in (*own.values(), data / "work"):
        folder.mkdir(exist_ok=True)
    environ = {
        **os.environ,
        **{name: str(folder) for name, folder in own.items()},
        "ZAITAKU_DATA": str(data),
        "ZAITAKU_PORT": str(free_port()),
        "ZAITAKU_BRIDGE_PORT": str(free_port()),
    }
    subprocess.run([sys.executable, "-c", PREPARE], env=environ, check=True)
    _mark_first_card(data / "cards")
    lines = (data / "demo.env").read_text("utf-8").splitlines()
    told = (shlex.split(line)[1].partition("=") for line in lines)
    environ |= {name: value for name, _, value in told}
    del environ["ZAITAKU_OCSP_URL"]  # the demo's own process would serve it; the list is enough
    return environ


def _mark_first_card(folder: Path) -> None:
    first = min(folder.glob("*.json"))
    body = json.loads(first.read_text("utf-8"))
    first.write_text(json.dumps(body | {"pin": MARKED}), "utf-8")


@contextmanager
def _running(
    name: str, command: list[str], environ: dict[str, str], data: Path
) -> Iterator[subprocess.Popen[bytes]]:
    with (data / f"{name}.log").open("wb") as log:
        # In a working folder of its own: what it writes there by a bare name is searched.
        process = subprocess.Popen(command, cwd=data / "work", env=environ, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(30)


@contextmanager
def _browser(profile: Path) -> Iterator[BrowserContext]:
    """Run Chromium with a profile on the disk, where it may write whatever it remembers."""
    context = driver().chromium.launch_persistent_context(
        profile,
        executable_path=EXECUTABLE,
        args=list(ARGUMENTS),
        viewport={"width": PHONE["width"], "height": PHONE["height"]},
        locale="ja-JP",
    )
    context.set_default_timeout(15_000)
    yield context
    context.close()


def walk(scene: Scene) -> str:
    """Walk the whole way: a wrong PIN, the right one, a site in trouble, the receipt."""
    summary = json.loads((scene.places.data / "demo.json").read_text("utf-8"))
    patient = Patient(scene.page, scene.look)
    scene.page.on("request", scene.watch)
    patient.reach_choices(summary["patient_urls"]["home-visit"])
    patient.decide_each({})
    patient.confirm_and_ask_card()
    patient.type_pin(MISTAKEN)
    expect(scene.page.locator("main")).to_contain_text("あと2回")
    scene.recorder.refuses = f"POST {wire.PROOF_PATH}".encode()
    patient.type_pin(MARKED)
    scene.look(scene.page)
    scene.page.get_by_role("button", name="もう一度送る").click()
    return patient.reference()


@pytest.fixture(scope="module")
def reference(scene: Scene) -> str:
    """The receipt's number: the PIN was right and everything went its whole way."""
    return walk(scene)


def test_the_pin_was_in_two_forms_of_the_loopback_page_and_in_no_other_message(
    scene: Scene, reference: str
) -> None:
    assert reference
    parts = [urlsplit(url) for url in scene.forms]
    assert [part.netloc for part in parts] == [f"127.0.0.1:{scene.places.bridge_port}"] * 2
    assert all(part.path.startswith("/reading/") for part in parts)
    assert all(part.path.endswith("/pin") and not part.query for part in parts)


def test_both_legs_to_the_site_were_recorded(scene: Scene, reference: str) -> None:
    asked = b"".join(scene.recorder.asked)
    assert asked.count(f"POST {wire.PROOF_PATH} ".encode()) == 2
    assert f"GET {wire.KEYS_PATH} ".encode() in asked
    assert b"/card/return?code=" in asked
    answered = b"".join(scene.recorder.answered)
    assert reference.encode() in answered
    assert b"content-encoding" not in answered.lower()


def test_no_log_file_database_environment_or_message_has_the_pin(
    scene: Scene, reference: str
) -> None:
    left = scene.searched(reference)
    for kind in ("zaitaku.db", "ephemeral.db", "site.log", "bridge.log", "bridge/", "browser/"):
        assert [name for name in left if name.startswith(kind)], kind
    assert [name for name in left if name.startswith("asked")]
    assert len(left["bridge.log"]) > 100
    assert [name for name in left if name.startswith("site's open")]
    assert {pin: traces(pin, left) for pin in (MARKED, MISTAKEN)} == {
        MARKED: set(),
        MISTAKEN: set(),
    }


def command_with(pin: str) -> bytes:
    """Return VERIFY as the card gets it."""
    return bytes.fromhex("0020008004") + pin.encode()


def test_the_same_search_finds_it_where_it_was_put(scene: Scene, reference: str) -> None:
    with closing(connect(scene.places.data / "planted.db")) as database:
        database.execute("CREATE TABLE log (text)")
        database.execute("INSERT INTO log VALUES (?)", (f"pin={MARKED}",))
        database.commit()
    with (scene.places.data / "bridge.log").open("a", encoding="utf-8") as log:
        log.write(f"APDU: {command_with(MARKED).hex(' ')}\n")
    (scene.places.data / "work" / "core").write_bytes(command_with(MARKED))
    urllib3.request("POST", f"{scene.places.origin}/nowhere", fields={"pin": MARKED}, retries=False)
    with NamedTemporaryFile(dir=SHARED[0]) as elsewhere:
        elsewhere.write(command_with(MARKED))
        elsewhere.flush()
        found = {place.split(" ")[0] for place, _ in traces(MARKED, scene.searched(reference))}
    own = {"planted.db", "bridge.log", "bridge's", "work/core", "asked"}
    assert found == own | {elsewhere.name}
    cards = dict(files_in(scene.places.data / "cards"))
    assert len({place for place, _ in traces(MARKED, cards)}) == 1


def test_the_running_bridge_leaves_no_core(scene: Scene) -> None:
    process = scene.processes["bridge"]
    limits = Path(f"/proc/{process.pid}/limits").read_text("ascii")
    [line] = [line for line in limits.splitlines() if line.startswith("Max core file size")]
    assert line.split()[4:6] == ["0", "0"]
