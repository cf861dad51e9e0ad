"""Everything that docs/rehearse.md promises, with the programs that it names."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sdk.rehearsing import HOUSE, Stand, stand
from zaitaku.sandbox.people import PIN

TABLE = re.compile(
    r"^\| `([a-z-]+)`[^|]* \| ([^|]+) \| `([a-z-]+)` \| `([a-z-]+)` \|$", re.MULTILINE
)
ROWS = TABLE.findall((HOUSE / "docs" / "rehearse.md").read_text("utf-8"))
A_BRIDGE_TAKES = 8
"""PINs in a row; more would run into its pace."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cards and keys outlive the programs."""
    return tmp_path_factory.mktemp("rehearsal")


@pytest.fixture(scope="module")
def here(folder: Path) -> Iterator[Stand]:
    with stand(folder) as running:
        yield running


@pytest.fixture(scope="module")
def later(folder: Path, here: Stand) -> Iterator[Stand]:
    """The same again: what was kept is found again."""
    with stand(folder) as running:
        yield running


def test_the_table_has_every_card(here: Stand) -> None:
    assert [row[0] for row in ROWS] == [card["id"].partition("-")[2] for card in here.cards]
    assert {card["pin"] for card in here.cards} == {PIN}


@pytest.mark.parametrize(("case", "act", "page", "site"), ROWS, ids=[row[0] for row in ROWS])
def test_each_card_does_what_the_table_says(
    request: pytest.FixtureRequest, case: str, act: str, page: str, site: str
) -> None:
    typing = [row[0] for row in ROWS if "`1234`" in row[1]]
    is_late = case in typing[A_BRIDGE_TAKES:]
    running: Stand = request.getfixturevalue("later" if is_late else "here")
    running.lay(case)
    assert running.ask() == page
    if case in typing:
        running.visitor.submit("/pin", pin=PIN)
    else:
        running.visitor.submit("/cancel")
    assert running.outcome() == site
    assert ("やめて" in act) is (site == "cancelled")


def test_a_wrong_pin_twice_stops_and_nothing_is_registered(here: Stand) -> None:
    here.lay("takahashi-kiyo")
    here.ask()
    here.visitor.submit("/pin", pin="9999")
    assert here.visitor.page == "pin"
    here.visitor.submit("/pin", pin="9999")
    assert here.visitor.page == "last-try"
    here.visitor.submit("/cancel")
    assert here.outcome() == "cancelled"


def test_a_refusal_is_signed_like_a_consent(later: Stand) -> None:
    later.lay("yamada-hanako")
    assert later.ask("no") == "pin"
    later.visitor.submit("/pin", pin=PIN)
    assert later.outcome() == "verified"
    assert "refuse" in later.visitor.text


def test_the_code_is_good_once_and_in_one_browser(later: Stand) -> None:
    later.lay("sato-taro")
    later.ask()
    later.visitor.submit("/pin", pin=PIN)
    address = later.visitor.url
    assert later.outcome() == "verified"
    later.visitor.get(address)
    assert later.outcome() == "outcome-unknown"
