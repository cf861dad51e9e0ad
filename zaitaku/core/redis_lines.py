"""Commands to Redis on connections that are lent one after another.

redis-py's own pool and commands add events, counts, retries and callbacks to each call, which take
several times as long as the call itself, and every page makes one. Its connections are used as they
are: they find their server, log in, speak TLS and understand the answers.
"""

import os
from collections import deque
from collections.abc import Sequence
from typing import Any, Protocol, cast

from hiredis import pack_command
from redis.connection import ConnectionPool
from redis.exceptions import ConnectionError as Broken
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as Silent


class _Line(Protocol):
    """What is used of redis-py's ``Connection``."""

    @property
    def is_connected(self) -> bool: ...

    def connect(self) -> None: ...

    def disconnect(self) -> None: ...

    def can_read(self) -> bool: ...

    def send_packed_command(self, command: list[bytes]) -> None: ...

    def read_response(self) -> Any: ...  # noqa: ANN401 - each command has its own answer


class RedisLines:
    """Connections of one process to the server that ``pool`` means; any number of threads."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool
        self._idle: deque[_Line] = deque()
        self._process = os.getpid()

    def ask(self, *command: str | int) -> Any:  # noqa: ANN401 - each command has its own answer
        """Send one command, once, and return its answer.

        Raises:
            redis.exceptions.RedisError: the server refused it, or is away.
        """
        line = self._take()
        try:
            if not line.is_connected:
                line.connect()
            if _is_spoilt(line) or not self._pool.owns_connection(line):  # type: ignore[arg-type]
                line.disconnect()
                line.connect()
            line.send_packed_command([_packed(command)])
            return line.read_response()
        except ResponseError:
            raise
        except BaseException:
            # Its answer may still come, and must not be taken for another's.
            line.disconnect()
            raise
        finally:
            self._idle.append(line)

    def leave(self) -> None:
        """Close the connections that nobody uses now; the next calls look for the server anew."""
        left = [self._idle.pop() for _ in range(len(self._idle))]
        for line in left:
            line.disconnect()
        self._idle.extend(left)

    def _take(self) -> _Line:
        if self._process != os.getpid():
            self._begin_anew()
        try:
            return self._idle.pop()
        except IndexError:
            return cast("_Line", self._pool.make_connection())

    def _begin_anew(self) -> None:
        # The sockets are also the parent's: two that speak on one would take each other's answers.
        self._idle.clear()
        self._pool.reset()
        self._process = os.getpid()


def _is_spoilt(line: _Line) -> bool:
    """Tell whether the server has closed the connection, or said what nobody asked for."""
    try:
        return line.can_read()
    except (Broken, Silent, OSError):
        return True


def _packed(command: Sequence[str | int]) -> bytes:
    # redis-py looks at each word several times before it gives them to the same function.
    words = [
        word.encode("utf-8", "surrogatepass") if isinstance(word, str) else word for word in command
    ]
    packed: bytes = pack_command(tuple(words))  # type: ignore[arg-type] # its stub means one word
    return packed
