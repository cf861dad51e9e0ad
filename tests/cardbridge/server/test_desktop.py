"""The bridge and the desktop: menu, link, log-in; registered twice as once, and gone again."""

import re
import shutil
import subprocess
from pathlib import Path

import hypothesis.strategies as st
import pytest
from click.testing import CliRunner, Result
from hypothesis import given

from zaitaku.cardbridge.running import cli, desktop, launching
from zaitaku.cardbridge.running.desktop import DesktopPlaces, autostart_entry, exec_line, menu_entry
from zaitaku.cardbridge.running.launching import LinkRefused, check_link

HOUSE = Path(__file__).parents[3]
PRINTABLE = st.text(st.characters(exclude_categories=("C", "Z")))
ODD = st.text('" \\$`%u;&~', max_size=9)
WORDS = st.lists((PRINTABLE | ODD).filter(str.isprintable), min_size=1, max_size=5)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person's own folders, with nothing in them."""
    home = tmp_path / "home"
    home.mkdir()
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name in ("XDG_CURRENT_DESKTOP", "DESKTOP_SESSION", "KDE_FULL_SESSION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    return home


def said(*words: str) -> Result:
    answer = CliRunner().invoke(cli.main, list(words))
    assert answer.exit_code == 0, answer.output
    return answer


def everything(home: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(home)): path.read_bytes()
        for path in home.rglob("*")
        if path.is_file() and path.name != "mimeinfo.cache"
    }


def read_exec(line: str) -> list[str]:
    """Read an ``Exec`` value as the specification says: unescape, then split and unquote."""
    parts = re.findall(r'"((?:[^"\\]|\\.)*)"|(\S+)', line.replace("\\\\", "\\"))
    words = [plain or re.sub(r"\\(.)", r"\1", quoted) for quoted, plain in parts]
    return [word.replace("%%", "%") for word in words]


@given(WORDS)
def test_a_command_is_read_back_as_it_was_written(words: list[str]) -> None:
    line = exec_line(words)
    assert "\n" not in line
    assert read_exec(line) == words


@pytest.mark.parametrize("word", ["a\nb", "a\0b", "a\x1bb", "\u202eb"])
def test_a_command_that_no_entry_can_hold_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match="control"):
        exec_line(["zaitaku-bridge", word])


@pytest.mark.parametrize("entry", [menu_entry, autostart_entry])
def test_the_entries_are_valid(tmp_path: Path, entry: object) -> None:
    assert callable(entry)
    file = tmp_path / desktop.ENTRY
    file.write_text(entry(["/opt/a b/zaitaku-bridge", "--allow-origin", "https://a.example"]))
    checked = subprocess.run(
        ["desktop-file-validate", str(file)], capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stdout) == (0, "")


def test_registering_twice_is_registering_once_and_unregistering_leaves_nothing(home: Path) -> None:
    said("register", "--allow-origin", "https://a.example")
    once = everything(home)
    said("register", "--allow-origin", "https://a.example")
    assert everything(home) == once
    assert set(once) >= {
        ".local/share/applications/zaitaku-bridge.desktop",
        ".config/autostart/zaitaku-bridge.desktop",
        ".local/share/icons/hicolor/scalable/apps/zaitaku-bridge.svg",
    }
    entry = once[".local/share/applications/zaitaku-bridge.desktop"].decode()
    assert "--allow-origin https://a.example %u\n" in entry
    said("unregister")
    assert everything(home) == {}
    assert "登録されていません" in said("unregister").output


