"""What patients were told, written down before it counts."""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Self

UNACKNOWLEDGED: Final = b'"reference": ""'
"""Stands in the line of a walk that nobody was told the end of."""


@dataclass(frozen=True)
class Walk:
    """One patient's way from the poster to its end. Moments are of CLOCK_MONOTONIC, in seconds."""

    version: str
    """The URL version by which the patient came in."""
    entered: float
    """When the entry was first asked for."""
    ended: float
    journey: str = ""
    registering: float = 0.0
    """When the request that registers was first sent."""
    reference: str = ""
    """The reference number that was shown; empty: the patient was never told that it is done."""
    failure: str = ""
    troubles: dict[str, int] = field(default_factory=dict)
    """Why pages had to be reloaded, and how often: a status of the server's, or what broke."""

    @property
    def is_acknowledged(self) -> bool:
        """Whether the patient saw a reference number."""
        return bool(self.reference)


class Journal:
    """One process's lines in a file of its own; an acknowledgement is on the disk at once."""

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def add(self, walk: Walk) -> None:
        """Keep a line; of threads that write at once each writes a whole one."""
        os.write(self._handle, json.dumps(asdict(walk)).encode() + b"\n")
        if walk.is_acknowledged:
            os.fsync(self._handle)

    def close(self) -> None:
        """Close the file."""
        os.close(self._handle)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_walks(folder: Path) -> list[Walk]:
    """Return the walks of all processes, in the order of their ends."""
    return sorted(_lines(folder), key=lambda walk: walk.ended)


def _lines(folder: Path) -> Iterator[Walk]:
    for path in folder.glob("*.jsonl"):
        for line in path.read_text("utf-8").splitlines():
            body: dict[str, Any] = json.loads(line)
            yield Walk(**body)
