"""「すべて」 answers what its page showed, and nothing that comes later."""

import pytest

from tests.patient.site import Visitor


@pytest.mark.parametrize("mode", ["all", "none"])
def test_a_shortcut_does_not_answer_what_the_facility_asks_later(
    visitor: Visitor, mode: str
) -> None:
    visitor.site.change_settings(surgery=False)
    journey = visitor.walk_to_check(mode=mode)
    visitor.site.change_settings(surgery=True)
    visitor.get(f"{journey}/check")
    assert visitor.location == f"{journey}/items/surgery?change=yes"
    assert "checked" not in visitor.text.partition("<form")[2]
    visitor.send("refuse")
    assert visitor.location == f"{journey}/check"


def test_a_shortcut_answers_only_items_that_its_form_names(visitor: Visitor) -> None:
    visitor.start()
    visitor.prepare()
    visitor.send("self")
    visitor.send()
    visitor.send("all", items="checkup nonsense")
    assert visitor.location.endswith("/items/surgery")


@pytest.mark.parametrize("mode", ["all", "none"])
def test_a_shortcut_is_not_offered_again_over_an_answer_that_differs(
    visitor: Visitor, mode: str
) -> None:
    journey = visitor.walk_to_check(mode=mode)
    visitor.get(f"{journey}/choose")
    assert visitor.chosen() == mode
    visitor.get(f"{journey}/items/clinical?change=yes")
    visitor.send("refuse" if mode == "all" else "grant")
    visitor.get(f"{journey}/choose")
    assert visitor.chosen() == "each"
