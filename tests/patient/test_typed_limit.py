"""Typing numbers: only mistakes count towards the limit."""

from tests.patient.site import Visitor
from zaitaku.blueprints.patient.entry_views import TYPED_LIMIT


def test_right_numbers_use_nothing_up(visitor: Visitor) -> None:
    number = visitor.site.version().typed_number
    for _ in range(TYPED_LIMIT + 2):
        visitor.get("/e")
        assert visitor.send(number=number) == 200
    visitor.get("/e")
    mistakes = [visitor.send(number="123") for _ in range(TYPED_LIMIT + 1)]
    assert mistakes == [422] * TYPED_LIMIT + [429]
