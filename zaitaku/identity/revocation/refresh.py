"""Keeping a file of revocation lists up to date from an address.

What is fetched is believed no more than what an operator puts there by hand: a list counts when a
pinned root signed it. It takes the place of the one that is there only when it is not older, so
whoever stands between can keep a new list away, until the old one ends, and can do nothing else.
"""

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, Self

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from zaitaku.core.errors import ZaitakuError
from zaitaku.core.files import write_private
from zaitaku.identity.connection import SourceAway
from zaitaku.identity.revocation.download import Fetch, Validators
from zaitaku.identity.subjects import issuer_key_id
from zaitaku.sdk.certificates import UNREADABLE, find_extension
from zaitaku.sdk.crl import ListsUnreadable, RevocationList, read_lists

logger = logging.getLogger(__name__)

EVERY: Final = timedelta(hours=1)
RETRY: Final = timedelta(minutes=5)

_Place = tuple[bytes, frozenset[x509.GeneralName] | None]
"""Whose certificates a list is about: issuer's key and distribution points."""
_Stamp = tuple[int, int]


class RefreshFailed(ZaitakuError):
    """The revocation lists could not be renewed; those that are there stay."""

    code = "crl-refresh-failed"
    status = HTTPStatus.SERVICE_UNAVAILABLE


class Refreshed(StrEnum):
    """What came of a refresh."""

    RENEWED = "renewed"
    UNCHANGED = "unchanged"
    """The address has what is here already, or something older."""
    ELSEWHERE = "elsewhere"
    """Another process is at it."""


@dataclass(frozen=True)
class _Memory:
    """What the last attempt left beside the file."""

    tried_at: datetime | None = None
    succeeded: bool = False
    validators: Validators | None = None
    stamp: _Stamp | None = None
    """Of the file that ``validators`` are about."""

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read it; what cannot be read is forgotten."""
        try:
            body: Mapping[str, Any] = json.loads(path.read_text("utf-8"))
            tried_at = datetime.fromisoformat(body["tried_at"])
            if tried_at.utcoffset() is None:
                return cls()
            seconds, size = body["stamp"] or (0, 0)
            validators = {str(key): str(value) for key, value in body["validators"].items()}
            return cls(tried_at, bool(body["succeeded"]), validators, (seconds, size))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return cls()

    def write(self, path: Path) -> None:
        tried_at = self.tried_at.isoformat() if self.tried_at else None
        body = {
            "tried_at": tried_at,
            "succeeded": self.succeeded,
            "validators": dict(self.validators or {}),
            "stamp": self.stamp,
        }
        write_private(path, json.dumps(body).encode())


class CrlRefresh:
    """Renews one file of lists; several processes may do so at the same time."""

    def __init__(self, path: Path, fetch: Fetch, roots: Iterable[x509.Certificate]) -> None:
        self.path = path
        self.roots = tuple(roots)
        self._fetch = fetch
        self._memory_file = path.with_name(path.name + ".state")
        self._lock_file = path.with_name(path.name + ".lock")

    def is_due(self, now: datetime) -> bool:
        """Tell whether it is time: an hour after a success, five minutes after a failure."""
        memory = _Memory.read(self._memory_file)
        if memory.tried_at is None or now < memory.tried_at or _stamp(self.path) is None:
            return True
        return now >= memory.tried_at + (EVERY if memory.succeeded else RETRY)

    def refresh(self, now: datetime) -> Refreshed:
        """Fetch the lists and put those in place that are not older than what is there.

        Raises:
            RefreshFailed: the address is away or gives no list that counts, or the file cannot be
                written. What was there is there still.
        """
        try:
            with _alone(self._lock_file) as is_alone:
                return self._refresh(now) if is_alone else Refreshed.ELSEWHERE
        except OSError as error:
            raise RefreshFailed(f"{self.path.name}: {type(error).__name__}") from error

    def _refresh(self, now: datetime) -> Refreshed:
        memory = _Memory.read(self._memory_file)
        is_known = memory.stamp is not None and memory.stamp == _stamp(self.path)
        known = (memory.validators or {}) if is_known else {}
        _Memory(now, succeeded=False).write(self._memory_file)
        try:
            fetched = self._fetch(known)
            merged = None if fetched.content is None else self._merged(fetched.content, now)
        except (SourceAway, ListsUnreadable) as error:
            raise RefreshFailed(str(error)) from error
        if merged is not None:
            write_private(self.path, merged)
        stamp = _stamp(self.path)
        _Memory(now, succeeded=True, validators=fetched.validators, stamp=stamp).write(
            self._memory_file
        )
        return Refreshed.UNCHANGED if merged is None else Refreshed.RENEWED

    def _merged(self, content: bytes, now: datetime) -> bytes | None:
        """Return the file's new content, or ``None`` when nothing in it would change."""
        present = self._placed(self._present(), now)
        fetched = self._placed(read_lists(content), now)
        if not fetched:
            raise RefreshFailed("no current list of a pinned root")
        lists = present | {
            place: entry
            for place, entry in fetched.items()
            if place not in present or _takes_its_place(entry, present[place])
        }
        if lists == present:
            return None
        return b"".join(entry.crl.public_bytes(Encoding.PEM) for entry in lists.values())

    def _present(self) -> tuple[RevocationList, ...]:
        with suppress(OSError, ListsUnreadable):
            return read_lists(self.path.read_bytes())
        return ()

    def _placed(
        self, lists: Iterable[RevocationList], now: datetime
    ) -> dict[_Place, RevocationList]:
        placed: dict[_Place, RevocationList] = {}
        for entry in lists:
            signer = next((root for root in self.roots if entry.is_signed_by(root)), None)
            if signer is None or not entry.is_current(now):
                continue
            place = (issuer_key_id(signer), entry.points)
            if place not in placed or _takes_its_place(entry, placed[place]):
                placed[place] = entry
        return placed


def _takes_its_place(one: RevocationList, other: RevocationList) -> bool:
    """Tell whether ``one`` is another list than ``other`` and, by time and number, not older."""
    first, second = one.crl, other.crl
    if first == second or first.last_update_utc < second.last_update_utc:
        return False
    numbers = _number(first), _number(second)
    return numbers[0] is None or numbers[1] is None or numbers[0] >= numbers[1]


def _number(crl: x509.CertificateRevocationList) -> int | None:
    """Return the list's number (RFC 5280 §5.2.3: it grows with every list of a place)."""
    try:
        found = find_extension(crl.extensions, x509.CRLNumber)
    except UNREADABLE:
        return None
    return None if found is None else found.crl_number


def _stamp(path: Path) -> _Stamp | None:
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_mtime_ns, state.st_size


@contextmanager
def _alone(path: Path) -> Iterator[bool]:
    """Hold the lock ``path``; give whether it was free. It dies with its process."""
    import fcntl  # noqa: PLC0415 - only Unix has it, and only a refresh needs it

    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
