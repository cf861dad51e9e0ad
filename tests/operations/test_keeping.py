"""Old copies end when a new one is proved, and only then."""

import os
import shutil
from datetime import timedelta
from errno import EIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.operations.copies import CODES, add_facility
from zaitaku.core.clock import FixedClock
from zaitaku.core.database import Database
from zaitaku.operating.backups import check_copy, make_copy
from zaitaku.operating.copies import DATABASE_FILE, Engine, Manifest, unfinished
from zaitaku.operating.keeping import Ended, forget_older


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def pretend_copy(folder: Path, name: str, clock: FixedClock, days_ago: int) -> Path:
    """Make what has the name and the manifest of a copy."""
    place = folder / name
    place.mkdir(parents=True)
    made_at = clock.now() - timedelta(days=days_ago)
    Manifest(Engine.SQLITE, made_at, "0.1.0", "1", {}).write(place)
    return place


def test_the_newest_stay_and_are_whole(
    database: Database, tmp_path: Path, clock: FixedClock
) -> None:
    add_facility(database, CODES[0])
    made = []
    for _ in range(4):
        clock.advance(timedelta(days=1))
        made.append(make_copy(database, tmp_path / "copies", clock))
    assert forget_older(made[-1], 2, clock.now()).gone == tuple(made[:2])
    assert names(tmp_path / "copies") == sorted(each.name for each in made[2:])
    for place in made[2:]:
        check_copy(place)
    assert forget_older(made[-1], 2, clock.now()) == Ended((), ())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(ages=st.lists(st.integers(-400, 400), max_size=8), keep=st.integers(1, 5))
def test_as_many_stay_as_were_asked_for_and_the_new_one_always(
    tmp_path_factory: pytest.TempPathFactory, clock: FixedClock, ages: list[int], keep: int
) -> None:
    """Some copies are from a day to come: somebody's clock was wrong. They count for nothing."""
    folder = tmp_path_factory.mktemp("copies")
    newest = pretend_copy(folder, "zaitaku-new", clock, 0)
    others = {pretend_copy(folder, f"zaitaku-{n}", clock, age): age for n, age in enumerate(ages)}
    gone = forget_older(newest, keep, clock.now()).gone
    left = {each: age for each, age in others.items() if each.exists()}
    past = {each: age for each, age in left.items() if age >= 0}
    assert newest.exists()
    assert len(left) - len(past) == sum(age < 0 for age in ages)
    assert len(past) == min(sum(age >= 0 for age in ages), keep - 1)
    assert set(gone) == others.keys() - left.keys()
    assert not past or not gone or max(past.values()) <= min(others[each] for each in gone)


def test_a_copy_that_has_lost_a_file_does_not_count(tmp_path: Path, clock: FixedClock) -> None:
    newest = pretend_copy(tmp_path, "zaitaku-new", clock, 0)
    good = pretend_copy(tmp_path, "zaitaku-good", clock, 2)
    bad = pretend_copy(tmp_path, "zaitaku-bad", clock, 1)
    made_at = clock.now() - timedelta(days=1)
    Manifest(Engine.SQLITE, made_at, "0.1.0", "1", {"database.db": "0" * 64}).write(bad)
    assert forget_older(newest, 2, clock.now()) == Ended((), ())
    assert good.exists()
    assert bad.exists()


@pytest.mark.parametrize("harm", ["altered", "lost", "added", "unreadable"])
def test_a_good_copy_does_not_go_for_a_broken_one(
    database: Database,
    tmp_path: Path,
    clock: FixedClock,
    monkeypatch: pytest.MonkeyPatch,
    harm: str,
) -> None:
    """Whatever moment the broken one tells; here it says that it is younger than the good one."""
    add_facility(database, CODES[0])
    oldest, good, bad, newest = (aged_copy(database, tmp_path, clock) for _ in range(4))
    spoil(bad, harm, monkeypatch)
    is_told = harm != "lost"  # what has lost a file was never a copy in this sense
    assert forget_older(newest, 2, clock.now()) == Ended((oldest,), (), (bad,) * is_told)
    check_copy(good)
    check_copy(newest)
    assert bad.exists()


def aged_copy(database: Database, folder: Path, clock: FixedClock) -> Path:
    clock.advance(timedelta(days=1))
    return make_copy(database, folder, clock)


