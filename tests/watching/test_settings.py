"""Metrics and traces are off, and where they are on they do not stand open."""

import socket
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from zaitaku.commands.metrics import AddressUnfit, metrics
from zaitaku.core.errors import SettingsError
from zaitaku.core.watch import NO_WATCH
from zaitaku.core.watch_settings import WatchSettings
from zaitaku.settings import Settings
from zaitaku.watching.watches import DIRECTORY, open_watch

TOKEN = "a-token-for-the-metrics-of-the-tests-9876543210"


def read(**values: str) -> WatchSettings:
    return WatchSettings.from_env({f"ZAITAKU_{name}": value for name, value in values.items()})


def test_nobody_watches_unless_it_is_said() -> None:
    assert read() == WatchSettings()
    assert open_watch(read()) is NO_WATCH


@pytest.mark.parametrize("address", ["127.0.0.1:9464", "[::1]:9464", "localhost:1"])
def test_loopback_needs_no_token(address: str) -> None:
    host, port = read(METRICS_ADDRESS=address).listener
    assert address.replace("[", "").replace("]", "") == f"{host}:{port}"


@pytest.mark.parametrize("address", ["0.0.0.0:9464", "[::]:9464", "10.0.0.7:9464"])
def test_a_network_needs_one(address: str) -> None:
    with pytest.raises(SettingsError, match="ZAITAKU_METRICS_TOKEN"):
        read(METRICS_ADDRESS=address)
    assert read(METRICS_ADDRESS=address, METRICS_TOKEN=TOKEN).listener[1] == 9464


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("METRICS_ADDRESS", "9464"),
        ("METRICS_ADDRESS", "127.0.0.1"),
        ("METRICS_ADDRESS", "127.0.0.1:0"),
        ("METRICS_ADDRESS", "127.0.0.1:65536"),
        ("METRICS_ADDRESS", "example.org:9464"),
        ("METRICS_TOKEN", "secret-7"),
        ("TRACES_URL", "http://10.0.0.7:4318/v1/traces"),
        ("TRACES_URL", "ftp://127.0.0.1/"),
        ("TRACES_URL", "https://"),
        ("TRACES_URL", "http://[::1"),
        ("TRACES_PERCENT", "0"),
        ("TRACES_PERCENT", "101"),
        ("TRACES_PERCENT", "many"),
        ("TRACES_FROM_PROXY", "yes"),
    ],
)
def test_what_breaks_its_rule_is_named_and_not_shown(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"ZAITAKU_{name}") as refused:
        read(**{name: value})
    assert name == "TRACES_PERCENT" or value not in refused.value.detail


@pytest.mark.parametrize("url", ["https://traces.example/v1/traces", "http://[::1]:4318/v1/traces"])
def test_traces_go_a_private_way(url: str) -> None:
    assert read(TRACES_URL=url).traces_url == url


@given(st.text())
def test_any_address_is_taken_or_refused(text: str) -> None:
    try:
        host, port = WatchSettings(metrics_address=text, metrics_token=TOKEN).listener
    except SettingsError:
        return
    assert not text or (host and 0 < port <= 65535)


def test_the_token_is_never_printed() -> None:
    assert TOKEN not in repr(WatchSettings(metrics_token=TOKEN))


class TestListener:
    @pytest.fixture
    def environ(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
        monkeypatch.setattr(Settings, "from_env", lambda: settings)
        monkeypatch.delenv(DIRECTORY, raising=False)
        return monkeypatch

    def test_it_says_what_is_missing(self, environ: pytest.MonkeyPatch) -> None:
        refused = CliRunner().invoke(metrics).exception
        assert isinstance(refused, SettingsError)
        assert "ZAITAKU_METRICS_ADDRESS" in refused.detail

    def test_it_says_when_the_address_is_taken(
        self, environ: pytest.MonkeyPatch, settings: Settings, tmp_path: Path
    ) -> None:
        with closing(socket.create_server(("127.0.0.1", 0))) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            wanted = replace(settings, watching=WatchSettings(metrics_address=address))
            environ.setattr(Settings, "from_env", lambda: wanted)
            assert isinstance(CliRunner().invoke(metrics).exception, SettingsError)
            environ.setenv(DIRECTORY, str(tmp_path))
            refused = CliRunner().invoke(metrics).exception
        assert isinstance(refused, AddressUnfit)
        assert "ZAITAKU_METRICS_ADDRESS" in refused.detail
