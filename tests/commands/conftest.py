"""The operator's commands over a deployment of its own."""

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner, Result

from zaitaku.commands.account import account
from zaitaku.commands.audit import audit
from zaitaku.commands.facility import facility
from zaitaku.commands.poster import poster
from zaitaku.commands.url import url
from zaitaku.core.database import Database

CODE: Final = "1310123456"
GROUPS: Final = {
    "account": account,
    "audit": audit,
    "facility": facility,
    "url": url,
    "poster": poster,
}

Run = Callable[..., Result]


@pytest.fixture
def run(database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run ``zaitaku <words>`` on a deployment of its own."""
    environ = {
        "ZAITAKU_ORIGIN": "https://zaitaku.example",
        "ZAITAKU_DATABASE_URL": database.url.render_as_string(hide_password=False),
        "ZAITAKU_EPHEMERAL_URL": f"sqlite:///{tmp_path / 'ephemeral.db'}",
        "ZAITAKU_URL_KEYS": secrets.token_hex(16),
        "ZAITAKU_SESSION_KEYS": secrets.token_hex(16),
        "ZAITAKU_SUBJECT_KEYS": secrets.token_hex(16),
        "ZAITAKU_SEAL_KEYS": "plain",
        "ZAITAKU_REQUEST_KEY_FILE": str(tmp_path / "request.pem"),
        "ZAITAKU_TRUST_ANCHORS": str(tmp_path / "roots.pem"),
        "ZAITAKU_OCSP_URL": "http://127.0.0.1:1/",
        "ZAITAKU_TRUSTED_PROXIES": "1",
    }
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    def run_words(*words: str, typed: str = "") -> Result:
        group, *rest = words
        return CliRunner().invoke(GROUPS[group], rest, input=typed)

    return run_words


@pytest.fixture
def clinic(run: Run) -> Run:
    """The same, with one facility."""
    added = run(
        "facility",
        "add",
        CODE,
        "--name",
        "みどり在宅クリニック",
        "--phone",
        "０３−１２３４−５６７８",
        "--hours",
        "月〜金 9:00〜17:00",
        "--home-visit",
    )
    assert added.exit_code == 0, added.output
    assert "登録しました: 1310123456 みどり在宅クリニック" in added.output
    assert "訪問診療等: 利用する" in added.output
    assert "オンライン診療等・外来診療等（通常とは異なる動線）: 利用しない" in added.output
    return run
