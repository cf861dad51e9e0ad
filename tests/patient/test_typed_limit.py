"""Typing numbers: only mistakes count towards the limit, and only those of one's own network."""

from collections.abc import Callable

import pytest

from tests.patient.handing import pair_of
from tests.patient.site import Site, Visitor
from zaitaku.blueprints.patient import entry_views, handover_computer_views

WRONG = "123"
PAGES = [("/e", entry_views.TYPED_LIMIT), ("/h", handover_computer_views.TYPED_LIMIT)]


def typing(visitor: Visitor, page: str, number: str) -> Callable[[str], int]:
    """Return what types ``number`` on ``page`` from a network address; its status."""
    visitor.get(page)
    fields = visitor.hidden() | {"number": number}

    def typed_from(address: str) -> int:
        return visitor.client.post(
            page,
            data=fields,
            base_url="http://localhost:8000",
            environ_overrides={"REMOTE_ADDR": address},
        ).status_code

    return typed_from


def number_for(site: Site, page: str) -> str:
    """Return a number that leads somewhere."""
    if page == "/e":
        return site.version().typed_number
    pair = pair_of(site)
    pair.show_code()
    return pair.kept.number


@pytest.mark.parametrize(("page", "most"), PAGES)
def test_right_numbers_use_nothing_up(site: Site, page: str, most: int) -> None:
    visitor = site.visitor()
    right, wrong = typing(visitor, page, number_for(site, page)), typing(visitor, page, WRONG)
    assert {right("192.0.2.1") for _ in range(most + 2)} == {303}
    assert [wrong("192.0.2.1") for _ in range(most + 1)] == [422] * most + [429]
    assert right("192.0.2.1") == 429


@pytest.mark.parametrize(("page", "most"), PAGES)
@pytest.mark.parametrize(
    ("neighbour", "stranger"),
    [
        (lambda _: "192.0.2.1", "192.0.2.2"),
        (lambda number: f"2001:db8:1:2::{number:x}", "2001:db8:1:3::1"),
    ],
)
def test_mistakes_count_for_the_network_that_makes_them(
    visitor: Visitor, page: str, most: int, neighbour: Callable[[int], str], stranger: str
) -> None:
    wrong = typing(visitor, page, WRONG)
    assert {wrong(neighbour(number)) for number in range(most)} == {422}
    assert wrong(neighbour(most)) == 429
    assert wrong(stranger) == 422


def test_the_two_kinds_of_numbers_are_counted_apart(visitor: Visitor) -> None:
    wrong = typing(visitor, "/h", WRONG)
    while wrong("192.0.2.1") != 429:
        pass
    assert typing(visitor, "/e", WRONG)("192.0.2.1") == 422


@pytest.mark.parametrize(("page", "_"), PAGES)
def test_no_number_at_all(visitor: Visitor, page: str, _: int) -> None:
    visitor.get(page)
    assert visitor.send() == 422
    assert "番号を入力してください。" in visitor.text
