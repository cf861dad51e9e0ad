"""The single file: it starts with nothing installed, and holds nothing of the server."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PyInstaller.archive.readers import CArchiveReader

from tests.bundle.shipped import check_walk, said, shipped
from tests.cardbridge.cards import Material, make_material, write_card
from tools.bundle import build
from tools.closure import bridge_closure, foreign_modules
from zaitaku.cardbridge.trust.operator import OperatorBroken

pytestmark = pytest.mark.slow

SERVER = {"sqlalchemy", "redis", "babel", "flask_wtf", "typst", "gunicorn", "psycopg", "argon2"}


@pytest.fixture(scope="module")
def single_file() -> Path:
    """The built file; built once for the same sources."""
    return build()


@pytest.fixture(scope="module")
def material() -> Material:
    """Keys and certificates of a virtual card."""
    return make_material()


def test_it_walks_in_an_empty_environment(single_file: Path, tmp_path: Path) -> None:
    with shipped([str(single_file)], tmp_path / "home") as bridge:
        check_walk(bridge)


def test_it_reads_a_virtual_card(single_file: Path, tmp_path: Path, material: Material) -> None:
    cards = tmp_path / "cards"
    cards.mkdir()
    write_card(cards / "a.json", material, name="ふつうのカード")
    with shipped([str(single_file), "--virtual", str(cards)], tmp_path / "home") as bridge:
        body = json.loads(bridge.get("/virtual/cards").data)
        assert [card["name"] for card in body["cards"]] == ["ふつうのカード"]
        assert "あと3回" in bridge.get("/?lang=ja").data.decode()


def test_it_registers_itself_and_goes_again(single_file: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert said([str(single_file), "register"], home).returncode == 0
    entry = home / ".local" / "share" / "applications" / "zaitaku-bridge.desktop"
    assert f"Exec={single_file} %u\n" in entry.read_text()
    assert said([str(single_file), "unregister"], home).returncode == 0
    assert not entry.exists()


def test_it_knows_its_version_and_nothing_of_the_machine_that_built_it(
    single_file: Path, tmp_path: Path
) -> None:
    answer = said([str(single_file), "--version"], tmp_path / "home")
    assert "version 0" in answer.stdout or "version 1" in answer.stdout
    archive = CArchiveReader(str(single_file))
    ours = [name for name in archive.toc if name.startswith("zaitaku-")]
    assert [Path(name).name for name in ours] == ["METADATA"]
    assert not [name for name in archive.toc if "direct_url" in name]


def test_nothing_of_the_server_is_inside(single_file: Path) -> None:
    archive = CArchiveReader(str(single_file)).open_embedded_archive("PYZ.pyz")
    rooms = {name.split(".")[0] for name in archive.toc}
    assert rooms & {"flask", "joserfc", "zaitaku"} == {"flask", "joserfc", "zaitaku"}
    assert rooms & (SERVER | set(foreign_modules(bridge_closure()))) == set()
    inside = {name for name in archive.toc if name.startswith("zaitaku.")}
    assert {".".join(name.split(".")[:2]) for name in inside} <= {
        "zaitaku.cardbridge",
        "zaitaku.readings",
        "zaitaku.usage",
        "zaitaku.wire",
        "zaitaku.sandbox",
        "zaitaku.core",
    }


def test_a_broken_operators_file_is_not_built(tmp_path: Path) -> None:
    file = tmp_path / "operator.toml"
    file.write_text('name = "a"\norigins = ["http://a.example"]\n')
    with pytest.raises(OperatorBroken):
        build(file)


def test_the_build_command_explains_itself() -> None:
    command = [sys.executable, "-m", "tools.bundle", "--help"]
    assert (
        "--operator" in subprocess.run(command, capture_output=True, text=True, check=True).stdout
    )
