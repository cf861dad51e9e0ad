"""Everything that a deployment needs beside its database: its variables and its key files."""

import shlex
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from zaitaku.core.files import write_private
from zaitaku.settings import Settings

PREFIX: Final = "ZAITAKU_"
VARIABLES: Final = "zaitaku.env"


@contextmanager
def key_files(settings: Settings, environ: Mapping[str, str]) -> Iterator[Path]:
    """Give a folder with the variables (as a shell reads them) and the files that they name.

    It is for its owner alone, and gone at the end.

    Raises:
        OSError: a file that the settings name cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="zaitaku-keys-") as name:
        folder = Path(name) / "zaitaku-keys"
        folder.mkdir(mode=0o700)
        lines = (
            f"{variable}={shlex.quote(value)}\n"
            for variable, value in sorted(environ.items())
            if variable.startswith(PREFIX)
        )
        write_private(folder / VARIABLES, "".join(lines).encode())
        for number, path in enumerate(_named(settings), start=1):
            target = folder / f"{number}-{path.name}"
            target.touch(mode=0o600, exist_ok=False)
            shutil.copyfile(path, target)
        yield folder


def _named(settings: Settings) -> Iterator[Path]:
    yield settings.request_key_file
    yield from settings.trust_anchors
    if settings.openid is not None:
        yield settings.openid.key_file
