"""The demo's own secrets."""

import secrets as drawing
from pathlib import Path

import pytest

from zaitaku.accounts.model import check_new_password
from zaitaku.demo.secrets import USER_ID, DemoSecrets


def test_a_password_of_digits_alone_is_drawn_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = iter(["0312", "3456", "7890", "ab12", "cd34", "ef56"])
    monkeypatch.setattr(drawing, "token_hex", lambda _: next(drawn))
    made = DemoSecrets.open(tmp_path / "secrets.json")
    assert made.password == "ab12-cd34-ef56"
    assert check_new_password(made.password, USER_ID) == made.password


def test_they_are_kept_for_the_next_run(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    assert DemoSecrets.open(path) == DemoSecrets.open(path)
    assert path.stat().st_mode & 0o077 == 0
