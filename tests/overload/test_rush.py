"""What ``bench.overload`` counts as served, and what makes its run fail."""

from collections import deque
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from bench import overload
from bench.http import Headers, HttpAnswer
from bench.overload import Patient, Record, Rush, Watched, report

ENTRY = "http://localhost/r/x"
SITE: Any = SimpleNamespace(
    entry=ENTRY, cards=[None], environ={"ZAITAKU_ORIGIN": "http://localhost"}
)


class Scripted:
    """A line on which these statuses come; 0 is a connection that breaks."""

    def __init__(self, statuses: Sequence[int]) -> None:
        self._left = deque(statuses)

    def request(self, *_: str, **__: Any) -> HttpAnswer:
        status = self._left.popleft()
        if not status:
            raise ConnectionResetError
        return HttpAnswer(status, Headers([b"Retry-After: 60"]), b"")

    def close(self) -> None:
        """Close nothing."""


def noted(*statuses: int) -> Record:
    """What is known when these came."""
    record = Record()
    line = Watched(record)
    line.client = Scripted(statuses)
    for status in statuses:
        if status:
            line.request("GET", ENTRY)
        else:
            with pytest.raises(ConnectionResetError):
                line.request("GET", ENTRY)
    return record


def test_served_is_what_a_journey_goes_on_with(capsys: pytest.CaptureFixture[str]) -> None:
    record = noted(200, 303, 503, 429, 404, 404)
    (served,) = record.served.values()
    (others,) = record.others.values()
    assert (len(served), len(record.waiting_pages), others) == (2, 1, {"429": 1, "404": 2})
    assert record.failures == 0
    report(record, 1.0, 5.0, 60.0)
    assert "404 ×2, 429 ×1" in capsys.readouterr().out


@pytest.mark.parametrize("status", [500, 502, 0])
def test_an_answer_of_a_broken_server_or_none_is_a_failure(
    status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    record = noted(status)
    assert record.failures == 1
    report(record, 1.0, 5.0, 60.0)
    told = capsys.readouterr().out.splitlines()
    assert told[-1].endswith("failures=1")
    assert any((f"{status} ×1" if status else "connection ×1") in line for line in told)


@pytest.mark.parametrize("statuses", [[404], [500], [0], [303, 404]])
def test_who_cannot_go_on_gives_up_and_leaves_the_hand_to_others(
    statuses: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overload, "HttpClient", lambda: Scripted(statuses * 4))
    monkeypatch.setattr(overload, "THINKING_SECONDS", 0.0)
    rush = Rush(SITE, per_second=1e-9, seconds=1.0)
    ((due, _, patient),) = rush._queue
    other = Patient(SITE, patient._card, due, rush.record)
    rush._queue.append((due, 1, other))
    rush._lend_hands()
    assert (rush.record.gave_up, rush.record.done) == (2, 0)
