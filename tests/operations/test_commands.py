"""``zaitaku backup``, ``restore`` and ``keys`` as an operator types them."""

import errno
import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from flask import Flask

from tests.operations.test_doctor import environ_of
from zaitaku.commands.backup import backup, restore
from zaitaku.commands.keys import keys
from zaitaku.commands.operate import operate
from zaitaku.core.openid import OpenIdProvider
from zaitaku.core.signing import looks_random
from zaitaku.operating.key_files import key_files
from zaitaku.sdk.keys import SiteKeys
from zaitaku.services import Services
from zaitaku.watching.notes import Note, Notes, moment_in

Run = Callable[..., Result]
HOUSE = Path(__file__).parents[2]


@pytest.fixture
def run(services: Services, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in the clinic's environment."""
    for name, value in environ_of(services).items():
        monkeypatch.setenv(name, value)

    def run_words(command: click.Command, *words: object) -> Result:
        return CliRunner().invoke(command, [str(word) for word in words])

    return run_words


def test_from_a_copy_to_a_sealed_file_and_back(
    run: Run, services: Services, tmp_path: Path
) -> None:
    made = run(backup, "make", tmp_path / "copies")
    assert made.exit_code == 0, made.output
    (place,) = (tmp_path / "copies").iterdir()
    assert str(place) in made.output
    assert moment_in(Notes(services.ephemeral).read(Note.BACKUP), "at") is not None
    assert "使えます" in run(backup, "verify", place).output
    public = run(backup, "new-key", tmp_path / "key").output.strip()
    sealed = run(backup, "seal", place, "--for", public, "--to", tmp_path / "sealed")
    assert sealed.exit_code == 0, sealed.output
    digest = sealed.output.partition("SHA-256 ")[2][:64]
    key = ("--key", tmp_path / "key")
    other = run(
        backup, "open", tmp_path / "sealed", *key, "--to", tmp_path / "no", "--sha256", "0" * 64
    )
    assert other.exit_code == 1
    assert not (tmp_path / "no").exists()
    opened = run(
        backup, "open", tmp_path / "sealed", *key, "--to", tmp_path / "out", "--sha256", digest
    )
    assert opened.exit_code == 0, opened.output
    restored = run(restore, tmp_path / "out" / place.name, tmp_path / "restored.db")
    assert restored.exit_code == 0, restored.output
    assert (tmp_path / "restored.db").exists()
    again = run(restore, place, tmp_path / "restored.db")
    assert again.exit_code == 1
    assert "上書きはしません" in again.output


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands a file over")
@pytest.mark.parametrize("owner", [0, 65534])
def test_what_root_restored_belongs_to_the_owner_of_its_folder(
    run: Run, tmp_path: Path, owner: int
) -> None:
    run(backup, "make", tmp_path / "copies")
    (place,) = (tmp_path / "copies").iterdir()
    data = tmp_path / "data"
    data.mkdir()
    os.chown(data, owner, owner)
    said = run(restore, place, data / "zaitaku.db").output
    found = (data / "zaitaku.db").stat()
    assert (found.st_uid, found.st_gid) == (owner, owner)
    assert (f"chown zaitaku: {data / 'zaitaku.db'}" in said) == (owner == 0)


def test_as_many_copies_are_kept_as_is_said(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "copies"
    first = run(backup, "make", folder).output.split()[-1]
    second = run(backup, "make", folder, "--keep", 2).output
    assert "消しました" not in second
    third = run(backup, "make", folder, "--keep", 2)
    assert f"古い控えを消しました: {first}" in third.output
    assert len(list(folder.iterdir())) == 2
    assert run(backup, "make", folder, "--keep", 0).exit_code == 2


def test_a_broken_copy_is_named_and_takes_no_good_ones_place(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "copies"
    first, second = (run(backup, "make", folder).output.split()[-1] for _ in range(2))
    (Path(second) / "database.db").write_bytes(b"broken")
    third = run(backup, "make", folder, "--keep", 2)
    assert third.exit_code == 0
    assert f"こわれた控えがあります（数えず、消していません）: {second}" in third.output
    assert Path(first).exists()


def test_a_key_is_never_made_over_another(run: Run, tmp_path: Path) -> None:
    run(backup, "new-key", tmp_path / "key")
    before = (tmp_path / "key").read_bytes()
    again = run(backup, "new-key", tmp_path / "key")
    assert again.exit_code == 1
    assert (tmp_path / "key").read_bytes() == before


def test_the_settings_and_keys_leave_sealed_alone(
    run: Run, services: Services, tmp_path: Path
) -> None:
    public = run(backup, "new-key", tmp_path / "key").output.strip()
    sealed = run(backup, "keys", "--for", public, "--to", tmp_path / "sealed")
    assert sealed.exit_code == 0, sealed.output
    secret = services.settings.subject_keys.keys[0]
    assert secret.encode() not in (tmp_path / "sealed").read_bytes()
    run(backup, "open", tmp_path / "sealed", "--key", tmp_path / "key", "--to", tmp_path / "out")
    folder = tmp_path / "out" / "zaitaku-keys"
    assert f"ZAITAKU_SUBJECT_KEYS={secret}\n" in (folder / "zaitaku.env").read_text("utf-8")
    request_key = services.settings.request_key_file
    kept = folder / f"1-{request_key.name}"
    assert kept.read_bytes() == request_key.read_bytes()
    assert kept.stat().st_mode & 0o077 == 0
    (root,) = services.settings.trust_anchors
    assert (folder / f"2-{root.name}").read_bytes() == root.read_bytes()


def test_the_key_of_the_openid_client_leaves_with_the_others(
    services: Services, tmp_path: Path
) -> None:
    key = tmp_path / "openid.pem"
    key.write_text("the client's key", "utf-8")
    provider = OpenIdProvider(
        issuer="http://127.0.0.1:1",
        authorization_url="http://127.0.0.1:1/authorize",
        token_url="http://127.0.0.1:1/token",
        keys_url="http://127.0.0.1:1/keys",
        client_id="zaitaku",
        key_file=key,
    )
    with key_files(replace(services.settings, openid=provider), {}) as folder:
        assert (folder / "3-openid.pem").read_text("utf-8") == "the client's key"


def test_what_is_no_copy_is_not_called_a_broken_one(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "zaitaku-copies"
    folder.mkdir()
    for words in (backup, "verify", folder), (restore, folder, tmp_path / "restored.db"):
        told = run(*words)
        assert told.exit_code == 1
        assert f"{folder} は、控えではありません。中に、控えもありません。" in told.output
    places = [Path(run(backup, "make", folder).output.split()[-1]) for _ in range(2)]
    (folder / "zaitaku-99991231T000000Z-ffff").mkdir()  # has nothing of a copy but the name
    for words in (backup, "verify", folder), (restore, folder, tmp_path / "restored.db"):
        told = run(*words)
        assert told.exit_code == 1
        assert "から、1つを指定してください" in told.output
        assert f"いちばん新しいもの: {places[1]}\n" in told.output
        assert "こわれて" not in told.output


def test_a_broken_copy_is_told_in_japanese(run: Run, tmp_path: Path) -> None:
    place = Path(run(backup, "make", tmp_path / "copies").output.split()[-1])
    database, manifest = place / "database.db", place / "manifest.json"
    (place / "more").touch()
    assert "（more は、控えのものではありません）" in run(backup, "verify", place).output
    (place / "more").unlink()
    database.write_bytes(b"broken")
    assert "（database.db が、変わっています）" in run(backup, "verify", place).output
    database.unlink()
    assert "（database.db がありません）" in run(backup, "verify", place).output
    manifest.write_text("{}", "utf-8")
    assert "（manifest.json の中が、こわれています）" in run(backup, "verify", place).output
    manifest.unlink()
    told = run(backup, "verify", place).output
    assert "この控えは、こわれています" in told
    assert "（manifest.json がありません）" in told


def test_a_copy_that_may_not_be_read_is_not_called_broken(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Path(run(backup, "make", tmp_path / "copies").output.split()[-1])

    def refuse(*_: object) -> str:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "read_text", refuse)
    told = run(backup, "verify", place).output
    assert "この控えを読めません。こわれているとはかぎりません" in told
    assert "使う権限がありません" in told


def test_the_daily_job_seals_the_copy_that_it_has_made(run: Run, tmp_path: Path) -> None:
    public = run(backup, "new-key", tmp_path / "key").output.strip()
    copies, sealed, program = (tmp_path / name for name in ("copies", "sealed", "zaitaku"))
    (copies / "zaitaku-99991231T000000Z-ffff").mkdir(parents=True)
    sealed.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m zaitaku "$@"\n', "utf-8")
    program.chmod(0o755)
    places = {"ZAITAKU": program, "BACKUP_FOLDER": copies, "SEAL_FOLDER": sealed}
    done = subprocess.run(
        [HOUSE / "packaging" / "server" / "daily.sh", "backup"],
        cwd=HOUSE,
        env={**os.environ, **{name: str(place) for name, place in places.items()}}
        | {"SEAL_FOR": public},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (made,) = set(copies.iterdir()) - {copies / "zaitaku-99991231T000000Z-ffff"}
    assert f"控えを作り、確かめました: {made}\n" in done.stdout
    assert [each.name for each in sealed.iterdir()] == [f"{made.name}.age"]


class Server:
    """Is stopped by Ctrl-C at once."""

    effective_port = 8190

    def run(self) -> None:
        """Wait for nobody."""

    def close(self) -> None:
        """Let go of nothing."""


def test_what_to_do_with_the_operators_address_is_told(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zaitaku.commands.operate.create_server", lambda *_, **__: Server())
    monkeypatch.setattr("zaitaku.commands.operate.configure_logging", lambda *_: None)
    told = run(operate)
    assert told.exit_code == 0, told.output
    assert re.fullmatch(r"http://127\.0\.0\.1:8190/operator/enter\?key=\S+\n", told.stdout)
    words, address = told.output.splitlines()
    assert address == told.stdout.strip()
    assert "この機械のブラウザーか、SSHでつないだ手もとのブラウザーで開いてください" in words
    assert "30分使わないと" in words
    assert "Ctrl-C" in words


@pytest.fixture
def own_log() -> Iterator[None]:
    """The log's level and ends are put back afterwards."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    root.handlers[:] = before
    root.setLevel(level)


@pytest.mark.usefixtures("own_log")
def test_under_the_operators_address_stands_no_line_for_each_file(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Visited(Server):
        """Is asked for a page and a file, and has something to warn of."""

        def __init__(self, app: Flask) -> None:
            self._app = app

        def run(self) -> None:
            client = self._app.test_client()
            for path in ("/", "/static/css/main.css"):
                client.get(path, base_url="http://127.0.0.1:8190").close()
            logging.getLogger("zaitaku.test").warning("disk nearly full")

    monkeypatch.setattr("zaitaku.commands.operate.create_server", lambda app, **_: Visited(app))
    told = run(operate)
    assert told.exit_code == 0, told.output
    assert "answered" not in told.output
    assert "disk nearly full" in told.stderr


def test_the_words_on_keys_and_the_operators_pages_are_the_usual_ones(run: Run) -> None:
    assert "無作為に選んで" in run(keys, "draw", "--help").output
    assert "SSHでつないだ" in run(operate, "--help").output


def test_a_time_that_is_none_is_told(run: Run, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    told = run(restore, empty, tmp_path / "restored.db", "--until", "きのう")
    assert told.exit_code == 1
    assert "--until" in told.output


def test_drawn_keys_are_strong_and_never_the_same(run: Run) -> None:
    drawn = {run(keys, "draw").output.strip() for _ in range(20)}
    assert len(drawn) == 20
    assert all(looks_random(key) for key in drawn)


def test_a_request_key_is_made_and_then_put_first(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "request.pem"
    assert run(keys, "request", file).exit_code == 0
    (first,) = SiteKeys.load(file).keys
    assert run(keys, "request", file).exit_code == 0
    newest, older = SiteKeys.load(file).keys
    assert older.thumbprint() == first.thumbprint() != newest.thumbprint()
    (tmp_path / "none.pem").write_text("no key", "utf-8")
    told = run(keys, "request", tmp_path / "none.pem")
    assert told.exit_code == 1
    assert "何も変えていません" in told.output


def test_whoever_could_read_the_request_key_can_read_the_next(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, given = tmp_path / "request.pem", list[tuple[Path, int, int]]()
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("os.chown", lambda path, user, group: given.append((path, user, group)))
    first = run(keys, "request", file).output
    assert ("chown zaitaku:" in first) is (file.stat().st_uid == 0)
    assert given == []
    before = file.stat()
    run(keys, "request", file)
    assert given == [(file, before.st_uid, before.st_gid)]
