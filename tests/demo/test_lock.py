"""Two demos never share a data folder."""

from pathlib import Path

import pytest

from zaitaku.core.errors import SettingsError
from zaitaku.demo.lock import sole_use


def test_a_second_demo_in_the_same_folder_is_told(tmp_path: Path) -> None:
    with sole_use(tmp_path), pytest.raises(SettingsError, match="ZAITAKU_DATA"), sole_use(tmp_path):
        pytest.fail("two demos at once")


def test_the_folder_is_free_again_afterwards(tmp_path: Path) -> None:
    for _ in range(2):
        with sole_use(tmp_path):
            assert (tmp_path / "lock").exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    words = r"file/data に書けません.*ZAITAKU_DATA"
    with pytest.raises(SettingsError, match=words), sole_use(tmp_path / "file" / "data"):
        pytest.fail("there is no such folder")
