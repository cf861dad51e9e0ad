"""Sessions with the card in threads of their own: one at a time, and never waited for too long."""

import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from enum import Enum
from threading import Lock, Thread
from typing import Any, Final, TypeVar

from zaitaku.cardbridge.card.transport import CardUnresponsive, StillReading

TURN_SECONDS: Final = 3.0
"""For so long a page waits until another one is done with the card."""
SESSION_SECONDS: Final = 15.0
"""A session takes about four; after this the reader or the card hangs."""

Result = TypeVar("Result")


class _Stage(Enum):
    OPEN = "open"
    COMMITTED = "committed"
    ABANDONED = "abandoned"


class Session:
    """One session: either it goes on to use up a try, or its page gives it up, never both."""

    def __init__(self) -> None:
        self._stage = _Stage.OPEN
        self._lock = Lock()

    def commit(self) -> None:
        """Go past the point from which the card is changed.

        Raises:
            CardUnresponsive: nobody waits for this session any more.
        """
        if not self._leave(_Stage.COMMITTED):
            raise CardUnresponsive("given up")

    def abandon(self) -> bool:
        """Give the session up; tell whether that was before it changed the card."""
        return self._leave(_Stage.ABANDONED)

    def _leave(self, stage: _Stage) -> bool:
        with self._lock:
            if self._stage is _Stage.OPEN:
                self._stage = stage
            return self._stage is stage


class Sessions:
    """Runs one session at a time."""

    def __init__(self, *, turn: float = TURN_SECONDS, longest: float = SESSION_SECONDS) -> None:
        """Take how long a page waits for its turn and for its own session, in seconds."""
        self._patience = turn
        self._longest = longest
        self._turn = Lock()
        self._over = 0.0
        self._hangs = False

    def run(
        self,
        work: Callable[[Session], Result],
        *,
        when_abandoned: Callable[[], None] | None = None,
        longer: float = 0.0,
    ) -> Result:
        """Do ``work`` in a thread of its own; return what it returns, raise what it raises.

        ``when_abandoned`` is called when the session is given up before it was committed.
        ``longer`` is how many seconds more than usual it may take, because a person types on the
        reader meanwhile; nobody waits for their turn behind that.

        Raises:
            StillReading: another session did not end in time.
            CardUnresponsive: this one did not end in time, or one before it still hangs.
        """
        self._take_turn(is_long=longer > 0)
        session = Session()
        done: Future[Result] = Future()
        Thread(target=self._work, args=(session, work, done), name="card", daemon=True).start()
        if not wait((done,), self._longest + longer).done:
            self._hangs = True
            if session.abandon() and when_abandoned is not None:
                when_abandoned()
            raise CardUnresponsive("no end of the session")
        return done.result()

    def _take_turn(self, *, is_long: bool) -> None:
        # Behind a session that hangs, or waits for a person, there is nothing to wait for.
        is_worth_it = time.monotonic() < self._over
        if not self._turn.acquire(timeout=self._patience if is_worth_it else 0):
            raise (CardUnresponsive if self._hangs else StillReading)("another session")
        self._hangs = False
        self._over = time.monotonic() + (0 if is_long else self._longest)

    def _work(
        self, session: Session, work: Callable[[Session], Result], done: Future[Result]
    ) -> None:
        with _Failure(done):
            try:
                result = work(session)
            finally:
                self._turn.release()
            done.set_result(result)


class _Failure:
    """Hands whatever is raised to the one who waits, in whose thread it is raised again."""

    def __init__(self, done: Future[Any]) -> None:
        self._done = done

    def __enter__(self) -> None: ...

    def __exit__(self, _: object, error: BaseException | None, __: object) -> bool:
        if error is not None:
            self._done.set_exception(error)
        return True
