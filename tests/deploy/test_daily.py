"""What is to be done every day is started by timers, with the site's settings."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.deploy.test_command_lines import parse

HOUSE = Path(__file__).parents[2]
SERVER = HOUSE / "packaging" / "server"
TIMERS = sorted((SERVER / "systemd").glob("*.timer"))
DAILY = str(SERVER / "daily.sh")
OPERATIONS = (HOUSE / "docs" / "operations.md").read_text("utf-8")


class Day:
    """A machine on which ``zaitaku`` writes down how it was called."""

    def __init__(self, folder: Path) -> None:
        self.copies, self.sealed, self.heads = (
            folder / name for name in ("copies", "sealed", "heads")
        )
        self._told = folder / "told"
        self.ends = "1310123450 7 abc\n"
        """What ``zaitaku audit heads`` prints; nothing where there is no facility yet."""
        self._program = folder / "zaitaku"
        self._program.write_text(
            f"""#!/bin/sh
echo "$@" >>{self._told}
[ "$1 $2" != "$FAIL" ] || exit 1
copy="$3/zaitaku-20261121T001500Z-1a2b"
[ "$1 $2" != "backup make" ] || {{ mkdir -p "$copy"; echo "控えを作り、確かめました: $copy"; }}
[ "$1 $2" != "audit heads" ] || printf %s "$ENDS"
"""
        )
        self._program.chmod(0o755)

    def do(self, job: str, fail: str = "", **more: str) -> int:
        """Do one of the jobs and return its exit status; ``fail`` names a command that fails."""
        places = {
            "BACKUP_FOLDER": str(self.copies),
            "SEAL_FOLDER": str(self.sealed),
            "HEADS_FOLDER": str(self.heads),
        }
        environ = {"PATH": "/usr/bin:/bin", "ZAITAKU": str(self._program), "FAIL": fail}
        environ["ENDS"] = self.ends
        return subprocess.run(
            [DAILY, job], env={**environ, **places, **more}, check=False
        ).returncode

    def told(self) -> list[str]:
        """Return the calls since the last time; each can be typed."""
        calls = self._told.read_text().splitlines() if self._told.exists() else []
        self._told.unlink(missing_ok=True)
        for call in calls:
            parse(call.split())
        return calls


@pytest.fixture
def day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Day:
    """A machine with a day's work before it."""
    monkeypatch.setattr("click.Path.convert", lambda _self, value, *_: value)
    monkeypatch.setattr("click.File.convert", lambda _self, value, *_: value)
    return Day(tmp_path)


def test_a_copy_is_made_and_sealed_when_there_is_somebody_to_seal_it_for(day: Day) -> None:
    assert day.do("backup") == 0
    assert day.told() == [f"backup make {day.copies}"]
    for other in ("20261120T001500Z-ffff", "20261121T001500Z-ffff", "20991231T235959Z-0000"):
        (day.copies / f"zaitaku-{other}").mkdir()  # the clock was a lifetime ahead once
    assert day.do("backup", SEAL_FOR="age1abc") == 0
    name = "zaitaku-20261121T001500Z-1a2b"
    assert day.told() == [
        f"backup make {day.copies}",
        f"backup seal {day.copies}/{name} --for age1abc --to {day.sealed}/{name}.age",
    ]
    assert day.do("backup", KEEP="14") == 0
    assert day.told() == [f"backup make {day.copies} --keep 14"]
    assert day.do("backup", fail="backup make", SEAL_FOR="age1abc") != 0
    assert len(day.told()) == 1  # an older copy is not sealed instead


def test_the_trail_is_compared_with_what_was_kept_and_its_end_kept(day: Day) -> None:
    assert day.do("audit") == 0
    assert day.told() == ["audit verify", "audit heads"]
    [kept] = day.heads.glob("heads-*")
    assert kept.read_text() == "1310123450 7 abc\n"
    assert kept.stat().st_mode & 0o077 == 0
    assert day.do("audit", fail="audit verify") != 0
    assert day.told() == [f"audit verify --heads {kept}"]
    assert list(day.heads.glob("heads-*")) == [kept]


def test_before_the_first_facility_there_is_nothing_to_keep_and_no_failure_the_day_after(
    day: Day,
) -> None:
    day.ends, later = "", day.ends
    for _ in range(2):
        assert day.do("audit") == 0
        assert day.told() == ["audit verify", "audit heads"]
        assert list(day.heads.glob("heads-*")) == []
    day.ends = later
    assert day.do("audit") == 0
    assert day.told() == ["audit verify", "audit heads"]
    [kept] = day.heads.glob("heads-*")
    assert kept.read_text() == later


