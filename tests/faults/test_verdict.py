"""The suite sees what it is there for: a loss, a second record, a half one, a stale URL."""

from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench.faults.journal import UNACKNOWLEDGED, Journal, Walk, read_walks
from bench.faults.row import Row
from bench.faults.verdict import Kept, Seen, Verdict, judge_walks
from bench.faults.withdrawing import Withdrawing

TOLD = Walk(version="v1", entered=1.0, ended=5.0, journey="j", registering=4.0, reference="r")
STANDING = Counter({Kept("j", "r", "clinic"): 1})


def test_what_stands_once_is_neither_lost_nor_doubled() -> None:
    verdict = judge_walks([TOLD], STANDING, retired={}, half=0)
    assert verdict == Verdict(acked=1, longest_gap=4.0)
    assert verdict.holds


@pytest.mark.parametrize(
    ("walks", "standing", "retired", "broken"),
    [
        ([TOLD], Counter[Kept](), {}, "lost"),
        ([TOLD], Counter({Kept("j", "other", "clinic"): 1}), {}, "lost"),
        ([TOLD], Counter({Kept("j", "r", "clinic"): 2}), {}, "doubled"),
        (
            [TOLD],
            Counter({Kept("j", "r", "clinic"): 1, Kept("j", "r2", "clinic"): 1}),
            {},
            "doubled",
        ),
        (
            [TOLD],
            Counter({Kept("j", "r", "clinic"): 1, Kept("j2", "r", "clinic"): 1}),
            {},
            "doubled",
        ),
        ([TOLD], STANDING, {"v1": 0.5}, "stale"),
        ([TOLD], STANDING, {"v1": 3.0}, "stale"),
    ],
)
def test_a_broken_promise_is_seen(
    walks: list[Walk],
    standing: Counter[Kept],
    retired: dict[str, float],
    broken: str,
) -> None:
    verdict = judge_walks(walks, standing, retired=retired, half=0)
    assert getattr(verdict, broken) == 1
    assert not verdict.holds


def test_who_registered_before_the_retirement_is_not_stale() -> None:
    assert judge_walks([TOLD], STANDING, retired={"v1": 4.5, "v2": 0.0}, half=0).holds


def test_a_retry_that_was_registered_after_the_retirement_is_stale_once() -> None:
    for retired in ({"v1": 4.5}, {"v1": 0.5}):
        verdict = judge_walks([TOLD], STANDING, retired=retired, half=0, late={"j"})
        assert verdict.stale == 1
    assert judge_walks([], STANDING, retired={}, half=0, late={"nobody was told"}).stale == 1


def test_two_clinics_may_give_the_same_number() -> None:
    both = Counter({Kept("j", "r", "clinic"): 1, Kept("j2", "r", "another"): 1})
    assert judge_walks([TOLD], both, retired={}, half=0).holds


def test_two_numbers_for_one_journey_are_a_double() -> None:
    again = Walk(version="v1", entered=6.0, ended=7.0, journey="j", reference="r2")
    verdict = judge_walks([TOLD, again], STANDING, retired={}, half=0)
    assert (verdict.doubled, verdict.lost) == (1, 1)


def test_a_half_record_and_a_crash_are_seen() -> None:
    assert not judge_walks([TOLD], STANDING, retired={}, half=1).holds
    crashed = Walk(version="v1", entered=1.0, ended=2.0, failure="x", troubles={"500": 2})
    verdict = judge_walks([TOLD, crashed], STANDING, retired={}, half=0)
    assert (verdict.crashed, verdict.unfinished) == (2, 1)
    assert not verdict.holds


def test_nobody_to_see_it_is_no_success() -> None:
    assert not judge_walks([], STANDING, retired={}, half=0).holds


def test_a_control_passes_only_when_losses_were_seen() -> None:
    control = Row("control", lambda _stage: Verdict(), must_lose=True)
    assert control.passes(Verdict(acked=5, lost=1))
    assert not control.passes(Verdict(acked=5))


def test_the_journal_keeps_every_walk(tmp_path: Path) -> None:
    given_up = Walk(version="v1", entered=1.0, ended=2.0, failure="GaveUp 503", troubles={"503": 9})
    with Journal(tmp_path / "0.jsonl") as journal:
        journal.add(TOLD)
        journal.add(given_up)
    assert read_walks(tmp_path) == [given_up, TOLD]
    lines = (tmp_path / "0.jsonl").read_bytes().splitlines()
    assert [UNACKNOWLEDGED in line for line in lines] == [False, True]


def test_a_probe_that_breaks_is_seen(tmp_path: Path) -> None:
    site: Any = SimpleNamespace(facilities=["clinic"], cards=tmp_path / "none")
    services: Any = None
    with pytest.raises(FileNotFoundError), Withdrawing(site, services):
        pass


def test_a_row_that_tried_no_retirement_or_withdrawal_shows_nothing() -> None:
    verdict = judge_walks([TOLD], STANDING, retired={}, half=0)
    assert verdict.with_seen(seen=Seen(unanswered=3), load="", note="").holds
    for seen in (Seen(untried=1), Seen(stale=1), Seen(crashed=1)):
        assert not verdict.with_seen(seen=seen, load="", note="").holds
    assert not verdict.with_jobs(lost=0, doubled=0, untried=1).holds
