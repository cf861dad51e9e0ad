"""Making the bridge known to a Linux desktop: its entry, its link, its icon, its start at log-in.

Everything lies in the person's own folders (XDG Base Directory 0.8), is written again as it was by
a second registration, and goes away without a trace by ``unregister``. Formats: Desktop Entry
Specification 1.5, Desktop Application Autostart 0.5, MIME Applications Associations 1.0.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final, Self

from zaitaku.cardbridge.running.launching import SCHEME, outer_environment

NAME: Final = "zaitaku-bridge"
ENTRY: Final = f"{NAME}.desktop"
LINK_TYPE: Final = f"x-scheme-handler/{SCHEME}"
TOOL_SECONDS: Final = 20
_RESERVED: Final = frozenset(" \t\n\"'\\><~|&;$*?#()`")
"""An argument that has one of these must be quoted (Desktop Entry Specification, "Exec")."""
_ESCAPED: Final = re.compile(r'(["`$\\])')
_ASSOCIATION: Final = re.compile(rf"^{re.escape(LINK_TYPE)}\s*=(.*)$")


@dataclass(frozen=True)
class DesktopPlaces:
    """Where the desktop of one person looks."""

    data: Path
    config: Path

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Return the folders that the environment names; relative ones do not count (XDG)."""
        home = Path.home()
        return cls(
            data=_folder(environ, "XDG_DATA_HOME", home / ".local" / "share"),
            config=_folder(environ, "XDG_CONFIG_HOME", home / ".config"),
        )

    @property
    def applications(self) -> Path:
        """The folder of the entries."""
        return self.data / "applications"

    @property
    def entry(self) -> Path:
        """The entry that the menu and links start."""
        return self.applications / ENTRY

    @property
    def autostart(self) -> Path:
        """The entry that is started at log-in."""
        return self.config / "autostart" / ENTRY

    @property
    def icon(self) -> Path:
        """The picture of both."""
        return self.data / "icons" / "hicolor" / "scalable" / "apps" / f"{NAME}.svg"

    @property
    def associations(self) -> tuple[Path, ...]:
        """The lists in which desktops note who opens which link."""
        return (self.config / "mimeapps.list", self.applications / "mimeapps.list")


def register(places: DesktopPlaces, command: Sequence[str]) -> None:
    """Make the desktop know the bridge that ``command`` starts.

    Raises:
        OSError: a folder cannot be written to.
        ValueError: the command holds a line break, which no entry can.
    """
    entry, at_login = menu_entry(command), autostart_entry(command)
    icon = files("zaitaku.cardbridge") / "pages" / "assets" / "icon.svg"
    _write(places.icon, icon.read_text("utf-8"))
    _write(places.autostart, at_login)
    _write(places.entry, entry)
    _run("update-desktop-database", str(places.applications))
    _run("xdg-mime", "default", ENTRY, LINK_TYPE)


def unregister(places: DesktopPlaces) -> bool:
    """Take back everything that ``register`` has done; return whether there was anything.

    Raises:
        OSError: a file cannot be removed.
    """
    found = [path for path in (places.entry, places.autostart, places.icon) if path.exists()]
    for path in found:
        path.unlink()
    for path in places.associations:
        _dissociate(path)
    if places.applications.is_dir():
        _run("update-desktop-database", str(places.applications))
    return bool(found)


def menu_entry(command: Sequence[str]) -> str:
    """Return the entry for the menu and for links."""
    lines = (f"Exec={exec_line(command)} %u", f"MimeType={LINK_TYPE};", "StartupNotify=false")
    return _entry(*lines)


def autostart_entry(command: Sequence[str]) -> str:
    """Return the entry for the start at log-in, which opens no window."""
    return _entry(f"Exec={exec_line([*command, '--no-open'])}", "X-GNOME-Autostart-enabled=true")


def exec_line(command: Sequence[str]) -> str:
    r"""Return ``command`` as the value of ``Exec``.

    Quoted first (double quotes; ``"``, backtick, ``$`` and ``\`` behind a backslash; ``%``
    doubled), then escaped as every string value is (each backslash doubled).

    Raises:
        ValueError: a word holds a control character.
    """
    if any(not character.isprintable() for word in command for character in word):
        raise ValueError("a control character")
    return " ".join(map(_quoted, command)).replace("\\", "\\\\")


def _quoted(word: str) -> str:
    doubled = word.replace("%", "%%")
    if word and not _RESERVED & set(word):
        return doubled
    return '"' + _ESCAPED.sub(r"\\\1", doubled) + '"'


def _entry(*more: str) -> str:
    lines = (
        "[Desktop Entry]",
        "Version=1.0",
        "Type=Application",
        "Name=Card reading app (zaitaku)",
        "Name[ja]=カード読み取りアプリ（zaitaku）",
        "Comment=Reads the My Number Card for procedures at home",
        "Comment[ja]=在宅受付の手続きで、マイナンバーカードを読み取ります",
        f"Icon={NAME}",
        "Terminal=false",
        "Categories=Utility;",
        *more,
    )
    return "\n".join(lines) + "\n"


def _folder(environ: Mapping[str, str], name: str, default: Path) -> Path:
    told = environ.get(name, "")
    return Path(told) if Path(told).is_absolute() else default


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.new")
    beside.write_text(text, "utf-8")
    beside.replace(path)


def _dissociate(path: Path) -> None:
    """Take our entry out of a list of associations, and leave every other line as it stands."""
    if not path.exists():
        return
    lines = path.read_text("utf-8").splitlines(keepends=True)
    kept = [line for line in map(_without_us, lines) if line]
    if kept == lines:
        return
    if all(line.startswith("[") or not line.strip() for line in kept):
        path.unlink()
    else:
        _write(path, "".join(kept))


def _without_us(line: str) -> str:
    found = _ASSOCIATION.match(line.rstrip("\n"))
    if found is None:
        return line
    others = [name for name in found[1].strip().split(";") if name not in {"", ENTRY}]
    return f"{LINK_TYPE}={';'.join(others)};\n" if others else ""


def _run(tool: str, *words: str) -> None:
    """Run a desktop's own tool where there is one; without it most desktops find out themselves."""
    path = shutil.which(tool)
    if path is None:
        return
    with suppress(OSError, subprocess.SubprocessError):
        subprocess.run(  # noqa: S603 - found on the path, no shell
            [path, *words],
            env=outer_environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=TOOL_SECONDS,
            check=False,
        )
