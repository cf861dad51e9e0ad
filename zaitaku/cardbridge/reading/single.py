"""One bridge for each person: a second start finds the first.

The first holds a lock in the state folder and leaves beside it a file, readable by its owner only,
that tells its port and a secret drawn for this run. Whoever is started later asks the program at
that port to prove that it knows the secret (HMAC, RFC 2104, over a fresh challenge). So neither
another program that has taken the port nor another person's bridge on the same machine is taken
for our own.
"""

import hashlib
import hmac
import json
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import BinaryIO, Final

HOST: Final = "127.0.0.1"
RUNNING_PATH: Final = "/running"
CHALLENGE_CHARACTERS: Final = 43
"""256 bits in base64url."""
ANSWER_LIMIT: Final = 1024
ASK_SECONDS: Final = 2.0
PATIENCE_SECONDS: Final = 8.0
"""So long the first may take from its lock to its port."""
STEP_SECONDS: Final = 0.05
_PURPOSE: Final = "zaitaku-bridge is running here"


class AlreadyRunning(Exception):
    """A bridge of the same person runs; ``address`` is where, "" when it does not answer."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.address = address


@dataclass(frozen=True)
class Claim:
    """What a running bridge is known by."""

    file: Path | None
    secret: bytes = field(repr=False)
    port: int = 0

    def proof(self, challenge: str) -> str:
        """Return, in hex, what only a holder of the secret can answer to ``challenge``."""
        message = f"{_PURPOSE}\0{self.port}\0{challenge}".encode()
        return hmac.new(self.secret, message, hashlib.sha256).hexdigest()

    def announce(self, port: int) -> "Claim":
        """Leave word of ``port`` for those that are started later, and return the whole claim."""
        whole = replace(self, port=port)
        if self.file is not None:
            _write(self.file, json.dumps({"port": port, "secret": self.secret.hex()}))
        return whole


NOT_SINGLE: Final = Claim(None, b"")
"""The claim of a bridge that nobody looks for; it proves nothing."""


@contextmanager
def claimed(state: Path, name: str | None) -> Iterator[Claim]:
    """Be the one bridge of this ``name`` in this state folder; None: one that nobody looks for.

    A folder that cannot be written to, or whose file system has no locks, keeps nobody from
    starting.

    Raises:
        AlreadyRunning
    """
    lock = None if name is None else _opened(state / f"{name}.lock")
    if lock is None:
        yield NOT_SINGLE
        return
    record = state / f"{name}.json"
    with lock:
        if not _locked(lock):
            raise AlreadyRunning(_await_address(record))
        record.unlink(missing_ok=True)
        try:
            yield Claim(record, secrets.token_bytes(32))
        finally:
            record.unlink(missing_ok=True)


def address_of_running(record: Path) -> str:
    """Return where the bridge of ``record`` runs, "" when no one there knows its secret."""
    claim = _read(record)
    if claim is None:
        return ""
    challenge = secrets.token_urlsafe(32)
    answer = _ask(claim.port, challenge)
    is_ours = hmac.compare_digest(answer.encode(), claim.proof(challenge).encode())
    return f"http://{HOST}:{claim.port}/" if is_ours else ""


def _await_address(record: Path) -> str:
    deadline = time.monotonic() + PATIENCE_SECONDS
    address = address_of_running(record)
    while not address and time.monotonic() < deadline:
        time.sleep(STEP_SECONDS)
        address = address_of_running(record)
    return address


def _ask(port: int, challenge: str) -> str:
    connection = HTTPConnection(HOST, port, timeout=ASK_SECONDS)
    try:
        connection.request("GET", f"{RUNNING_PATH}?challenge={challenge}")
        answer = connection.getresponse()
        body = answer.read(ANSWER_LIMIT)
        return body.decode("ascii") if answer.status == HTTPStatus.OK else ""
    except (OSError, HTTPException, ValueError):
        return ""
    finally:
        connection.close()


def _read(record: Path) -> Claim | None:
    try:
        body = json.loads(record.read_text("ascii"))
        return Claim(record, bytes.fromhex(body["secret"]), int(body["port"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(record: Path, text: str) -> None:
    beside = record.with_suffix(".new")
    with suppress(OSError):
        beside.unlink(missing_ok=True)
        beside.touch(mode=0o600, exist_ok=False)
        beside.write_text(text, "ascii")
        beside.replace(record)


def _opened(path: Path) -> BinaryIO | None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
        return path.open("r+b")
    except OSError:
        return None


def _locked(file: BinaryIO) -> bool:
    """Take the lock, which the system gives back when this process ends, however it ends."""
    try:
        _lock(file)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        return True
    return True


def _lock(file: BinaryIO) -> None:
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415 - only Windows has it

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl  # noqa: PLC0415 - Windows does not have it

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
