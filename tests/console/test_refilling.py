"""What was typed goes back into the page's own form, and nowhere else."""

from hypothesis import given
from hypothesis import strategies as st

from tests.patient.lint import parse
from zaitaku.blueprints.refilling import Refilled, refill

PAGE = """<!DOCTYPE html><html lang="ja"><title>x</title><body><h1>&lt;x&gt;</h1>
<form method="get"><input name="text" value="search"></form>
<form method="post" action="/a?b=1&amp;c=2">
<input type="hidden" name="csrf_token" value="fresh"><input type="hidden" name="seen" value="9">
<input type="text" name="text" value="old"><input name="plain" required>
<input type="checkbox" name="box" value="1" checked><input type="checkbox" name="box" value="2">
<input type="radio" name="way" value="a" checked><input type="radio" name="way" value="b">
<select name="kind"><option value="p" selected>P</option><option value="q">Q</option></select>
<textarea name="long">before &amp; after</textarea><input type="password" name="word">
</form><form method="post" action="/other"><input name="text" value="other"></form>"""
NAMES = ("seen", "text", "plain", "box", "way", "kind", "long", "csrf_token", "word", "gone")


def filled(*pairs: tuple[str, str], page: str = PAGE) -> Refilled | None:
    return refill(
        page, "/a?b=1&c=2", pairs, note="<b>note</b>", may_fill=lambda name: "csrf" not in name
    )


def test_each_kind_of_field_takes_its_value() -> None:
    pairs = [("seen", "7"), ("text", "<新>"), ("plain", "2"), ("box", "2"), ("way", "b")]
    done = filled(*pairs, ("kind", "q"), ("long", "\n<b>"), ("csrf_token", "stale"), ("word", "x"))
    assert done is not None
    assert done.has_typing
    form = list(parse(done.page).iter("form"))[1]
    found = {each.attrib["name"]: each.attrib.get("value") for each in form.iter("input")}
    assert found["csrf_token"] == "fresh"
    assert (found["seen"], found["text"], found["plain"]) == ("7", "<新>", "2")
    assert found["word"] is None
    on = {each.attrib["value"] for each in form.iter("input") if "checked" in each.attrib}
    assert on == {"2", "b"}
    assert [each.text for each in form.iter("option") if "selected" in each.attrib] == ["Q"]
    assert [each.text for each in form.iter("textarea")] == ["\n<b>"]
    assert form[0].text == "note"


def test_a_page_without_the_form_and_a_form_without_typing_are_told_apart() -> None:
    assert filled(("text", "x"), page="<form method=post action='/z'></form>") is None
    only_tick = "<form method=post><input type=hidden name=v><input type=checkbox name=t></form>"
    done = filled(("t", "on"), page=only_tick)
    assert done is not None
    assert not done.has_typing


@given(
    st.lists(st.tuples(st.sampled_from(NAMES), st.text(st.characters(codec="utf-8"))), max_size=8)
)
def test_no_value_becomes_markup_or_leaves_its_form(pairs: list[tuple[str, str]]) -> None:
    done = filled(*pairs)
    assert done is not None
    outside = PAGE.split('<form method="post" action="/a')
    end = '</form><form method="post" action="/other">'
    assert done.page.startswith(outside[0])
    assert done.page.endswith(PAGE[PAGE.index(end) :])
    inside = done.page[len(outside[0]) : -len(PAGE[PAGE.index(end) :])]
    assert inside.count("<") == outside[1].split(end)[0].count("<") + 1 + len(("<b>", "</b>"))