def spoil(place: Path, harm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Do to a copy what disks and people do."""
    file = place / DATABASE_FILE
    if harm == "altered":
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
    elif harm == "lost":
        file.unlink()
    elif harm == "added":
        (place / "database.db-wal").write_bytes(b"")
    else:
        usual = Path.open

        def fail(path: Path, *arguments: Any, **named: Any) -> Any:
            if path == file:
                raise OSError(EIO, "Input/output error")
            return usual(path, *arguments, **named)

        monkeypatch.setattr(Path, "open", fail)


def test_where_all_copies_stay_none_is_read(
    tmp_path: Path, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = pretend_copy(tmp_path, "zaitaku-new", clock, 0)
    pretend_copy(tmp_path, "zaitaku-old", clock, 1)
    monkeypatch.setattr("zaitaku.operating.keeping.check_files", pytest.fail)
    assert forget_older(newest, 2, clock.now()) == Ended((), ())


def test_of_two_that_count_at_once_none_takes_the_last_copy(
    tmp_path: Path, clock: FixedClock
) -> None:
    """A run by hand and the timer's, each with a new copy of its own."""
    one = pretend_copy(tmp_path, "zaitaku-one", clock, 0)
    other = pretend_copy(tmp_path, "zaitaku-other", clock, 0)
    assert forget_older(one, 1, clock.now()).gone == (other,)
    assert forget_older(other, 1, clock.now()) == Ended((), ())
    assert one.exists()


def test_what_is_no_copy_stays(tmp_path: Path, clock: FixedClock) -> None:
    newest = pretend_copy(tmp_path, "zaitaku-new", clock, 0)
    old = pretend_copy(tmp_path, "zaitaku-old", clock, 30)
    elsewhere = pretend_copy(tmp_path / "elsewhere", "zaitaku-older", clock, 60)
    (tmp_path / "zaitaku-link").symlink_to(elsewhere)
    (tmp_path / "zaitaku-mine").mkdir()
    (tmp_path / "zaitaku-2025.age").write_bytes(b"sealed")
    pretend_copy(tmp_path, "other-name", clock, 90)
    assert forget_older(newest, 1, clock.now()) == Ended((old,), ())
    left = ["elsewhere", "other-name", "zaitaku-2025.age", "zaitaku-link", "zaitaku-mine"]
    assert names(tmp_path) == sorted([*left, "zaitaku-new"])
    assert elsewhere.exists()


def test_what_a_power_cut_left_behind_goes_and_what_is_under_way_stays(
    tmp_path: Path, clock: FixedClock
) -> None:
    newest = pretend_copy(tmp_path, "zaitaku-new", clock, 0)
    broken_off, under_way = (unfinished(tmp_path / f"zaitaku-{name}") for name in "ab")
    for place, days in ((broken_off, 8), (under_way, 6)):
        place.mkdir()
        moment = (clock.now() - timedelta(days=days)).timestamp()
        os.utime(place, (moment, moment))
    assert forget_older(newest, 14, clock.now()) == Ended((), ())
    assert names(tmp_path) == sorted([under_way.name, newest.name])


def test_an_end_that_breaks_off_is_told_and_leaves_nothing_that_looks_like_a_copy(
    tmp_path: Path, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = pretend_copy(tmp_path, "zaitaku-new", clock, 0)
    old, older = (pretend_copy(tmp_path, f"zaitaku-{n}", clock, n) for n in (30, 31))
    usual = shutil.rmtree

    def fail(place: Path, ignore_errors: bool = False) -> None:
        if "31" in place.name and not ignore_errors:
            raise PermissionError
        usual(place, ignore_errors)

    monkeypatch.setattr("shutil.rmtree", fail)
    assert forget_older(newest, 1, clock.now()) == Ended((old,), (older,))
    assert names(tmp_path) == sorted([unfinished(older).name, newest.name])


def test_the_newest_cannot_be_asked_to_go(tmp_path: Path, clock: FixedClock) -> None:
    newest = pretend_copy(tmp_path, "zaitaku-new", clock, 0)
    with pytest.raises(ValueError, match="newest"):
        forget_older(newest, 0, clock.now())
    assert newest.exists()
