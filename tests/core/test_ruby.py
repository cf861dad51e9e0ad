"""Readings in texts, and where the lines of a text with readings may end."""

import pytest

from zaitaku.core import ruby


def lines(text: str) -> list[str]:
    """Return the pieces between which a line may end, as they are written."""
    marked = str(ruby.markup(text)).replace("<ruby>", "{").replace("<rp>(</rp><rt>", "|")
    return marked.replace("</rt><rp>)</rp></ruby>", "}").split("<wbr>")


@pytest.mark.parametrize(
    "pieces",
    [
        ["パソコンで、{番号|ばんごう}を", "{入|い}れます。"],
        ["{下|した}の", "ボタンを", "{押|お}すと、この", "{画面|がめん}が", "{出|で}ます。"],
        ["{読|よ}み{取|と}り", "アプリも", "{要|い}ります。"],
        ["この", "アプリに、お{電話|でんわ}して", "ください。"],
        ["{終|お}わっていない", "ときは、もう", "{一度|いちど}できます。"],
        ["{電子|でんし}{証明書|しょうめいしょ}を", "{読|よ}む", "ことができます。"],
    ],
)
def test_a_line_ends_before_a_word_and_never_inside_one(pieces: list[str]) -> None:
    assert lines("".join(pieces)) == pieces


def test_a_text_without_readings_is_left_to_the_browser() -> None:
    assert str(ruby.markup("この画面のボタン <&")) == "この画面のボタン &lt;&amp;"
