"""The short-lived store on Redis 7 or later: one hash an entry, one round trip a call.

What must be decided and done in one step is a script: Redis runs it undisturbed. Nothing is tried
again by itself, because a call whose answer got lost may have been done: a second ``take`` would
find nothing, a second ``count`` would count twice. Time is Redis's own.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from itertools import chain
from typing import Any, Final

from redis import exceptions
from redis.backoff import NoBackoff
from redis.retry import Retry

from zaitaku.core.ephemeral import COUNT_FIELD, Fields
from zaitaku.core.errors import EphemeralStoreUnavailable
from zaitaku.core.redis_lines import RedisLines
from zaitaku.core.redis_servers import connection_pool

TIMEOUT_SECONDS: Final = 2.0
"""For connecting and for each answer; a patient waits no longer to be told to try again."""
HEALTH_CHECK_SECONDS: Final = 30
"""A connection idle for this long is tried with a PING before it is used."""

_AWAY: Final = (
    exceptions.ConnectionError,  # also: still loading, wrong password
    exceptions.TimeoutError,
    exceptions.ReadOnlyError,
    exceptions.OutOfMemoryError,
    exceptions.ClusterDownError,
    exceptions.MasterDownError,
    exceptions.TryAgainError,
)
_AWAY_CODES: Final = frozenset({"BUSY", "MISCONF", "NOREPLICAS", "UNBLOCKED"})
"""Answers of a server that cannot work now for which redis-py has no exception of its own."""

_MILLISECOND: Final = timedelta(milliseconds=1)
_NO_FIELDS: Final = {"": ""}
"""Redis keeps no hash without fields, so an entry without any gets one that is never shown."""


@dataclass(frozen=True)
class _Script:
    """What Redis runs undisturbed."""

    text: str

    @cached_property
    def digest(self) -> str:
        """The name under which Redis remembers it (``EVALSHA``)."""
        return hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()


# With "#!lua" Redis refuses a whole script on a replica or when full, before its first line: no
# answer comes from a stale copy (redis.io/docs, "Lua API reference", script flags; Redis 7).
_CREATE: Final = _Script("""#!lua
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
""")
_MERGE: Final = _Script("""#!lua
if redis.call('EXISTS', KEYS[1]) == 0 then return false end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
local fields = redis.call('HGETALL', KEYS[1])
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return fields
""")
_TAKE: Final = _Script("""#!lua flags=allow-oom
local fields = redis.call('HGETALL', KEYS[1])
redis.call('DEL', KEYS[1])
return fields
""")
_DISCARD: Final = _Script("""#!lua
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], '', '')
redis.call('HDEL', KEYS[1], unpack(ARGV))
return 1
""")
"""The field that is never shown keeps the hash alive when the last of the others goes."""
_COUNT: Final = _Script("""#!lua
local number = redis.call('HINCRBY', KEYS[1], ARGV[2], ARGV[3])
if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return number
""")
_COUNT_ALL: Final = _Script("""#!lua
local numbers = {}
for place, key in ipairs(KEYS) do
  numbers[place] = redis.call('HINCRBY', key, ARGV[1], 1)
  if redis.call('PTTL', key) < 0 then redis.call('PEXPIRE', key, ARGV[place + 1]) end
end
return numbers
""")


class RedisEphemeralStore:
    """An ``EphemeralStore`` behind a Redis URL, of one server or of Sentinels.

    Redis is given a script when it does not know it: at the first call, and after it forgot it.
    """

    def __init__(self, url: str, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        pool = connection_pool(
            url,
            decode_responses=True,
            encoding_errors="surrogatepass",
            protocol=2,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=timeout_seconds,
            socket_connect_timeout=timeout_seconds,
            health_check_interval=HEALTH_CHECK_SECONDS,
        )
        self._lines = RedisLines(pool)

    def create(self, key: str, fields: Fields, ttl: timedelta) -> bool:
        """Store ``fields`` under ``key`` unless a living entry has it; tell whether it was."""
        return bool(self._run(_CREATE, [key], ttl // _MILLISECOND, *_flat(fields)))

    def read(self, key: str) -> Fields | None:
        """Return the living entry's fields, or ``None``."""
        return _entry(self._ask("HGETALL", key))

    def merge(self, key: str, fields: Fields, ttl: timedelta) -> Fields | None:
        """Set ``fields`` in a living entry and renew its time to live; return all its fields."""
        return _entry(self._run(_MERGE, [key], ttl // _MILLISECOND, *_flat(fields)))

    def take(self, key: str) -> Fields | None:
        """Remove the living entry and return its fields: of many takers exactly one gets it."""
        return _entry(self._run(_TAKE, [key]))

    def discard(self, key: str, names: Collection[str]) -> None:
        """Remove the fields ``names`` from a living entry; it lives on, as long as before."""
        if names:
            self._run(_DISCARD, [key], *names)

    def delete(self, key: str) -> None:
        """Remove the entry if there is one."""
        self._ask("DEL", key)

    def count(self, key: str, ttl: timedelta, step: int = 1) -> int:
        """Add ``step`` to a counter and return it; the time to live runs from the first count."""
        return int(self._run(_COUNT, [key], ttl // _MILLISECOND, COUNT_FIELD, step))

    def count_all(self, keys: Mapping[str, timedelta]) -> list[int]:
        """Add one to each counter and return them, in one round trip."""
        lives = [ttl // _MILLISECOND for ttl in keys.values()]
        return list(map(int, self._run(_COUNT_ALL, list(keys), COUNT_FIELD, *lives)))

    def close(self) -> None:
        """Close all connections that are not in use."""
        self._lines.leave()

    def _run(self, script: _Script, keys: Sequence[str], *values: str | int) -> Any:  # noqa: ANN401
        call = (script.digest, len(keys), *keys, *values)
        try:
            return self._ask("EVALSHA", *call)
        except exceptions.NoScriptError:
            self._ask("SCRIPT", "LOAD", script.text)
            return self._ask("EVALSHA", *call)

    def _ask(self, *command: str | int) -> Any:  # noqa: ANN401 - each command has its own answer
        try:
            return self._lines.ask(*command)
        except _AWAY as error:
            if isinstance(error, exceptions.ReadOnlyError):
                # This server is a replica now: the next call shall look for the new primary.
                self._lines.leave()
            raise EphemeralStoreUnavailable(type(error).__name__) from error
        except exceptions.ResponseError as error:
            code = str(error).partition(" ")[0]
            if code in _AWAY_CODES:
                raise EphemeralStoreUnavailable(code) from error
            raise


def _flat(fields: Fields) -> list[str]:
    return list(chain.from_iterable((fields or _NO_FIELDS).items()))


def _entry(answer: list[str] | None) -> Fields | None:
    if not answer:
        return None
    fields = dict(zip(answer[::2], answer[1::2], strict=True))
    fields.pop("", None)
    return fields
