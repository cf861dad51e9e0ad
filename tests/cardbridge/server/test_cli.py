"""The command itself: it prints its address, ends cleanly, and takes the next free port."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import urllib3
from click.testing import CliRunner
from joserfc.jwk import OKPKey

from tests.cardbridge.cards import Material, write_card
from zaitaku import wire
from zaitaku.cardbridge.reading.config import BridgeConfig
from zaitaku.cardbridge.running.cli import default_state, main
from zaitaku.cardbridge.running.ports import PortTaken, bind
from zaitaku.cardbridge.running.serving import running_bridge
from zaitaku.cardbridge.trust.origins import parse_origin
from zaitaku.cardbridge.trust.pins import Pins
from zaitaku.cardbridge.virtual.inprocess import InProcessService

HOUSE = Path(__file__).parents[3]


@contextmanager
def command(*options: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """Run the command until the test is done; yields it and its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "zaitaku.cardbridge", "--no-open", *options],
        cwd=HOUSE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip().rsplit(" ", 1)[-1]
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_prints_its_address_and_ends_cleanly(
    tmp_path: Path, material: Material, number: signal.Signals
) -> None:
    cards = tmp_path / "cards"
    cards.mkdir()
    write_card(cards / "a.json", material)
    options = ("--port", "0", "--state", str(tmp_path / "state"), "--virtual", str(cards))
    with command(*options) as (process, address):
        answer = urllib3.request("GET", address, timeout=10, retries=False)
        assert answer.status == 200
        assert "動いています" in answer.data.decode()
        assert "Server" not in answer.headers
        begun = time.monotonic()
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
        assert process.returncode == 0, err
        assert time.monotonic() - begun < 10
        assert "Traceback" not in err
        assert "終わりました" in out


def test_it_listens_on_the_loopback_address_only(tmp_path: Path) -> None:
    config = BridgeConfig(InProcessService(), tmp_path)
    with running_bridge(config) as running, socket.socket() as outside:
        assert running.config.port != 0
        host = socket.gethostbyname(socket.gethostname())
        if host.startswith("127."):
            host = "127.0.0.2"
        assert outside.connect_ex((host, running.config.port)) != 0


def test_a_stopped_bridge_frees_its_port(tmp_path: Path) -> None:
    config = BridgeConfig(InProcessService(), tmp_path)
    with running_bridge(config) as first:
        pool = urllib3.PoolManager()
        assert pool.request("GET", first.address).status == 200
    assert not first.thread.is_alive()
    with running_bridge(
        BridgeConfig(InProcessService(), tmp_path, port=first.config.port)
    ) as second:
        assert second.address == first.address
    pool.clear()


def test_the_next_free_port_of_the_list_is_taken() -> None:
    with bind((0,)) as first, bind((0,)) as second:
        taken, free = first.getsockname()[1], second.getsockname()[1]
        second.close()
        with bind((taken, free)) as third:
            assert third.getsockname() == ("127.0.0.1", free)


def test_taken_ports_are_named() -> None:
    with bind((0,)) as first:
        port = first.getsockname()[1]
        with pytest.raises(PortTaken, match=str(port)):
            bind((port,))
        answer = CliRunner().invoke(main, ["--port", str(port), "--no-open"])
    assert answer.exit_code == 1
    assert str(port) in answer.output


def test_importing_the_command_needs_nothing_of_the_server() -> None:
    code = (
        "import sys, zaitaku.cardbridge.running.cli;"
        "print([name for name in sys.modules if name.split('.')[0] in"
        " {'sqlalchemy', 'redis', 'flask_wtf', 'babel', 'argon2', 'typst', 'gunicorn'}"
        " or name.startswith('zaitaku.') and not name.startswith(('zaitaku.cardbridge',"
        " 'zaitaku.readings', 'zaitaku.usage', 'zaitaku.wire'))])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=HOUSE, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


def test_a_site_can_be_forgotten_from_the_command_line(tmp_path: Path) -> None:
    key = OKPKey.generate_key("Ed25519")
    Pins(tmp_path).keep("https://a.example", {key.thumbprint(): key})
    options = ["--state", str(tmp_path), "--forget-origin", "https://a.example"]
    assert "忘れました" in CliRunner().invoke(main, options).output
    assert "知りません" in CliRunner().invoke(main, options).output


@pytest.mark.parametrize(
    "options",
    [
        ["--allow-origin", "http://a.example"],
        ["--allow-origin", "https://a.example/path"],
        ["--allow-origin", "https://user@a.example"],
        ["--test-origin", "ftp://a.example"],
        ["--test-origin", "a.example"],
        ["--port", "70000"],
    ],
)
def test_wrong_options_are_refused_at_the_start(options: list[str]) -> None:
    assert CliRunner().invoke(main, options).exit_code == 2


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ["--prt", "3"],
            "「--prt」というオプションはありません。「--port」のことですか。"
            " / No such option '--prt'. Did you mean '--port'?",
        ),
        (
            ["--port", "70000"],
            "「--port」の値を直してください。70000は使えません。0から65535までの数にしてください。"
            " / Invalid value for '--port': 70000 is not in the range 0<=x<=65535.",
        ),
        (
            ["--allow-origin", "http://a.example"],
            "「--allow-origin」の値を直してください。https://site.example のように書いてください"
            " / an origin is https://host or …://host:port",
        ),
    ],
)
def test_what_cannot_be_read_is_told_in_both_languages(words: list[str], told: str) -> None:
    result = CliRunner().invoke(main, words, prog_name="zaitaku-bridge")
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        "使い方 / Usage: zaitaku-bridge [OPTIONS] [register|unregister]",
        "くわしい説明 / for help: zaitaku-bridge --help",
        f"エラー / Error: {told}",
    ]


def test_its_help_has_headings_in_both_languages() -> None:
    told = CliRunner().invoke(main, ["--help"], prog_name="zaitaku-bridge").stdout
    assert told.startswith("使い方 / Usage: zaitaku-bridge ")
    assert "\nオプション / Options:\n" in told
    assert "この説明を表示する / Show this message and exit." in told


def test_a_broken_memory_or_card_keeps_it_from_starting(tmp_path: Path) -> None:
    (tmp_path / "sites.json").write_text("{")
    broken = CliRunner().invoke(main, ["--state", str(tmp_path), "--no-open", "--port", "0"])
    assert broken.exit_code == 1
    assert "sites.json" in broken.output
    cards = tmp_path / "cards"
    cards.mkdir()
    (cards / "a.json").write_text("{}")
    options = ["--state", str(cards), "--virtual", str(cards), "--no-open", "--port", "0"]
    assert "a.json" in CliRunner().invoke(main, options).output


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://A.example", "https://a.example"),
        ("https://a.example:443/", "https://a.example"),
        ("https://a.example:8443", "https://a.example:8443"),
        ("http://127.0.0.1:80", "http://127.0.0.1"),
        ("http://[::1]:5000", "http://[::1]:5000"),
    ],
)
def test_origins_have_one_spelling(text: str, origin: str) -> None:
    assert parse_origin(text, tls_only=False) == origin


def test_the_ports_are_those_that_the_site_knows() -> None:
    assert bind.__defaults__ == (wire.BRIDGE_PORTS,)


def test_the_state_has_a_home_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert default_state() == tmp_path / "zaitaku-bridge"
