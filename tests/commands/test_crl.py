"""``zaitaku crl``: the lists of a deployment, renewed from a real server and shown."""

import secrets
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from click.testing import CliRunner, Result

from tests.sandbox.loopback import serving
from zaitaku.commands.crl import crl, renew_at_start
from zaitaku.core.clock import FixedClock, SystemClock
from zaitaku.sandbox.authority import PINNED, TestAuthority
from zaitaku.settings import Settings

pytestmark = pytest.mark.enable_socket


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> TestAuthority:
    return TestAuthority.open(tmp_path_factory.mktemp("authority"), SystemClock())


class Shelf:
    """Serves what stands on it."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.asked = 0

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        self.asked += 1
        start("200 OK", [("Content-Type", "application/x-pem-file")])
        return [self.content]


@pytest.fixture
def environ(
    authority: TestAuthority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """A deployment in sandbox mode, whose file of lists is not there yet."""
    values = {
        "ZAITAKU_MODE": "sandbox",
        "ZAITAKU_ORIGIN": "https://zaitaku.example",
        "ZAITAKU_DATABASE_URL": f"sqlite:///{tmp_path / 'zaitaku.db'}",
        "ZAITAKU_EPHEMERAL_URL": f"sqlite:///{tmp_path / 'ephemeral.db'}",
        "ZAITAKU_URL_KEYS": secrets.token_hex(16),
        "ZAITAKU_SESSION_KEYS": secrets.token_hex(16),
        "ZAITAKU_SUBJECT_KEYS": secrets.token_hex(16),
        "ZAITAKU_SEAL_KEYS": "plain",
        "ZAITAKU_REQUEST_KEY_FILE": str(tmp_path / "request.pem"),
        "ZAITAKU_TRUST_ANCHORS": str(authority.roots_file),
        "ZAITAKU_CRL_FILE": str(tmp_path / "crl.pem"),
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return values


def run(*words: str) -> Result:
    return CliRunner().invoke(crl, list(words))


def test_the_lists_are_fetched_and_shown(
    environ: dict[str, str], authority: TestAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(Shelf(authority.crl_bundle.read_bytes())) as url:
        monkeypatch.setenv("ZAITAKU_CRL_URL", url)
        assert "失効リストを新しくしました。" in run("refresh").output
        assert "もう最新です" in run("refresh").output
    shown = run("show").output.splitlines()
    assert len(shown) == len(PINNED)
    for line in shown:
        assert "使えます" in line
        assert "失効 0件" in line


def test_a_failure_leaves_what_is_there_and_says_so(
    environ: dict[str, str], authority: TestAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(environ["ZAITAKU_CRL_FILE"])
    path.write_bytes(authority.crl_bundle.read_bytes())
    with serving(Shelf(b"<html>")) as url:
        monkeypatch.setenv("ZAITAKU_CRL_URL", url)
        told = run("refresh")
    assert told.exit_code == 1
    assert "そのまま残っています" in told.output
    assert path.read_bytes() == authority.crl_bundle.read_bytes()


def test_without_an_address_or_a_file_it_says_what_to_set(environ: dict[str, str]) -> None:
    refused = run("refresh")
    assert refused.exit_code == 1
    assert "ZAITAKU_CRL_URL" in refused.output
    missing = run("show")
    assert missing.exit_code == 1
    assert "読めません" in missing.output


def test_lists_that_do_not_count_are_shown_as_such(
    environ: dict[str, str], authority: TestAuthority, tmp_path: Path
) -> None:
    past = FixedClock(SystemClock().now() - timedelta(days=30))
    stranger = TestAuthority.open(tmp_path / "stranger", past)
    ended = TestAuthority(
        tmp_path, roots=authority.roots, responders=authority.responders, clock=past
    )
    ended.refresh(force=True)
    path = Path(environ["ZAITAKU_CRL_FILE"])
    path.write_bytes(stranger.crl_bundle.read_bytes() + ended.crl_bundle.read_bytes())
    shown = run("show").output.splitlines()
    assert len(shown) == 2 * len(PINNED)
    assert sum("使えません（信頼する認証局の署名ではありません）" in line for line in shown) == 3
    assert all("使えません" in line for line in shown)


def test_at_start_the_lists_are_there_before_the_first_patient(
    environ: dict[str, str], authority: TestAuthority, capsys: pytest.CaptureFixture[str]
) -> None:
    shelf = Shelf(authority.crl_bundle.read_bytes())
    with serving(shelf) as url:
        settings = Settings.from_env({**environ, "ZAITAKU_CRL_URL": url})
        for _ in range(2):
            renew_at_start(settings)
    assert shelf.asked == 1
    assert Path(environ["ZAITAKU_CRL_FILE"]).exists()
    Path(environ["ZAITAKU_CRL_FILE"]).unlink()
    renew_at_start(settings)
    assert "新しくできませんでした" in capsys.readouterr().err
    renew_at_start(Settings.from_env(environ))
