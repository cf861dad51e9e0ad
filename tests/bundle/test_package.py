"""The package: installed beside the bridge's own dependencies alone, it starts and answers."""

import json
import subprocess
import sys
from importlib.metadata import PathDistribution, distribution
from pathlib import Path

import pytest

from tests.bundle.shipped import check_walk, said, shipped
from tools.closure import bridge_closure

pytestmark = pytest.mark.slow

HOUSE = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel and what ``zaitaku[bridge]`` needs, no more."""
    folder = tmp_path_factory.mktemp("package")
    wheel = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    options = ["--disable-pip-version-check", "--no-index", "--wheel-dir", str(folder), str(HOUSE)]
    subprocess.run([*wheel, *options], check=True)
    room = folder / "room"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(room)], check=True)
    [built] = folder.glob("zaitaku-*.whl")
    install = [sys.executable, "-m", "pip", "--python", str(room / "bin" / "python"), "install"]
    quiet = ["--quiet", "--no-deps", "--no-index", "--disable-pip-version-check", str(built)]
    subprocess.run([*install, *quiet], check=True)
    [site] = room.glob("lib/python*/site-packages")
    for name in sorted(bridge_closure()):
        _link(distribution(name), site)
    return room


def _link(dist: object, site: Path) -> None:
    """Make an installed distribution appear in ``site`` without copying it."""
    assert isinstance(dist, PathDistribution)
    for file in dist.files or ():
        source = Path(str(dist.locate_file(file)))
        if ".." in file.parts or not source.is_file():
            continue
        target = site / file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(source.resolve())


def test_it_starts_and_answers(room: Path, tmp_path: Path) -> None:
    with shipped([str(room / "bin" / "zaitaku-bridge")], tmp_path / "home") as bridge:
        check_walk(bridge)


def test_it_comes_with_cards_to_rehearse(room: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    with shipped([str(room / "bin" / "zaitaku-bridge"), "--virtual"], home) as bridge:
        assert len(json.loads(bridge.get("/virtual/cards").data)["cards"]) > 5
    state = home / ".local" / "state" / "zaitaku-bridge"
    assert (state / "rehearsal" / "authority" / "roots.pem").exists()


def test_it_can_be_unregistered_where_it_never_was(room: Path, tmp_path: Path) -> None:
    answer = said([str(room / "bin" / "zaitaku-bridge"), "unregister"], tmp_path / "home")
    assert (answer.returncode, "登録されていません" in answer.stdout) == (0, True)


@pytest.mark.parametrize(
    "module", ["zaitaku.app", "zaitaku.services", "zaitaku.commands.serve", "sqlalchemy"]
)
def test_the_server_is_not_there(room: Path, tmp_path: Path, module: str) -> None:
    answer = said([str(room / "bin" / "python"), "-c", f"import {module}"], tmp_path / "home")
    assert answer.returncode == 1
    assert "ModuleNotFoundError" in answer.stderr
