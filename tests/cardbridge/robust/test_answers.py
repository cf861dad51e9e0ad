"""At each command the card answers something wrong: garbage, too much, too little, without end."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import pytest

from tests.cardbridge.robust.lanes import (
    DONE,
    MOST_LANES,
    Lane,
    Log,
    Results,
    kept_log,
    lanes,
    run_all,
)
from tests.cardbridge.robust.tricky import LOOK, SIGN, Step, undisturbed
from tests.pcscd import pcscd
from zaitaku.cardbridge.card.jpki import PIN_TRIES

pytestmark = [pytest.mark.pcscd, pytest.mark.enable_socket]

Change = Callable[[bytes], bytes]

CHANGES: Final[dict[str, Change]] = {
    "one-byte": lambda answer: answer[:1],
    "only-status": lambda _: b"\x90\x00",
    "too-short": lambda answer: answer[: len(answer) // 2 - 1] + answer[-2:],
    "too-long": lambda answer: answer[:-2] + bytes(300) + answer[-2:],
    "far-too-long": lambda answer: answer[:-2] + bytes(65_000) + answer[-2:],
    "bit-turned": lambda answer: bytes([answer[0] ^ 4]) + answer[1:],
    "garbage": lambda _: b"\x5a" * 37 + b"\x12\x34",
    "garbage-well-ended": lambda _: b"\x5a" * 37 + b"\x90\x00",
    "unknown-failure": lambda _: b"\x6f\x00",
    "not-allowed": lambda _: b"\x69\x82",
}
LASTING: Final[dict[str, Change]] = {
    "61-without-end": lambda _: bytes(256) + b"\x61\x00",
    "61-byte-by-byte": lambda _: b"\x30\x61\x01",
    "61-of-nothing": lambda _: b"\x61\x10",
    "6c-without-end": lambda _: b"\x6c\x10",
}
"""These go on until the session ends."""

WELL: Final = "as if nothing had happened"
ANY: Final = frozenset[str]()
SILENT: Final = frozenset({"select-applet", "select-pin", "select-certificate", "select-key"})
"""Their answer is a status and nothing else; so is that of ``tries`` and ``verify``."""
BARE: Final = SILENT | {"tries", "verify"}
APPLET: Final = frozenset({"select-applet"})
READ: Final = frozenset({"read-head", "read-part"})
LENGTHS: Final = frozenset(
    {"only-status", "too-short", "too-long", "far-too-long", "garbage-well-ended"}
)

FAULT: Final = "card-fault"


@dataclass(frozen=True)
class Rule:
    """One row of the specification."""

    pages: frozenset[str]
    changes: frozenset[str] = ANY
    kinds: frozenset[str] = ANY
    session: str = ""

    def holds(self, case: "Case") -> bool:
        """Tell whether the row is about ``case``."""
        return (
            (not self.changes or case.change in self.changes)
            and (not self.kinds or case.step.kind in self.kinds)
            and self.session in ("", case.step.session)
        )


def row(*pages: str, at: frozenset[str] = ANY, of: str = "", when: frozenset[str]) -> Rule:
    """Return a row: which page, at which commands, of which session, when what is answered."""
    return Rule(frozenset(pages), when, at, of)


SPECIFICATION: Final = (
    # An answer without a status is none: the exchange was broken off, as by a pulled card.
    row("card-removed", when=frozenset({"one-byte"})),
    # A status is all that counts; what comes with it is passed over.
    row(WELL, at=BARE, when=LENGTHS),
    # Phones want the PIN before they give their certificate: what was shown as a card is none now.
    row(WELL, at=READ, of=LOOK, when=frozenset({"not-allowed"})),
    row("card-changed", at=READ, of=SIGN, when=frozenset({"not-allowed"})),
    row(
        "card-changed",
        at=frozenset({"select-certificate"}),
        of=SIGN,
        when=frozenset({"not-allowed"}),
    ),
    # A card that refuses the applet's name is another card.
    row("not-my-number-card", at=APPLET, when=frozenset({"not-allowed", "6c-without-end"})),
    # Where in the certificate the bit lies decides: the bridge compares its beginning, and its key
    # with the signature. The rest is the issuer's, and the site looks at that.
    row("card-changed", FAULT, WELL, at=frozenset({"read-part"}), when=frozenset({"bit-turned"})),
    row(FAULT, when=ANY),
)
"""The first row that holds counts."""


@dataclass(frozen=True)
class Case:
    """One command is answered by something else."""

    step: Step
    change: str

    def __str__(self) -> str:
        return f"{self.step}-{self.change}"

    @property
    def is_of_the_certificate(self) -> bool:
        """Whether a bit of it is turned: it shows before or after the PIN."""
        return self.change == "bit-turned" and self.step.kind == "read-part"

    @property
    def pages(self) -> set[str]:
        """What the patient may see."""
        rule = next(rule for rule in SPECIFICATION if rule.holds(self))
        well = "pin" if self.step.session == LOOK else DONE
        return {well if page == WELL else page for page in rule.pages}


@dataclass(frozen=True)
class Outcome:
    """What the patient saw, and what it cost."""

    page: str
    tries: int
    pins: int
    proofs: int
    then: str


def cases() -> list[Case]:
    """Return every command with every answer."""
    return [Case(step, change) for step in undisturbed() for change in (*CHANGES, *LASTING)]


def run(lane: Lane, case: Case) -> Outcome:
    """Let it happen, then go on with a card that behaves."""
    journey = lane.begin()
    change = {**CHANGES, **LASTING}[case.change]
    looks = case.step.session == LOOK
    assert looks or journey.look() == "pin"
    lane.card.arm(case.step.number, lambda answer: change(answer()), lasts=case.change in LASTING)
    page = journey.look() if looks else journey.enter()
    seen = (page, lane.card.tries, lane.card.pins, len(lane.site.proofs))
    lane.card.disarm()
    return Outcome(*seen, then=DONE if page == DONE else journey.goes_on())


@pytest.fixture(scope="module")
def log() -> Iterator[Log]:
    with kept_log() as kept:
        yield kept


@pytest.fixture(scope="module")
def results(log: Log, tmp_path_factory: pytest.TempPathFactory) -> Results[Case, Outcome]:
    folder = tmp_path_factory.mktemp("answers")
    with pcscd(lanes=MOST_LANES), lanes(MOST_LANES, folder) as opened:
        return run_all(cases(), opened, run)


@pytest.mark.parametrize("case", cases(), ids=str)
def test_the_page_is_the_right_one_and_no_try_is_lost(
    results: Results[Case, Outcome], case: Case
) -> None:
    outcome = results.of(case)
    is_done = outcome.page == DONE
    assert outcome.page in case.pages
    assert outcome == Outcome(outcome.page, PIN_TRIES, outcome.pins, int(is_done), DONE)
    assert outcome.pins == (is_done or has_verified(case.step)) or case.is_of_the_certificate


def has_verified(step: Step) -> bool:
    """Tell whether the PIN has come to the card by then."""
    verify = next(each.number for each in undisturbed() if each.kind == "verify")
    return step.session == SIGN and step.number >= verify


def test_nothing_unforeseen_was_logged(results: Results[Case, Outcome], log: Log) -> None:
    assert log.has("card trouble: card-fault")
    assert log.crashes() == []
