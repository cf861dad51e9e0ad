"""Builds the bridge as one file for people who have no Python: ``make bridge [OPERATOR=file]``.

The file holds the bridge and what it needs, nothing of the server: every other module that is
installed here is shut out. What was built from the same sources before is taken from ``build/``.
"""

import argparse
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path

from tools.closure import bridge_closure, foreign_modules
from zaitaku.cardbridge.trust.operator import OPERATOR_FILE, Operator

HOUSE = Path(__file__).parent.parent
BUILD = HOUSE / "build" / "bridge"
NAME = "zaitaku-bridge.exe" if sys.platform == "win32" else "zaitaku-bridge"
PACKAGE = HOUSE / "zaitaku" / "cardbridge"
ENTRY = HOUSE / "packaging" / "bridge" / "entry.py"
NEVER = ("tkinter", "unittest", "pydoc", "doctest", "lib2to3", "idlelib", "ensurepip", "sqlite3")
"""Of the standard library, what no bridge runs."""
SERVER = ("zaitaku.app", "zaitaku.services", "zaitaku.settings")
"""Through these ``zaitaku.create_app`` would bring in the whole server."""
BUILDS_KEPT = 4


def main() -> None:
    """Build, and put the file into ``dist/``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--operator", type=Path, help="the operator's file, baked into the build")
    told = parser.parse_args()
    built = build(told.operator)
    (HOUSE / "dist").mkdir(exist_ok=True)
    placed = HOUSE / "dist" / NAME
    shutil.copy2(built, placed)
    print(f"{placed.relative_to(HOUSE)}: {placed.stat().st_size / 1e6:.1f} MB")  # noqa: T201


def build(operator: Path | None = None) -> Path:
    """Return the built file for these sources and this operator, building it when it is new.

    Raises:
        OperatorBroken: the operator's file is not as it must be.
        CalledProcessError: the build failed.
    """
    text = operator.read_text("utf-8") if operator else ""
    if text:
        Operator.from_toml(text)
    folder = BUILD / _digest(text)
    if not (folder / NAME).exists():
        _build(folder, text)
        _forget_old_builds()
    os.utime(folder)
    return folder / NAME


def _build(folder: Path, operator: str) -> None:
    work = folder / "work"
    shutil.rmtree(folder, ignore_errors=True)
    work.mkdir(parents=True)
    metadata = _metadata(work)
    data = [(PACKAGE / "pages", "zaitaku/cardbridge/pages"), (metadata, metadata.name)]
    if operator:
        (work / OPERATOR_FILE).write_text(operator, "utf-8")
        data.append((work / OPERATOR_FILE, "zaitaku/cardbridge"))
    subprocess.run(_command(data), cwd=work, check=True)  # noqa: S603 - our own words
    (work / "out" / NAME).replace(folder / NAME)
    shutil.rmtree(work)


def _command(data: list[tuple[Path, str]]) -> list[str]:
    shut_out = [*foreign_modules(bridge_closure()), *NEVER, *SERVER]
    return [
        *(sys.executable, "-m", "PyInstaller", "--onefile", "--name", NAME.removesuffix(".exe")),
        *("--paths", str(HOUSE), "--distpath", "out", "--workpath", "work", "--specpath", "."),
        *("--noconfirm", "--log-level", "ERROR"),
        *(["--noconsole"] if sys.platform in {"win32", "darwin"} else ["--strip"]),
        *(
            word
            for source, place in data
            for word in ("--add-data", f"{source}{os.pathsep}{place}")
        ),
        *_each("--exclude-module", shut_out),
        str(ENTRY),
    ]


def _each(option: str, values: Iterable[str]) -> Iterator[str]:
    for value in values:
        yield from (option, value)


def _metadata(work: Path) -> Path:
    """Return a folder that tells the version, and nothing of the machine that builds."""
    release = version("zaitaku")
    folder = work / f"zaitaku-{release}.dist-info"
    folder.mkdir()
    text = f"Metadata-Version: 2.1\nName: zaitaku\nVersion: {release}\n"
    (folder / "METADATA").write_text(text, "ascii")
    return folder


def _digest(operator: str) -> str:
    digest = hashlib.sha256()
    for part in (*_circumstances(), operator):
        digest.update(part.encode() + b"\0")
    for path in _sources():
        digest.update(path.relative_to(HOUSE).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:20]


def _circumstances() -> Iterator[str]:
    yield sys.version
    yield platform.platform()
    for name in sorted({*bridge_closure(), "pyinstaller", "zaitaku"}):
        yield f"{name}=={version(name)}"


def _sources() -> list[Path]:
    house = HOUSE / "zaitaku"
    rooms = (PACKAGE, house / "sandbox", house / "core")
    modules = (house / f"{name}.py" for name in ("__init__", "readings", "usage", "wire"))
    single = (*modules, Path(__file__), ENTRY)
    inside = (path for room in rooms for path in room.rglob("*") if "__pycache__" not in path.parts)
    return sorted(path for path in (*inside, *single) if path.is_file())


def _forget_old_builds() -> None:
    builds = sorted(BUILD.iterdir(), key=lambda path: path.stat().st_mtime)
    for folder in builds[:-BUILDS_KEPT]:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