def test_what_was_written_last_is_compared_though_the_clock_was_ahead_before(day: Day) -> None:
    ahead = day.heads / "heads-20991231T235959.txt"
    day.heads.mkdir()
    ahead.touch()
    assert day.do("audit") == 0
    assert day.told() == [f"audit verify --heads {ahead}", "audit heads"]
    [written] = set(day.heads.glob("heads-*")) - {ahead}
    assert day.do("audit", fail="audit heads") != 0
    assert day.told() == [f"audit verify --heads {written}", "audit heads"]
    written.unlink()
    assert day.do("audit", fail="audit heads") != 0
    assert day.told() == [f"audit verify --heads {ahead}", "audit heads"]


@pytest.mark.parametrize("older", [[], ["heads-20200101T000000.txt"]], ids=["nothing", "older"])
def test_where_what_was_kept_is_gone_the_day_fails_and_the_next_compares(
    day: Day, older: list[str]
) -> None:
    assert day.do("audit") == 0
    [gone] = day.heads.glob("heads-*")
    gone.unlink()
    for name in older:
        (day.heads / name).touch()
    day.told()
    day.ends, ends = "", day.ends
    assert day.do("audit") != 0
    day.told()
    day.ends = ends
    assert day.do("audit") != 0
    compared = [f"audit verify --heads {day.heads / name}" for name in older]
    assert day.told() == [*(compared or ["audit verify"]), "audit heads"]
    assert day.do("audit") == 0
    last = max(day.heads.glob("heads-*"))
    assert day.told()[0].startswith(f"audit verify --heads {day.heads}/heads-")
    assert last.read_text() == day.ends


def test_what_the_doctor_says_is_the_result(day: Day) -> None:
    assert day.do("doctor") == 0
    assert day.told() == ["doctor"]
    assert day.do("nonsense") == 2
    assert day.told() == []


def test_each_timer_starts_a_job_that_there_is() -> None:
    jobs = set(re.findall(r"^(\w+)\)$", (SERVER / "daily.sh").read_text("utf-8"), re.MULTILINE))
    started = set()
    for timer in TIMERS:
        text = timer.read_text("utf-8")
        [job] = re.findall(r"^Unit=zaitaku-daily@(\w+)\.service$", text, re.MULTILINE)
        [moment] = re.findall(r"^OnCalendar=(.+)$", text, re.MULTILINE)
        subprocess.run(["systemd-analyze", "calendar", moment], check=True, capture_output=True)
        assert f"zaitaku-{job}.timer" == timer.name
        assert "Persistent=true" in text
        started.add(job)
    assert started == jobs
    for timer in TIMERS:
        assert OPERATIONS.count(timer.name) >= 2  # in both languages


def test_one_command_runs_as_the_site_does(tmp_path: Path) -> None:
    stand_in = tmp_path / "systemd-run"
    stand_in.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    stand_in.chmod(0o755)
    script = str(SERVER / "zaitaku-run.sh")
    done = subprocess.run(
        [script, "facility", "show", "a b"],
        env={"PATH": "/usr/bin:/bin", "SYSTEMD_RUN": str(stand_in)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    words = done.stdout.splitlines()
    unit = (SERVER / "systemd" / "zaitaku-web@.service").read_text("utf-8")
    assert words[-4:] == ["/opt/zaitaku/.venv/bin/zaitaku", "facility", "show", "a b"]
    for option in ("EnvironmentFile", "UMask", "StateDirectory", "WorkingDirectory"):
        [said] = [word for word in words if word.startswith(f"{option}=")]
        assert said in unit
    assert "--uid=zaitaku" in words
    assert "--wait" in words


def test_the_first_settings_are_such_as_a_site_takes() -> None:
    text = (SERVER / "zaitaku.env.example").read_text("utf-8")
    names = set(re.findall(r"^(ZAITAKU_\w+)=", text, re.MULTILINE))
    table = (HOUSE / "docs" / "settings.md").read_text("utf-8")
    needed = set(re.findall(r"^\| `(ZAITAKU_\w+)` \| 要る<br>\*yes\* \|", table, re.MULTILINE))
    drawn = {f"ZAITAKU_{ring}_KEYS" for ring in ("URL", "SESSION", "SUBJECT", "SEAL")}
    assert "ZAITAKU_ORIGIN" in needed
    assert needed <= names | drawn
    assert names <= set(re.findall(r"^\| `(ZAITAKU_\w+)` \|", table, re.MULTILINE))
