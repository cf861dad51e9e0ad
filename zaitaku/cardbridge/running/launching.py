"""How this bridge is started, by hand, by a link or at log-in, and how it opens a browser.

A link of the scheme ``zaitaku-bridge:`` only ever starts the bridge: any program can register
itself for a scheme, so nothing secret and no request travels in it.
"""

import os
import shutil
import subprocess
import sys
import webbrowser
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Timer
from typing import Final

SCHEME: Final = "zaitaku-bridge"
START_LINKS: Final = frozenset(f"{SCHEME}:{tail}" for tail in ("start", "//start", "//start/"))
"""The one link there is, as browsers and desktops may write it."""
COMMAND: Final = "zaitaku-bridge"
OPEN_SECONDS: Final = 0.3
_LIBRARIES: Final = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LIBPATH")


class LinkRefused(Exception):
    """A link asks for something else than starting; its text is not kept, it may be anything."""


def check_link(words: Sequence[str]) -> None:
    """Let a command line pass that holds no link, or the one there is, at its very end.

    What stands before the link was registered; what follows it came in with the link, when a
    desktop did not quote it well.

    Raises:
        LinkRefused
    """
    places = [place for place, word in enumerate(words) if is_link(word)]
    if places and (places != [len(words) - 1] or words[-1].lower() not in START_LINKS):
        raise LinkRefused


def is_link(word: str) -> bool:
    """Tell whether a word of the command line is a link of our scheme, good or bad."""
    return word.lower().startswith(f"{SCHEME}:")


def own_command() -> list[str]:
    """Return the words that start this very bridge, from wherever it was installed."""
    if getattr(sys, "frozen", False):
        return [sys.executable]
    for place in (Path(sys.argv[0]), Path(sys.executable).with_name(COMMAND)):
        if place.name == COMMAND and place.is_file():
            return [str(place.absolute())]
    found = shutil.which(COMMAND)
    return [found] if found else [sys.executable, "-m", "zaitaku.cardbridge"]


def has_screen(environ: Mapping[str, str] = os.environ) -> bool:
    """Tell whether a browser could be seen."""
    if sys.platform in {"win32", "darwin"}:
        return True
    return bool(environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"))


def open_soon(address: str) -> None:
    """Open a page of ours in the browser once the server has had time to begin."""
    timer = Timer(OPEN_SECONDS, open_page, [address])
    timer.daemon = True
    timer.start()


def open_page(address: str) -> None:
    """Open a page of ours in the browser; without one nothing happens."""
    if getattr(sys, "frozen", False) and sys.platform == "linux":
        with suppress(OSError, subprocess.SubprocessError):
            command = ["xdg-open", address]
            subprocess.Popen(command, env=outer_environment(), start_new_session=True)  # noqa: S603
        return
    webbrowser.open(address)


def outer_environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment for programs that are not ours.

    The single-file build lets its own libraries be found first and keeps what stood there before
    under ``…_ORIG`` (PyInstaller manual, "LD_LIBRARY_PATH / LIBPATH considerations"); a browser
    would stumble over them.
    """
    outer = {name: value for name, value in environ.items() if name not in _LIBRARIES}
    for name in _LIBRARIES:
        before = outer.pop(f"{name}_ORIG", None)
        if before is not None:
            outer[name] = before
    return outer if getattr(sys, "frozen", False) else dict(environ)
