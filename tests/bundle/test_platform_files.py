"""The files for Windows and macOS say what the bridge expects."""

import plistlib
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from zaitaku.cardbridge.running.launching import SCHEME, check_link

PACKAGING = Path(__file__).parents[2] / "packaging"
PROGRAM = '"%LOCALAPPDATA%\\Programs\\zaitaku-bridge\\zaitaku-bridge.exe"'
CLASSES = f"HKEY_CURRENT_USER\\Software\\Classes\\{SCHEME}"
RUN = "HKEY_CURRENT_USER\\Software\\Microsoft\\Windows\\CurrentVersion\\Run"


def registry(name: str) -> dict[str, dict[str, str]]:
    """Read a registry file (Microsoft, "Using a registration entries (.reg) file")."""
    text = (PACKAGING / "windows" / name).read_bytes().decode("utf-16")
    first, *lines = text.split("\r\n")
    assert first == "Windows Registry Editor Version 5.00"
    keys: dict[str, dict[str, str]] = {}
    values: dict[str, str] = {}
    for line in lines:
        if line.startswith("["):
            values = keys.setdefault(line.removeprefix("[").removesuffix("]"), {})
        elif line and not line.startswith(";"):
            found = re.fullmatch(r'(@|"[^"]+")=(.*)', line)
            assert found is not None, line
            values[found[1].strip('"')] = value_of(found[2])
    return keys


def value_of(text: str) -> str:
    if text.startswith("hex(2):"):
        raw = bytes.fromhex(text.removeprefix("hex(2):").replace(",", ""))
        return raw.decode("utf-16-le").removesuffix("\0")
    assert text == "-" or re.fullmatch(r'"[^"]*"', text)
    return text.strip('"')


def plist(name: str) -> dict[str, Any]:
    body: dict[str, Any] = plistlib.loads((PACKAGING / "macos" / name).read_bytes())
    return body


def test_windows_opens_our_links_with_the_link_as_the_last_word() -> None:
    keys = registry("register.reg")
    assert "URL Protocol" in keys[CLASSES]
    assert keys[f"{CLASSES}\\shell\\open\\command"]["@"] == f'{PROGRAM} "%1"'
    assert keys[RUN][SCHEME] == f"{PROGRAM} --no-open"
    check_link([f"{SCHEME}:start"])


def test_windows_forgets_everything_again() -> None:
    assert registry("unregister.reg") == {f"-{CLASSES}": {}, RUN: {SCHEME: "-"}}


@pytest.mark.parametrize("name", ["install.ps1", "uninstall.ps1"])
def test_the_scripts_speak_of_files_that_are_there(name: str) -> None:
    text = (PACKAGING / "windows" / name).read_text("utf-8")
    named = set(re.findall(r'"([a-z]+\.reg)"', text))
    assert named
    assert all((PACKAGING / "windows" / file).exists() for file in named)


def test_macos_knows_the_scheme_and_shows_no_window() -> None:
    body = plist("Info.plist")
    assert [entry["CFBundleURLSchemes"] for entry in body["CFBundleURLTypes"]] == [[SCHEME]]
    assert body["CFBundleExecutable"] == "zaitaku-bridge"
    assert body["LSUIElement"] is True


def test_macos_starts_the_application_at_log_in() -> None:
    body = plist("org.zaitaku.bridge.plist")
    program, *options = body["ProgramArguments"]
    assert program == "/Applications/zaitaku-bridge.app/Contents/MacOS/zaitaku-bridge"
    assert options == ["--no-open"]
    assert body["RunAtLoad"] is True
    assert body["Label"] == plist("Info.plist")["CFBundleIdentifier"]


def test_the_script_for_the_application_can_be_read() -> None:
    script = PACKAGING / "macos" / "make-app.sh"
    assert script.stat().st_mode & 0o111
    subprocess.run(["sh", "-n", str(script)], check=True)
