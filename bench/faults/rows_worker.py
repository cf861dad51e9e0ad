"""The worker killed while it works: every job is done once."""

import csv
import io
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Final

from sqlalchemy import text

from bench.faults.harness import Scene, Stage
from bench.faults.programs import Program
from bench.faults.row import Row
from bench.faults.site import ACTOR
from bench.faults.verdict import Verdict
from zaitaku.accounts.import_table import HEADINGS
from zaitaku.accounts.imports import ImportState, import_state
from zaitaku.accounts.model import Role
from zaitaku.accounts.service import Staff
from zaitaku.core.clock import SystemClock, japan_date
from zaitaku.facilities.model import Facility
from zaitaku.jobs.model import ENDED, STALE_AFTER, Job, JobState
from zaitaku.jobs.store import job as job_table
from zaitaku.services import Services

ROUNDS: Final = 3
KILLS: Final = 2
LOOK_SECONDS: Final = 0.05
ROWS_OF_A_JOB: Final = 200
_NUMBER_OF_ACCOUNTS: Final = (
    "SELECT count(*) FROM account WHERE facility_id = :facility AND user_id LIKE :mark"
)


def killed(stage: Stage) -> Verdict:
    """Hand in a registration of accounts for each clinic, and kill the worker meanwhile.

    A job that is lost was never done; one that is doubled did not register what it should have, or
    did so twice. One that was under way is taken up again when its worker was silent for a minute;
    in the short form that minute is over at once. A worker that was killed idle has shown nothing.
    """
    scene = stage.begin()
    lost = doubled = broken_off = 0
    with scene.load(turning=False) as load, scene.site.services() as services:
        people = [_administrator(services, each) for each in scene.site.facilities[1:]]
        for round_ in range(stage.scale.times(ROUNDS)):
            left, wrong, hit = _round(scene, services, people, f"{round_:02}")
            lost, doubled, broken_off = lost + left, doubled + wrong, broken_off + hit
        load.wait_for(stage.scale.acked, stage.scale.seconds)
    note = f"{broken_off} jobs broken off"
    untried = int(not broken_off)
    return scene.verdict(note).with_jobs(lost=lost, doubled=doubled, untried=untried)


def _round(
    scene: Scene, services: Services, people: list[Staff], mark: str
) -> tuple[int, int, int]:
    worker = scene.deployment.worker
    if worker is None:
        raise ValueError("no worker runs")
    worker.kill()
    jobs = [_hand_in(services, staff, mark) for staff in people]
    states = partial(_states, services, people, jobs)
    deadline = time.monotonic() + scene.scale.seconds
    hit = _kill_at_work(worker, states, deadline, scene.scale.times(KILLS))
    if scene.scale.is_short:
        _let_minute_pass(services)
    while time.monotonic() < deadline and not ENDED.issuperset(states()):
        time.sleep(LOOK_SECONDS)
    wrong = sum(not _is_right(services, *pair, mark) for pair in zip(people, jobs, strict=True))
    return sum(state not in ENDED for state in states()), wrong, hit


def _let_minute_pass(services: Services) -> None:
    # Who is killed at work is missed only after a minute. The next worker, which is not up yet,
    # looks round as it starts; what has not been under way stays as it is.
    with services.database.transaction() as connection:
        long_ago = services.clock.now() - 2 * STALE_AFTER
        is_running = job_table.c.state == JobState.RUNNING.value
        connection.execute(job_table.update().where(is_running).values(heartbeat_at=long_ago))


def _kill_at_work(
    worker: Program, states: Callable[[], list[JobState]], deadline: float, kills: int
) -> int:
    """Kill the worker as soon as it is at a job, so often; return how many jobs it left undone."""
    left = 0
    for _ in range(kills):
        while _is_idle(states(), left) and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
        worker.kill()
        left = states().count(JobState.RUNNING)
    return left


def _is_idle(states: list[JobState], left: int) -> bool:
    """Tell whether work waits and nobody is at any but the ``left`` whose worker has died."""
    return JobState.WAITING in states and states.count(JobState.RUNNING) <= left


def _states(services: Services, people: list[Staff], jobs: list[Job]) -> list[JobState]:
    return [
        services.jobs.find(staff.facility.id, job.id).state
        for staff, job in zip(people, jobs, strict=True)
    ]


def _is_right(services: Services, staff: Staff, job: Job, mark: str) -> bool:
    ended = services.jobs.find(staff.facility.id, job.id)
    if ended.state not in ENDED:
        return True  # it counts as lost already
    values = {"facility": _named(services, staff.facility), "mark": f"{mark}%"}
    with services.database.reading() as connection:
        count = int(connection.execute(text(_NUMBER_OF_ACCOUNTS), values).scalar_one())
    is_whole = import_state(ended) is ImportState.REGISTERED
    return is_whole and count == ended.counts["registered"] == ROWS_OF_A_JOB


def _named(services: Services, facility: Facility) -> str:
    return facility.id.hex if services.database.is_sqlite else str(facility.id)


def _hand_in(services: Services, staff: Staff, mark: str) -> Job:
    held = services.account_imports.hand_in(
        staff, _table(mark), file_name="faults.csv", actor=ACTOR
    )
    return services.jobs.release(staff.facility.id, held.id)


def _administrator(services: Services, facility: Facility) -> Staff:
    made = services.accounts.register(
        facility.id, role=Role.ADMIN, user_id="faults", name="み", kana="ミ", actor=ACTOR
    )
    return Staff(made.account, facility)


def _table(mark: str) -> bytes:
    content = io.StringIO(newline="")
    writer = csv.writer(content)
    writer.writerow(HEADINGS)
    today = japan_date(SystemClock().now())
    days = [(today + timedelta(days=ahead)).isoformat() for ahead in (1, 300)]
    for number in range(ROWS_OF_A_JOB):
        writer.writerow(["一般", f"{mark}{number:06}", "みどり", "ミドリ", *days])
    return content.getvalue().encode("utf-8-sig")


ROWS: Final = (Row("worker killed", killed, is_below_pages=True),)