@pytest.mark.skipif(shutil.which("xdg-mime") is None, reason="xdg-utils is not installed")
def test_the_desktop_then_opens_our_links_with_the_bridge(home: Path) -> None:
    said("register")
    asked = ["xdg-mime", "query", "default", desktop.LINK_TYPE]
    answer = subprocess.run(asked, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == desktop.ENTRY
    said("unregister")
    answer = subprocess.run(asked, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == ""


def test_what_other_programs_registered_stays(home: Path) -> None:
    lists = home / ".config" / "mimeapps.list"
    lists.parent.mkdir()
    theirs = "[Default Applications]\nx-scheme-handler/mailto=mail.desktop\n"
    ours = f"{desktop.LINK_TYPE}=zaitaku-bridge.desktop;other.desktop;\n"
    lists.write_text(theirs + ours)
    desktop.unregister(DesktopPlaces.from_env())
    assert lists.read_text() == f"{theirs}{desktop.LINK_TYPE}=other.desktop;\n"


def test_the_environment_names_the_folders_and_relative_ones_do_not_count(home: Path) -> None:
    told = DesktopPlaces.from_env({"XDG_DATA_HOME": "/data", "XDG_CONFIG_HOME": "here"})
    assert told == DesktopPlaces(Path("/data"), home / ".config")


def test_a_folder_that_cannot_be_written_to_is_told_of(home: Path) -> None:
    (home / ".local").write_text("")
    answer = CliRunner().invoke(cli.main, ["register"])
    assert answer.exit_code == 1
    assert "登録できません" in answer.output


def test_options_are_kept_as_they_hold_from_anywhere(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home)
    monkeypatch.setenv("ZAITAKU_BRIDGE_PORT", "18232")
    said("register", "--state", "here", "--no-open")
    entry = DesktopPlaces.from_env().entry.read_text()
    assert f"--port 18232 --state {home}/here %u\n" in entry
    assert entry.count("--no-open") == 0
    assert DesktopPlaces.from_env().autostart.read_text().count("--no-open") == 1


LINKS = [
    "zaitaku-bridge:read?request=eyJhbGciOiJFZERTQSJ9.e30.AA",
    "zaitaku-bridge:start?allow=https://evil.example",
    "zaitaku-bridge:",
    "zaitaku-bridge:register",
    "ZAITAKU-BRIDGE:Stop",
    "zaitaku-bridge://start/../x",
]


@pytest.mark.parametrize("link", LINKS)
def test_any_other_link_is_refused_calmly_and_its_text_goes_nowhere(
    tmp_path: Path, link: str
) -> None:
    answer = CliRunner().invoke(cli.main, ["--state", str(tmp_path / "state"), link])
    assert answer.exit_code == 2
    assert "このリンクは使えません" in answer.output
    assert "Traceback" not in answer.output
    assert link not in answer.output
    assert not (tmp_path / "state").exists()


@given(st.lists(st.text()), st.lists(st.text(), min_size=1))
def test_a_link_takes_no_orders_with_it(before: list[str], after: list[str]) -> None:
    plain = [word for word in before if not launching.is_link(word)]
    check_link([*plain, "zaitaku-bridge:start"])
    with pytest.raises(LinkRefused):
        check_link([*plain, "zaitaku-bridge:start", *after])


@given(st.text())
def test_only_the_one_link_starts_anything(tail: str) -> None:
    if tail.lower() in {"start", "//start", "//start/"}:
        check_link([f"zaitaku-bridge:{tail}"])
    else:
        with pytest.raises(LinkRefused):
            check_link([f"zaitaku-bridge:{tail}"])


def test_the_one_link_starts_the_bridge_or_finds_it(tmp_path: Path) -> None:
    broken = tmp_path / "sites.json"
    broken.write_text("{")
    words = ["--state", str(tmp_path), "--no-open", "--port", "0", "zaitaku-bridge:start"]
    assert "sites.json" in CliRunner().invoke(cli.main, words).output


def test_programs_outside_do_not_get_the_libraries_of_the_single_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inside = {"LD_LIBRARY_PATH": "/tmp/_MEI1", "LD_LIBRARY_PATH_ORIG": "/opt/lib", "HOME": "/h"}
    monkeypatch.setattr("sys.frozen", True, raising=False)
    assert launching.outer_environment(inside) == {"LD_LIBRARY_PATH": "/opt/lib", "HOME": "/h"}
    assert launching.outer_environment({"LD_LIBRARY_PATH": "/tmp/_MEI1"}) == {}
    monkeypatch.setattr("sys.frozen", False)
    assert launching.outer_environment(inside) == inside


def test_the_command_knows_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "zaitaku-bridge"
    script.write_text("")
    monkeypatch.setattr("sys.argv", [str(script)])
    assert launching.own_command() == [str(script)]
    monkeypatch.setattr("sys.argv", ["pytest"])
    monkeypatch.setattr("sys.executable", str(tmp_path / "none" / "python"))
    monkeypatch.setenv("PATH", "/nowhere")
    assert launching.own_command()[1:] == ["-m", "zaitaku.cardbridge"]
    monkeypatch.setattr("sys.frozen", True, raising=False)
    assert launching.own_command() == [str(tmp_path / "none" / "python")]


def test_the_entry_for_packagers_says_the_same(tmp_path: Path) -> None:
    folder = HOUSE / "packaging" / "linux"
    command = ["/usr/bin/zaitaku-bridge"]
    assert (folder / "zaitaku-bridge.desktop").read_text("utf-8") == menu_entry(command)
    at_login = (folder / "zaitaku-bridge-autostart.desktop").read_text("utf-8")
    assert at_login == autostart_entry(command)
