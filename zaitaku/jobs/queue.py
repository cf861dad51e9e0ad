"""Waking workers by huey: a message holds a job's id and nothing else.

Messages are JSON: who can write into the queue can name a job, but not run code, as huey's own
pickled messages would let them. A lost message delays a job until the worker's next look round.
"""

import json
import os
from collections.abc import Callable
from contextlib import suppress
from sqlite3 import Error as SqliteError
from sqlite3 import OperationalError as SqliteBusy
from typing import Any, Final
from uuid import UUID

from huey import Huey, PostgresHuey, RedisHuey, SqliteHuey
from huey.registry import Message
from huey.serializer import Serializer
from psycopg import Error as PostgresError
from psycopg import OperationalError as PostgresAway
from redis.exceptions import ConnectionError as RedisAway
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisSilent
from sqlalchemy import make_url

from zaitaku.core.errors import StoreUnavailable
from zaitaku.core.redis_servers import connection_pool
from zaitaku.core.store_addresses import is_redis, libpq_arguments
from zaitaku.jobs.model import JobId

NAME: Final = "zaitaku"
BUSY_SECONDS: Final = 5
_OWNER_ONLY: Final = 0o600
_NEW: Final = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC
_AWAY: Final = (SqliteError, PostgresError, RedisError, OSError)
UNREACHABLE: Final = (SqliteBusy, PostgresAway, RedisAway, RedisSilent)
"""What is raised when the queue's store does not answer; it may come back by itself."""

Work = Callable[[str], None]
"""What a worker does with a message: it gets the job's id as text."""


class HueyQueue:
    """The queue beside the short-lived store: a SQLite file of its own, PostgreSQL or Redis.

    It is opened at the first announcement. Only a worker gives ``work``.
    """

    def __init__(self, ephemeral_url: str, work: Work | None = None) -> None:
        self._url = ephemeral_url
        self._work = work or _nobody_works_here
        self._huey: Any = None
        self._task: Any = None

    def announce(self, job_id: JobId) -> None:
        """Put the job's id where a worker finds it.

        Raises:
            StoreUnavailable: the queue is away, or its file cannot be written.
        """
        try:
            self.huey()
            self._task(str(job_id))
        except _AWAY as error:
            raise StoreUnavailable(type(error).__name__) from error

    def huey(self) -> Huey:
        """Return the open queue with its one task; for the worker's consumer."""
        if self._huey is None:
            opened = _open(self._url)
            self._task = opened.task(name="run_job")(self._run_job)
            self._huey = opened
        return self._huey

    def close(self) -> None:
        """Close its connections; the next announcement opens it again."""
        if self._huey is not None:
            self._huey.storage.close()
            self._huey = self._task = None

    def _run_job(self, job_id: str) -> None:
        # Messages name this function's module: both ends must have the same.
        self._work(job_id)


class JsonMessages(Serializer):  # type: ignore[misc]
    """Writes a message as JSON: its id, the task's name, the task's arguments."""

    def _serialize(self, data: Message) -> bytes:
        return json.dumps([data.id, data.name, list(data.args)]).encode()

    def _deserialize(self, data: bytes) -> Message:
        message_id, name, args = json.loads(data)
        return Message(id=message_id, name=name, args=tuple(args), kwargs={})


def job_id_of(text: str) -> JobId | None:
    """Return the job that a message names; ``None`` for anything else."""
    try:
        return JobId(UUID(text))
    except (ValueError, TypeError, AttributeError):
        return None


def _open(url: str) -> Huey:
    options = {"name": NAME, "results": False, "serializer": JsonMessages()}
    if is_redis(url):
        pool = connection_pool(
            url, socket_timeout=BUSY_SECONDS, socket_connect_timeout=BUSY_SECONDS
        )
        return RedisHuey(connection_pool=pool, **options)
    address = make_url(url)
    if address.get_backend_name() == "sqlite":
        return SqliteHuey(filename=_private(f"{address.database}-jobs"), **options)
    return PostgresHuey(**{"connect_timeout": BUSY_SECONDS, **libpq_arguments(address)}, **options)


def _private(path: str) -> str:
    # SQLite gives its other files the permissions of this one. Where it fails, SQLite says why.
    # One that is there is left alone, as in ``zaitaku.core.sqlite``.
    with suppress(OSError):
        os.close(os.open(path, _NEW, _OWNER_ONLY))
    return path


def _nobody_works_here(_job_id: str) -> None:
    raise RuntimeError("this process announces jobs and does none")
