"""A job is kept, done once, and says how it ended."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from tests.accounts.conftest import new_facility
from tests.jobs.conftest import KEEP, OTHER_ACCOUNT, Workshop
from zaitaku.core.clock import FixedClock
from zaitaku.core.errors import StoreUnavailable
from zaitaku.jobs.context import JobContext
from zaitaku.jobs.errors import JobLost, JobUnderWay, JobUnknown, NoResult
from zaitaku.jobs.model import (
    HELD_FOR,
    MOST_ATTEMPTS,
    OUTAGES_FOR,
    STALE_AFTER,
    Job,
    JobKind,
    JobState,
)
from zaitaku.jobs.store import PIECE_BYTES


def copy(context: JobContext) -> None:
    """Give back what was handed in, doubled."""
    context.progress(1, 2)
    pieces = list(context.read_input())
    context.outcome("copied", {"pieces": len(pieces)})
    context.write_result("写し.txt", "text/plain", [*pieces, *pieces])


def idle(context: JobContext) -> None:
    """Make nothing."""


def test_a_job_is_done_and_its_file_can_be_fetched(any_workshop: Workshop) -> None:
    content = bytes(range(256)) * 3000
    job = any_workshop.submit(parameters={"from": "2026-11-01"}, content=content)
    assert (job.state, job.percent, len(job.reference)) == (JobState.WAITING, 0, 10)
    assert any_workshop.queue.heard == [job.id]
    with pytest.raises(NoResult):
        any_workshop.result(job)

    assert any_workshop.runner(copy).work_off() == 1
    done = any_workshop.find(job)
    assert (done.state, done.outcome, done.percent) == (JobState.DONE, "copied", 100)
    assert done.counts == {"pieces": -(-len(content) // PIECE_BYTES)}
    assert done.parameters == {"from": "2026-11-01"}
    assert any_workshop.result(job) == ("写し.txt", "text/plain", content * 2)
    assert done.result_bytes == 2 * len(content)
    assert list(any_workshop.jobs.input(any_workshop.facility_id, job.id)) == []
    assert any_workshop.runner(copy).work_off() == 0


def test_another_facility_or_account_finds_nothing(workshop: Workshop) -> None:
    job = workshop.submit()
    other = new_facility(workshop.database, workshop.clock, "1310123464").id
    for look in (workshop.jobs.find, workshop.jobs.result, workshop.jobs.secret):
        with pytest.raises(JobUnknown):
            look(other, job.id)
    with pytest.raises(JobUnknown):
        workshop.jobs.find(workshop.facility_id, job.id, account_id=OTHER_ACCOUNT)
    assert workshop.jobs.newest(other, job.kind) == ()
    newest = workshop.jobs.newest(workshop.facility_id, job.kind, account_id=OTHER_ACCOUNT)
    assert newest == ()


def test_one_import_at_a_time_in_a_facility_of_the_rest_one_an_account(
    any_workshop: Workshop,
) -> None:
    first = any_workshop.submit(JobKind.ACCOUNT_IMPORT)
    with pytest.raises(JobUnderWay):
        any_workshop.submit(JobKind.ACCOUNT_IMPORT, account_id=OTHER_ACCOUNT)
    any_workshop.submit(JobKind.VIEW_HISTORY_EXPORT)
    with pytest.raises(JobUnderWay):
        any_workshop.submit(JobKind.VIEW_HISTORY_EXPORT)
    any_workshop.submit(JobKind.VIEW_HISTORY_EXPORT, account_id=OTHER_ACCOUNT)
    any_workshop.runner(idle, JobKind.ACCOUNT_IMPORT).run(first.id)
    any_workshop.submit(JobKind.ACCOUNT_IMPORT)


def test_a_held_job_waits_to_be_confirmed_and_confirming_twice_is_once(
    any_workshop: Workshop,
) -> None:
    kind = JobKind.ACCOUNT_IMPORT
    given_up, first = (any_workshop.submit(kind, content=b"x", is_held=True) for _ in range(2))
    with pytest.raises(JobUnknown):
        any_workshop.find(given_up)
    second = any_workshop.submit(kind, content=b"x", is_held=True, account_id=OTHER_ACCOUNT)
    assert any_workshop.jobs.newest(any_workshop.facility_id, kind) == ()
    assert any_workshop.runner(idle, kind).work_off() == 0
    for _ in range(2):
        released = any_workshop.jobs.release(any_workshop.facility_id, first.id)
        assert released.state is JobState.WAITING
    assert any_workshop.queue.heard == [first.id]
    with pytest.raises(JobUnderWay):
        any_workshop.jobs.release(any_workshop.facility_id, second.id)
    assert any_workshop.find(second).state is JobState.HELD
    any_workshop.clock.advance(HELD_FOR + timedelta(seconds=1))
    any_workshop.runner(idle, kind).clean_up()
    with pytest.raises(JobUnknown):
        any_workshop.find(second)
    assert any_workshop.find(first).state is JobState.WAITING


def test_a_job_is_kept_when_nobody_can_be_told(workshop: Workshop) -> None:
    workshop.queue.is_away = True
    job = workshop.submit()
    assert workshop.runner(idle).waiting() == (job.id,)


def test_of_many_workers_one_does_the_job(any_workshop: Workshop) -> None:
    job = any_workshop.submit()
    done: list[str] = []
    runners = [any_workshop.runner(lambda _: done.append("once")) for _ in range(6)]
    with ThreadPoolExecutor(6) as threads:
        taken = list(threads.map(lambda runner: runner.run(job.id), runners))
    assert (sorted(taken), done) == ([False] * 5 + [True], ["once"])


def test_a_lost_worker_is_replaced_and_can_write_nothing_more(any_workshop: Workshop) -> None:
    job = any_workshop.submit(content=b"abc")
    second = any_workshop.runner(copy)

    def asleep(context: JobContext) -> None:
        any_workshop.clock.advance(STALE_AFTER + timedelta(seconds=1))
        assert second.work_off() == 1
        context.write_result("late.txt", "text/plain", [b"late"])

    assert any_workshop.runner(asleep).run(job.id)
    assert any_workshop.find(job).state is JobState.DONE
    assert any_workshop.result(job) == ("写し.txt", "text/plain", b"abcabc")


def test_a_worker_that_died_with_its_clock_ahead_holds_no_lane(any_workshop: Workshop) -> None:
    class Killed(BaseException):
        pass

    def die(context: JobContext) -> None:
        raise Killed

    kind, clock = JobKind.ACCOUNT_IMPORT, any_workshop.clock
    job = any_workshop.submit(kind, content=b"abc")
    clock.advance(timedelta(days=30))
    with pytest.raises(Killed):
        any_workshop.runner(die, kind).run(job.id)
    clock.advance(timedelta(days=-30))
    second = any_workshop.runner(copy, kind)
    for _ in range(2):
        second.clean_up()
        assert second.work_off() == 0
    clock.advance(STALE_AFTER + timedelta(seconds=1))
    assert second.work_off() == 1
    assert any_workshop.result(job) == ("写し.txt", "text/plain", b"abcabc")
    any_workshop.submit(kind)


def test_who_looks_round_with_a_clock_behind_takes_no_living_job(any_workshop: Workshop) -> None:
    right = any_workshop.clock
    behind = any_workshop.runner(idle, clock=FixedClock(right.moment - 2 * STALE_AFTER))
    other, begun = any_workshop.runner(idle), []

    def work(context: JobContext) -> None:
        begun.append(context.job.id)
        for _ in range(3):
            right.advance(timedelta(seconds=10))
            context.beat()
            behind.clean_up()
            assert behind.work_off() == 0
            assert other.work_off() == 0

    job = any_workshop.submit()
    assert any_workshop.runner(work).run(job.id)
    assert begun == [job.id]
    assert any_workshop.find(job).state is JobState.DONE


def test_a_worker_whose_clock_is_minutes_ahead_keeps_its_job(any_workshop: Workshop) -> None:
    right = FixedClock(any_workshop.clock.moment)
    ahead = FixedClock(right.moment + 2 * STALE_AFTER)
    second, begun = any_workshop.runner(idle, clock=right), []

    def work(context: JobContext) -> None:
        begun.append(context.job.id)
        for _ in range(5):
            right.advance(STALE_AFTER)
            ahead.advance(STALE_AFTER)
            context.beat()
            second.clean_up()
            assert second.work_off() == 0

    job = any_workshop.submit()
    assert any_workshop.runner(work, clock=ahead).run(job.id)
    assert begun == [job.id]
    assert any_workshop.find(job).state is JobState.DONE


def test_a_clock_a_little_ahead_loses_no_job(any_workshop: Workshop) -> None:
    job = any_workshop.submit()
    second = any_workshop.runner(copy)

    def ahead(context: JobContext) -> None:
        any_workshop.clock.advance(-STALE_AFTER)
        assert second.work_off() == 0

    assert any_workshop.runner(ahead).run(job.id)
    assert any_workshop.find(job).state is JobState.DONE


def test_a_living_worker_that_lost_its_job_by_its_clock_writes_nothing(
    any_workshop: Workshop,
) -> None:
    job = any_workshop.submit(content=b"abc")
    second, lost = any_workshop.runner(copy), []

    def ahead(context: JobContext) -> None:
        any_workshop.clock.advance(-2 * STALE_AFTER)
        for _ in range(2):
            second.clean_up()
        any_workshop.clock.advance(STALE_AFTER + timedelta(seconds=1))
        assert second.work_off() == 1
        writings: list[Callable[[], object]] = [
            lambda: context.write_result("late.txt", "text/plain", [b"late"]),
            lambda: context.write_secret(b"late"),
            lambda: context.progress(1, 2),
            context.beat,
            context.give_back,
        ]
        for write in writings:
            with pytest.raises(JobLost):
                write()
            lost.append(write)

    assert any_workshop.runner(ahead).run(job.id)
    assert len(lost) == 5
    assert any_workshop.find(job).state is JobState.DONE
    assert any_workshop.result(job) == ("写し.txt", "text/plain", b"abcabc")


def test_a_job_from_the_future_is_not_tried_for_ever(any_workshop: Workshop) -> None:
    def broken(context: JobContext) -> None:
        raise StoreUnavailable("no such column")

    any_workshop.clock.advance(timedelta(days=30))
    job, runner = any_workshop.submit(), any_workshop.runner(broken)
    any_workshop.clock.advance(timedelta(days=-30))
    for _ in range(MOST_ATTEMPTS):
        runner.clean_up()
        assert runner.work_off() == 1
    runner.clean_up()
    assert any_workshop.find(job).state is JobState.FAILED


def test_what_was_handed_in_or_told_by_a_clock_ahead_is_nobodys(any_workshop: Workshop) -> None:
    told, held = _told_and_held(any_workshop)
    any_workshop.clock.advance(timedelta(days=-30))
    assert _secret(any_workshop, told) == b""
    with pytest.raises(JobUnknown):
        any_workshop.jobs.release(any_workshop.facility_id, held.id)


def test_a_worker_whose_clock_is_behind_removes_nothing(any_workshop: Workshop) -> None:
    told, held = _told_and_held(any_workshop)
    any_workshop.clock.advance(timedelta(days=-30))
    any_workshop.runner(idle).clean_up()
    any_workshop.clock.advance(timedelta(days=30))
    assert _secret(any_workshop, told) == b"hush"
    any_workshop.jobs.release(any_workshop.facility_id, held.id)
    assert any_workshop.find(held).state is JobState.WAITING


def _told_and_held(workshop: Workshop) -> tuple[Job, Job]:
    told = workshop.submit()
    workshop.runner(lambda context: context.write_secret(b"hush")).run(told.id)
    with workshop.database.transaction() as connection:
        workshop.jobs.note_telling(connection, workshop.facility_id, told.id)
    return told, workshop.submit(JobKind.ACCOUNT_IMPORT, content=b"x", is_held=True)


def _secret(workshop: Workshop, job: Job) -> bytes:
    return workshop.jobs.secret(workshop.facility_id, job.id)


def test_a_job_that_kills_its_workers_fails_in_the_end(any_workshop: Workshop) -> None:
    class Killed(BaseException):
        pass

    def die(context: JobContext) -> None:
        raise Killed

    job = any_workshop.submit()
    runner = any_workshop.runner(die)
    for _ in range(MOST_ATTEMPTS):
        with pytest.raises(Killed):
            runner.run(job.id)
        assert any_workshop.find(job).state is JobState.RUNNING
        assert runner.waiting() == ()
        any_workshop.clock.advance(STALE_AFTER + timedelta(seconds=1))
    assert runner.waiting() == ()
    runner.clean_up()
    failed = any_workshop.find(job)
    assert (failed.state, failed.outcome) == (JobState.FAILED, "worker-lost")
    any_workshop.submit()


def test_failures_end_the_job_with_their_code(workshop: Workshop) -> None:
    def refuse(context: JobContext) -> None:
        raise NoResult("why")

    def break_down(context: JobContext) -> None:
        raise LookupError("secret")

    for handler, code in ((refuse, "no-result"), (break_down, "unexpected")):
        job = workshop.submit()
        assert workshop.runner(handler).run(job.id)
        failed = workshop.find(job)
        assert (failed.state, failed.outcome, failed.has_result) == (JobState.FAILED, code, False)
    job = workshop.submit()
    assert workshop.runner(idle, JobKind.POSTER_ARCHIVE).run(job.id)
    assert workshop.find(job).outcome == "no-handler"


def test_a_store_that_was_away_is_tried_again(any_workshop: Workshop) -> None:
    def away(context: JobContext) -> None:
        raise StoreUnavailable("meanwhile")

    job = any_workshop.submit()
    runner = any_workshop.runner(away)
    for _ in range(MOST_ATTEMPTS + 2):
        runner.clean_up()
        assert runner.work_off() == 1
        assert any_workshop.find(job).state is JobState.WAITING
    assert any_workshop.runner(idle).work_off() == 1
    assert any_workshop.find(job).state is JobState.DONE


def test_what_looks_like_an_outage_for_long_has_an_end(any_workshop: Workshop) -> None:
    def broken(context: JobContext) -> None:
        raise StoreUnavailable("no such column")

    job, runner = any_workshop.submit(), any_workshop.runner(broken)
    runner.work_off()
    any_workshop.clock.advance(OUTAGES_FOR)
    for _ in range(MOST_ATTEMPTS):
        runner.clean_up()
        assert runner.work_off() == 1
    runner.clean_up()
    assert any_workshop.find(job).state is JobState.FAILED


def test_what_a_handler_did_and_the_jobs_end_are_one(workshop: Workshop) -> None:
    def half(context: JobContext) -> None:
        with context.transaction() as connection:
            context.outcome("all")
            context.write_result("a.txt", "text/plain", [b"a"], connection=connection)
            context.write_secret(b"once", connection=connection)
            context.finish(connection)
            raise LookupError

    job = workshop.submit()
    workshop.runner(half).run(job.id)
    failed = workshop.find(job)
    assert (failed.state, failed.outcome) == (JobState.FAILED, "unexpected")
    assert workshop.jobs.secret(workshop.facility_id, job.id) == b""


def test_a_secret_goes_only_after_it_was_told(any_workshop: Workshop) -> None:
    job, jobs = any_workshop.submit(), any_workshop.jobs
    any_workshop.runner(lambda context: context.write_secret(b"hush")).run(job.id)
    where = (any_workshop.facility_id, job.id)

    def drop(_: int) -> bool:
        with any_workshop.database.transaction() as connection:
            return jobs.drop_told_secret(connection, *where)

    assert not drop(0)
    assert jobs.secret(*where) == b"hush"
    with any_workshop.database.transaction() as connection:
        jobs.note_telling(connection, *where)
    assert jobs.secret(*where) == b"hush"
    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(drop, range(4))) == [False, False, False, True]
    assert jobs.secret(*where) == b""


def test_files_go_when_their_days_are_over_the_job_stays(any_workshop: Workshop) -> None:
    job = any_workshop.submit(parameters={"q": "x"}, content=b"abc")
    runner = any_workshop.runner(copy)
    runner.work_off()
    any_workshop.clock.advance(KEEP - timedelta(seconds=1))
    runner.clean_up()
    assert any_workshop.find(job).has_result
    any_workshop.clock.advance(timedelta(seconds=2))
    runner.clean_up()
    left = any_workshop.find(job)
    assert (left.has_result, left.parameters, left.outcome) == (False, {}, "copied")
    with pytest.raises(NoResult):
        any_workshop.result(job)


def test_a_worker_that_ends_gives_its_job_back(workshop: Workshop) -> None:
    job = workshop.submit()
    seen: list[JobState] = []

    def told_to_end(context: JobContext) -> None:
        runner.give_back()
        seen.append(workshop.find(job).state)

    runner = workshop.runner(told_to_end)
    runner.run(job.id)
    assert seen == [JobState.WAITING]
    assert workshop.find(job).state is JobState.WAITING
