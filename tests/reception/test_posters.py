"""Named posters and counts in the store, on both engines and at the same moment."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest

from tests.reception.world import ACTOR, World
from zaitaku.core.clock import FixedClock
from zaitaku.core.errors import Conflict, InvalidField, NotFound
from zaitaku.core.ids import FacilityId, new_uuid
from zaitaku.facilities.model import Channel
from zaitaku.reception.errors import UrlChanged
from zaitaku.reception.model import UrlAct
from zaitaku.reception.posters.archive import kinds_of, parameters_of
from zaitaku.reception.posters.model import NO_POSTER, PosterNumber, Shelf
from zaitaku.reception.posters.reports import Bar, Period, Unit, UseReports, period_of
from zaitaku.reception.posters.service import MistakenFields, PosterService, TakenFile
from zaitaku.reception.posters.store import Source, use_added
from zaitaku.reception.printing import PrintKind

HOME = Channel.HOME_VISIT
TODAY = date(2026, 11, 20)


def service(world: World, clock: FixedClock) -> PosterService:
    return PosterService(database=world.database, clock=clock)


def test_numbers_are_given_once_even_at_the_same_moment(
    any_world: World, clock: FixedClock
) -> None:
    facility, posters = any_world.add_facility(), service(any_world, clock)

    def add(place: int) -> int:
        return posters.add(facility.id, HOME, name=f"場所{place}", note="", actor=ACTOR).number

    with ThreadPoolExecutor(4) as pool:
        given = sorted(pool.map(add, range(8)))
    assert given == list(range(1, 9))
    assert posters.all(facility.id, Channel.ONLINE) == ()


def test_a_change_is_refused_once_another_was_made(any_world: World, clock: FixedClock) -> None:
    facility, posters = any_world.add_facility(), service(any_world, clock)
    made = posters.add(facility.id, HOME, name="待合室", note="", actor=ACTOR)
    posters.change(facility.id, HOME, made.number, seen=1, name="A", note="", actor=ACTOR)
    with pytest.raises(Conflict):
        posters.change(facility.id, HOME, made.number, seen=1, name="B", note="", actor=ACTOR)
    kept = posters.find(facility.id, HOME, made.number)
    assert (kept.name, kept.revision, kept.created_at) == ("A", 2, made.created_at)


def test_a_name_is_free_again_once_its_poster_is_out_of_use(
    world: World, clock: FixedClock
) -> None:
    facility, posters = world.add_facility(), service(world, clock)
    first = posters.add(facility.id, HOME, name="待合室", note="", actor=ACTOR).number
    with pytest.raises(MistakenFields):
        posters.add(facility.id, HOME, name="待合室", note="", actor=ACTOR)
    for _ in range(2):
        posters.shelve(Shelf.ARCHIVE, facility.id, HOME, first, actor=ACTOR)
    assert posters.find(facility.id, HOME, first).revision == 2
    posters.add(facility.id, HOME, name="待合室", note="", actor=ACTOR)
    with pytest.raises(MistakenFields):
        posters.shelve(Shelf.RESTORE, facility.id, HOME, first, actor=ACTOR)


def test_a_facility_without_urls_has_no_posters(world: World, clock: FixedClock) -> None:
    posters, nobody = service(world, clock), FacilityId(new_uuid())
    with pytest.raises(NotFound):
        posters.add(nobody, HOME, name="待合室", note="", actor=ACTOR)
    with pytest.raises(NotFound):
        posters.find(nobody, HOME, PosterNumber(1))


def test_no_count_is_lost_between_many(any_world: World, clock: FixedClock) -> None:
    facility = any_world.add_facility()
    version = any_world.current(facility, HOME)

    def count(_: int) -> None:
        any_world.database.do(use_added(version.id, NO_POSTER, TODAY, scans=1))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, range(20)))
    earlier = TODAY - timedelta(days=3)
    add = any_world.database.do
    add(use_added(version.id, PosterNumber(2), earlier, scans=1, completions=1))
    add(use_added(version.id, NO_POSTER, TODAY, completions=2))
    reports = UseReports(database=any_world.database, clock=clock, keep_days=400)
    assert reports.recent(facility.id, HOME) == (
        Source(1, NO_POSTER, 20, 2, TODAY, 0),
        Source(1, PosterNumber(2), 1, 1, earlier, 0),
    )
    period = Period(earlier, TODAY)
    bars = reports.report(facility.id, HOME, period).bars
    assert [(bar.scans, bar.completions) for bar in bars] == [(1, 1), (0, 0), (0, 0), (20, 2)]
    assert list(reports.lines(facility.id, HOME, period)) == [
        (earlier, 1, 2, 1, 1),
        (TODAY, 1, 0, 20, 2),
    ]
    other = any_world.add_facility()
    assert reports.report(other.id, HOME, period).scans == 0
    assert list(reports.lines(other.id, HOME, period)) == []


def test_uses_of_a_retired_version_count_apart_from_the_next_day_on(
    any_world: World, clock: FixedClock
) -> None:
    facility = any_world.add_facility()
    first = any_world.current(facility, HOME)
    second = any_world.reception.change(
        UrlAct.ROTATE, facility.id, HOME, expected=first.id, actor=ACTOR, reason="x"
    ).current
    clock.advance(timedelta(days=2))
    for version in (first, second):
        for days in range(-1, 3):
            day = TODAY + timedelta(days=days)
            any_world.database.do(use_added(version.id, NO_POSTER, day, scans=1))
    reports = UseReports(database=any_world.database, clock=clock, keep_days=400)
    found = reports.recent(facility.id, HOME)
    assert [(each.version_number, each.scans, each.late_scans) for each in found] == [
        (1, 4, 2),
        (2, 4, 0),
    ]
    early = reports.report(facility.id, HOME, Period(TODAY - timedelta(days=1), TODAY))
    assert [each.late_scans for each in early.sources] == [0, 0]


def test_prints_are_kept_and_cannot_be_changed(any_world: World, clock: FixedClock) -> None:
    facility, posters = any_world.add_facility(), service(any_world, clock)
    version = any_world.current(facility, HOME)
    for kind in ("card", "card", "poster"):
        taken = TakenFile(version, PosterNumber(1), kind)
        posters.note_print(facility.id, taken, actor=ACTOR)
        clock.advance(timedelta(minutes=1))
    found = posters.prints(facility.id, version.id)
    assert [(each.kind, each.times) for each in found] == [("card", 2), ("poster", 1)]
    assert found[0].last == clock.now() - timedelta(minutes=2)
    assert posters.prints(any_world.add_facility().id, version.id) == ()


def test_of_a_url_that_was_changed_nothing_is_noted(any_world: World, clock: FixedClock) -> None:
    facility, posters = any_world.add_facility(), service(any_world, clock)
    former, online = any_world.current(facility, HOME), any_world.current(facility, Channel.ONLINE)
    any_world.reception.change(
        UrlAct.ROTATE, facility.id, HOME, expected=former.id, actor=ACTOR, reason="x"
    )
    taken = [TakenFile(each, NO_POSTER, "card") for each in (online, former)]
    with pytest.raises(UrlChanged), any_world.database.transaction() as connection:
        posters.note_prints(connection, facility.id, taken, actor=ACTOR)
    with pytest.raises(UrlChanged):
        posters.note_print(facility.id, taken[1], actor=ACTOR)
    assert posters.prints(facility.id, former.id) == posters.prints(facility.id, online.id) == ()


def test_counts_are_forgotten_after_their_days(any_world: World, clock: FixedClock) -> None:
    facility = any_world.add_facility()
    version = any_world.current(facility, HOME)
    kept = TODAY - timedelta(days=400)
    for day in (kept - timedelta(days=1), kept, TODAY):
        any_world.database.do(use_added(version.id, NO_POSTER, day, scans=1))
    reports = UseReports(database=any_world.database, clock=clock, keep_days=400)
    assert [reports.forget(), reports.forget()] == [1, 0]
    every = Period(date(2020, 1, 1), TODAY)
    assert [line[0] for line in reports.lines(facility.id, HOME, every)] == [kept, TODAY]


def test_long_periods_are_summed_by_month(world: World, clock: FixedClock) -> None:
    facility = world.add_facility()
    version = world.current(facility, HOME)
    for day in (date(2026, 9, 30), date(2026, 10, 1), date(2026, 10, 31)):
        world.database.do(use_added(version.id, NO_POSTER, day, scans=1))
    reports = UseReports(database=world.database, clock=clock, keep_days=400)
    report = reports.report(facility.id, HOME, Period(date(2026, 8, 15), TODAY))
    assert report.period.unit is Unit.MONTH
    assert report.bars == (
        Bar(date(2026, 8, 1), 0, 0),
        Bar(date(2026, 9, 1), 1, 0),
        Bar(date(2026, 10, 1), 2, 0),
        Bar(date(2026, 11, 1), 0, 0),
    )


def test_without_being_asked_the_last_30_days_are_shown() -> None:
    assert period_of({}, TODAY) == Period(date(2026, 10, 22), TODAY)
    assert period_of({"from": "2026-11-20"}, TODAY).days == 1


@pytest.mark.parametrize("kinds", [[], ["letter"], ["card", "letter"]])
def test_an_archive_holds_known_kinds_only(kinds: list[str]) -> None:
    with pytest.raises(InvalidField):
        parameters_of(kinds)


def test_the_kinds_of_an_archive_travel_with_its_job() -> None:
    assert set(kinds_of(parameters_of(list(PrintKind)))) == set(PrintKind)
    assert kinds_of(parameters_of(["card", "card"])) == (PrintKind.CARD,)
