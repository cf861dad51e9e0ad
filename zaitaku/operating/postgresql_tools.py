"""PostgreSQL's own programs, run on the database of the settings."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from psycopg.conninfo import make_conninfo
from sqlalchemy import URL

from zaitaku.core.errors import ZaitakuError

_FOLDERS: Final = "/usr/lib/postgresql"
"""Where Debian keeps the programs of each major version that are not on everybody's path."""


class ToolFailed(ZaitakuError):
    """A program of PostgreSQL is not installed, or ended with an error."""

    code = "postgresql-tool-failed"


def run_tool(name: str, *arguments: str, password: str = "") -> None:
    """Run one of PostgreSQL's programs to its end.

    Raises:
        ToolFailed: it is not installed, or failed; the detail is the last line of what it said.
    """
    ended = subprocess.run(  # noqa: S603 - a program of PostgreSQL, without a shell
        [_find(name), *arguments],
        env=_environment(password),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if ended.returncode:
        said = ended.stderr.decode(errors="replace").strip().splitlines()
        raise ToolFailed(f"{name}: {said[-1] if said else ended.returncode}")


def insist_on_tool(name: str) -> None:
    """See that one of PostgreSQL's programs is installed.

    Raises:
        ToolFailed: it is not.
    """
    _find(name)


def connection_words(url: URL) -> tuple[str, str]:
    """Return ``url`` in libpq's own words without the password, and the password.

    The words stand in the list of this machine's processes, which others can read.
    """
    # Also several hosts: the dialect knows how an address lists them.
    _, parameters = url.get_dialect()().create_connect_args(url)
    password = str(parameters.pop("password", ""))
    parameters["dbname"] = parameters.pop("dbname", None) or parameters.get("user")
    known = {name: str(value) for name, value in parameters.items() if value is not None}
    return make_conninfo("", **known), password


def _find(name: str) -> str:
    found = shutil.which(name)
    newest = sorted(Path(_FOLDERS).glob(f"*/bin/{name}"), key=_major)
    if found is None and not newest:
        raise ToolFailed(f"{name} がありません。Debianでは postgresql-client と postgresql")
    return found or str(newest[-1])


def _major(program: Path) -> int:
    name = program.parents[1].name
    return int(name) if name.isdecimal() else 0


def _environment(password: str) -> Mapping[str, str]:
    return {**os.environ, "PGPASSWORD": password} if password else os.environ
