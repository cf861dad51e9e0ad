"""Workers in processes of their own, woken by each kind of queue, killed and replaced."""

import json
import logging
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from sqlite3 import DatabaseError
from threading import Event, Thread
from uuid import uuid4

import psutil
import pytest
from huey.registry import Message
from redis import Redis
from redis.exceptions import ConnectionError as RedisAway

from tests.jobs.conftest import Workshop
from tests.servers import redis_server
from zaitaku.commands.companions import keep
from zaitaku.core.errors import StoreUnavailable
from zaitaku.jobs.model import STALE_AFTER, Job, JobId, JobState
from zaitaku.jobs.queue import HueyQueue, JsonMessages, job_id_of
from zaitaku.jobs.service import JobService
from zaitaku.jobs.worker import POLL_SECONDS, THREADS, Sweep, Terse

PATIENCE_SECONDS = 60


def worker_command(workshop: Workshop, queue: str, *words: str) -> list[str]:
    """Return the command of a worker whose clock stands where the workshop's stands now."""
    database = workshop.database.url.render_as_string(hide_password=False)
    moment = workshop.clock.now().isoformat()
    return [sys.executable, "-m", "tests.jobs.worker_process", database, queue, moment, *words]


@contextmanager
def worker(workshop: Workshop, queue: str, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a worker process, and kill it at the end."""
    process = subprocess.Popen(worker_command(workshop, queue, *words))
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@contextmanager
def jobs_on(workshop: Workshop, queue: str) -> Iterator[Workshop]:
    with closing(HueyQueue(queue)) as opened:
        yield Workshop(workshop.database, workshop.clock, workshop.facility_id, opened)


def test_a_killed_workers_job_is_done_by_the_next(workshop: Workshop, tmp_path: Path) -> None:
    queue = f"sqlite:///{tmp_path / 'ephemeral.db'}"
    with jobs_on(workshop, queue) as told:
        job = told.submit(parameters={"is_slow": "yes"}, content=b"abc")
    with worker(workshop, queue) as first:
        wait_until(lambda: workshop.find(job).state is JobState.RUNNING)
        first.kill()
        first.wait()
    assert workshop.find(job).state is JobState.RUNNING
    workshop.clock.advance(STALE_AFTER + timedelta(seconds=1))
    with worker(workshop, queue, "--patient") as second:
        wait_until(lambda: workshop.find(job).state is JobState.DONE)
        assert workshop.result(job) == ("done.txt", "text/plain", b"abc!")
        second.terminate()
        assert second.wait(PATIENCE_SECONDS) == 0
    mode = (tmp_path / "ephemeral.db-jobs").stat().st_mode
    assert mode & 0o077 == 0


def test_a_worker_that_is_told_to_end_leaves_its_job_to_the_next(
    workshop: Workshop, tmp_path: Path
) -> None:
    queue = f"sqlite:///{tmp_path / 'ephemeral.db'}"
    with jobs_on(workshop, queue) as told:
        job = told.submit(parameters={"is_slow": "yes"})
    with worker(workshop, queue) as process:
        wait_until(lambda: workshop.find(job).state is JobState.RUNNING)
        process.terminate()
        assert process.wait(PATIENCE_SECONDS) == 0
    assert workshop.find(job).state is JobState.WAITING


def test_a_worker_ends_with_the_process_that_started_it(workshop: Workshop, tmp_path: Path) -> None:
    queue = f"sqlite:///{tmp_path / 'ephemeral.db'}"
    starter = "import subprocess, sys; p = subprocess.Popen(sys.argv[1:]); print(p.pid, flush=True)"
    command = worker_command(workshop, queue, "--follow")
    parent = subprocess.Popen(
        [sys.executable, "-c", f"{starter}; p.wait()", *command], stdout=subprocess.PIPE
    )
    with parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        with jobs_on(workshop, queue) as told:
            job = told.submit()
        wait_until(partial(is_done, workshop, job))
        parent.kill()
    wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def test_redis_and_postgresql_wake_a_worker_too(
    any_workshop: Workshop, postgres_address: str
) -> None:
    if any_workshop.database.is_sqlite:
        with redis_server() as server:
            check_waking(any_workshop, server.url)
    else:
        check_waking(any_workshop, any_workshop.database.url.render_as_string(hide_password=False))


def is_done(workshop: Workshop, job: Job) -> bool:
    return workshop.find(job).state is JobState.DONE


def check_waking(workshop: Workshop, queue: str) -> None:
    with jobs_on(workshop, queue) as told, worker(workshop, queue):
        for _ in range(2):
            job = told.submit()
            wait_until(partial(is_done, workshop, job))


def test_a_look_round_finds_what_no_message_told_of(workshop: Workshop) -> None:
    silent = JobService(database=workshop.database, clock=workshop.clock)
    job = workshop.submit()
    workshop.queue.heard.clear()
    assert silent.find(workshop.facility_id, job.id).state is JobState.WAITING
    heard: list[str] = []
    queue = HueyQueue("sqlite:///nowhere.db")
    queue.announce = lambda job_id: heard.append(str(job_id))  # type: ignore[method-assign]
    Sweep(workshop.runner(lambda _: None), queue).once()
    assert heard == [str(job.id)]


def test_a_queue_that_is_away_is_a_store_that_is_away(tmp_path: Path) -> None:
    for url in (f"sqlite:///{tmp_path / 'no' / 'folder.db'}", "redis://127.0.0.1:1/0"):
        with pytest.raises(StoreUnavailable):
            HueyQueue(url).announce(JobId(uuid4()))


def test_messages_are_json_and_pickles_are_not_read() -> None:
    message = Message(id="m", name="run_job", args=("a",), kwargs={})
    written = JsonMessages().serialize(message)
    assert json.loads(written) == ["m", "run_job", ["a"]]
    assert JsonMessages().deserialize(written) == message
    with pytest.raises(ValueError, match=r"."):
        JsonMessages().deserialize(pickle.dumps(message))
    assert job_id_of("../etc") is None
    name = uuid4()
    assert job_id_of(str(name)) == name


def test_a_worker_that_ends_by_itself_is_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zaitaku.commands.companions.RESTART_SECONDS", 0)
    started = tmp_path / "started"
    code = "import pathlib, sys, time; f = pathlib.Path(sys.argv[1]); t = f.exists()\n"
    code += "f.open('a').write('.')\nif t: time.sleep(60)"
    is_over = Event()
    command = [sys.executable, "-c", code, os.fspath(started)]
    keeper = Thread(target=keep, args=(command, is_over))
    keeper.start()
    wait_until(lambda: started.exists() and len(started.read_text()) == 2)
    is_over.set()
    keeper.join(PATIENCE_SECONDS)
    assert not keeper.is_alive()


@pytest.mark.slow
def test_an_outage_of_the_queue_is_a_line_of_each_kind(workshop: Workshop, tmp_path: Path) -> None:
    with redis_server() as redis, (tmp_path / "words").open("wb") as words:
        process = subprocess.Popen(worker_command(workshop, redis.url), stderr=words)
        try:
            with closing(Redis.from_url(redis.url)) as client:
                wait_until(lambda: client.info("clients")["blocked_clients"] == THREADS)
            redis.kill()
            wait_until(lambda: (tmp_path / "words").stat().st_size > 0)
            time.sleep(3 * POLL_SECONDS)
            assert process.poll() is None
        finally:
            process.kill()
            process.wait()
    lines = (tmp_path / "words").read_text("utf-8").splitlines()
    assert [
        line for line in lines if not line.startswith(("Error reading", "Error enqueueing"))
    ] == []
    # It is cut off, and then not there: to the driver that may be one kind of trouble or two.
    assert len(lines) in {1, 2}


def record_of(words: str, error: Exception) -> logging.LogRecord:
    return logging.makeLogRecord({"msg": words, "exc_info": (type(error), error, None)})


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("Error reading from queue", ValueError("a fault of ours")),
        ("Error reading from queue", PermissionError(13, "a file")),
        ("Error reading from queue", DatabaseError("database disk image is malformed")),
        ("Unhandled error during execution of task %s.", RedisAway("away")),
    ],
)
def test_what_is_no_outage_is_told_whole(words: str, error: Exception) -> None:
    terse = Terse()
    assert terse.filter(record_of("Error reading from queue", RedisAway("away")))
    for _ in range(2):
        record = record_of(words, error)
        assert terse.filter(record)
        assert record.exc_info is not None
    assert terse.filter(logging.makeLogRecord({"msg": "no error"}))


def test_an_outage_is_told_again_when_it_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter((1000.0, 1000.0, 1001.0, 1059.0, 1060.5, 1060.5, 1061.0))
    monkeypatch.setattr("zaitaku.jobs.worker.monotonic", lambda: next(moments))
    terse, away = Terse(), RedisAway("away")
    told = [terse.filter(record_of("Error reading from queue", away)) for _ in range(5)]
    assert told == [True, False, False, True, False]
