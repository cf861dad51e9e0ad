"""``zaitaku backup``, ``restore`` and ``keys`` as an operator types them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from tests.operations.test_doctor import environ_of
from zaitaku.commands.backup import backup, restore
from zaitaku.commands.keys import keys
from zaitaku.core.openid import OpenIdProvider
from zaitaku.core.signing import looks_random
from zaitaku.operating.key_files import key_files
from zaitaku.sdk.keys import SiteKeys
from zaitaku.services import Services
from zaitaku.watching.notes import Note, Notes, moment_in

Run = Callable[..., Result]


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


def test_a_copy_that_is_none_and_a_time_that_is_none_are_told(run: Run, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    told = run(backup, "verify", empty)
    assert told.exit_code == 1
    assert "こわれています" in told.output
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
