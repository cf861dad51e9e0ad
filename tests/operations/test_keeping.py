"""Old copies end when a new one is proved, and only then."""

import os
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.operations.copies import CODES, add_facility
from zaitaku.core.clock import FixedClock
from zaitaku.core.database import Database
from zaitaku.operating.backups import check_copy, make_copy
from zaitaku.operating.copies import Engine, Manifest, unfinished
from zaitaku.operating.keeping import forget_older


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
    assert forget_older(made[-1], 2, clock.now()) == tuple(made[:2])
    assert names(tmp_path / "copies") == sorted(each.name for each in made[2:])
    for place in made[2:]:
        check_copy(place)
    assert forget_older(made[-1], 2, clock.now()) == ()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(ages=st.lists(st.integers(-400, 400), max_size=8), keep=st.integers(1, 5))
def test_as_many_stay_as_were_asked_for_and_the_new_one_always(
    tmp_path_factory: pytest.TempPathFactory, clock: FixedClock, ages: list[int], keep: int
) -> None:
    """Some copies are from a day to come: somebody's clock was wrong."""
    folder = tmp_path_factory.mktemp("copies")
    newest = pretend_copy(folder, "zaitaku-new", clock, 0)
    others = {pretend_copy(folder, f"zaitaku-{n}", clock, age): age for n, age in enumerate(ages)}
    gone = forget_older(newest, keep, clock.now())
    left = {each: age for each, age in others.items() if each.exists()}
    assert newest.exists()
    assert len(left) == min(len(ages), keep - 1)
    assert set(gone) == others.keys() - left.keys()
    assert not left or not gone or max(left.values()) <= min(others[each] for each in gone)


def test_what_is_no_copy_stays(tmp_path: Path, clock: FixedClock) -> None:
    newest = pretend_copy(tmp_path, "zaitaku-new", clock, 0)
    old = pretend_copy(tmp_path, "zaitaku-old", clock, 30)
    elsewhere = pretend_copy(tmp_path / "elsewhere", "zaitaku-older", clock, 60)
    (tmp_path / "zaitaku-link").symlink_to(elsewhere)
    (tmp_path / "zaitaku-mine").mkdir()
    (tmp_path / "zaitaku-2025.age").write_bytes(b"sealed")
    pretend_copy(tmp_path, "other-name", clock, 90)
    assert forget_older(newest, 1, clock.now()) == (old,)
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
    assert forget_older(newest, 14, clock.now()) == ()
    assert names(tmp_path) == sorted([under_way.name, newest.name])


def test_an_end_that_breaks_off_leaves_nothing_that_looks_like_a_copy(
    tmp_path: Path, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = pretend_copy(tmp_path, "zaitaku-new", clock, 0)
    old = pretend_copy(tmp_path, "zaitaku-old", clock, 30)

    def fail(_: Path) -> None:
        raise PermissionError

    monkeypatch.setattr("shutil.rmtree", fail)
    with pytest.raises(PermissionError):
        forget_older(newest, 1, clock.now())
    assert names(tmp_path) == sorted([unfinished(old).name, newest.name])


def test_the_newest_cannot_be_asked_to_go(tmp_path: Path, clock: FixedClock) -> None:
    newest = pretend_copy(tmp_path, "zaitaku-new", clock, 0)
    with pytest.raises(ValueError, match="newest"):
        forget_older(newest, 0, clock.now())
    assert newest.exists()
