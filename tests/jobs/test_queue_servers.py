"""The queue finds whoever leads: PostgreSQL of several servers, Redis behind Sentinels."""

import time
from collections.abc import Callable
from contextlib import suppress
from uuid import uuid4

import pytest

from tests.sentinels import redis_group
from tests.servers import free_port, postgres_server
from zaitaku.core.errors import StoreUnavailable
from zaitaku.jobs.model import JobId
from zaitaku.jobs.queue import HueyQueue

SECONDS = 30


def handed_over(address: str, job_id: JobId) -> list[str]:
    """Announce a job at ``address`` and return what a worker there gets."""
    done: list[str] = []
    queue = HueyQueue(address, done.append)
    try:
        queue.announce(job_id)
        task = queue.huey().dequeue()
        queue.huey().execute(task)
    finally:
        queue.close()
    return done


def test_postgresql_of_several_servers() -> None:
    job_id = JobId(uuid4())
    with postgres_server() as server:
        hosts = f"host=127.0.0.1:{free_port()}&host=127.0.0.1:{server.port}"
        address = f"postgresql+psycopg://zaitaku@/postgres?{hosts}"
        assert handed_over(f"{address}&target_session_attrs=read-write", job_id) == [str(job_id)]


@pytest.mark.slow
def test_redis_after_its_primary_was_lost() -> None:
    with redis_group() as group:
        queue = HueyQueue(group.address)
        queue.announce(JobId(uuid4()))
        former = group.primary()
        group.servers[former].kill()
        with pytest.raises(StoreUnavailable):
            queue.announce(JobId(uuid4()))
        group.wait_for_other_primary(former)
        _until_it_works(lambda: queue.announce(JobId(uuid4())))
        queue.close()


def _until_it_works(act: Callable[[], None]) -> None:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        with suppress(StoreUnavailable):
            return act()
        time.sleep(0.1)
    raise TimeoutError
