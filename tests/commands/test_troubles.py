"""What goes wrong outside the product is one sentence that says what to do, and no traceback."""

import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.commands.conftest import Run
from tests.servers import free_port
from zaitaku.cli import main
from zaitaku.commands import starting
from zaitaku.core.errors import EphemeralStoreUnavailable, StoreUnavailable
from zaitaku.operating.reasons import away

Typed = Callable[..., str]


@pytest.fixture
def typed(run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    """Type a command that fails; return what it says."""
    assert callable(run)

    def type_words(*words: object) -> str:
        monkeypatch.setattr(sys, "argv", ["zaitaku", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 1
        said = capsys.readouterr()
        return said.out + said.err

    return type_words


@pytest.mark.parametrize(
    "words", [("keys", "request"), ("openid", "key"), ("backup", "new-key")], ids=" ".join
)
def test_a_file_that_cannot_be_written_is_named(
    typed: Typed, tmp_path: Path, words: tuple[str, str]
) -> None:
    file = tmp_path / "nowhere" / "key"
    assert typed(*words, file) == f"できませんでした: {file}（その場所がありません）。\n"
    (tmp_path / "file").touch()
    file = tmp_path / "file" / "key"
    assert f"{file}（途中に、フォルダーでないものがあります）" in typed(*words, file)


def test_a_full_disk_behind_the_output_is_named(
    typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        monkeypatch.setattr(sys, "stdout", full)
        said = typed("keys", "draw")
        # What is still held would be tried again when the file is closed.
        os.dup2(os.open(os.devnull, os.O_WRONLY), full.fileno())
    assert said == "できませんでした: 書き込む先（ディスクがいっぱいです）。\n"


def test_a_short_lived_store_that_cannot_be_opened_is_named(
    typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZAITAKU_EPHEMERAL_URL", f"sqlite:///{tmp_path}/nowhere/e.db")
    said = typed("serve", "--port", free_port())
    assert (
        "短期の保管場所（ZAITAKU_EPHEMERAL_URL）を使えません（ファイルがないか、この利用者には読み書きできません）。"
        in said
    )
    # Whoever looks for what is wrong is told everything else as well.
    examined = typed("doctor", "--all")
    assert "短期の保管場所: つながりません" in examined
    assert "データベースの形: " in examined
    assert f"ディスク {tmp_path}/nowhere: 見られません" in examined


def test_which_store_is_away_is_told_and_sentences_stay() -> None:
    assert "ZAITAKU_DATABASE_URL" in away(StoreUnavailable("OperationalError"))
    assert "ZAITAKU_EPHEMERAL_URL" in away(EphemeralStoreUnavailable("ConnectionError"))
    assert away(StoreUnavailable("ここまで言った。")) == "ここまで言った。"


def test_a_port_that_others_use_is_told(typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starting, "PORT_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = typed("serve", "--port", port)
    assert f"127.0.0.1:{port} で待ち受けられません（ほかのプログラムが使っています。" in said
    assert "この機械の住所ではありません" in typed("serve", "--host", "192.0.2.1")


class _Alien(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(404)
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>x</title>")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def alien() -> Iterator[int]:
    """The port of somebody else's program."""
    with HTTPServer(("127.0.0.1", 0), _Alien) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_who_asks_at_the_wrong_port_is_told_in_a_line(typed: Typed, alien: int) -> None:
    said = typed("ready", "--port", alien)
    assert "zaitaku serve ではない答え、404" in said
    assert "動かしてください" not in said
    assert "--port" in said
    assert "<" not in said
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        said = typed("ready", "--port", nobody.getsockname()[1])
    assert "そこでは何も動いていません" in said
    assert "zaitaku serve を動かしてください。" in said
    assert "--port" in said
