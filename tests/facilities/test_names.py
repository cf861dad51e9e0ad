"""Names, telephone numbers and hours: what is kept can be printed, what cannot is named."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zaitaku.core.errors import InvalidField
from zaitaku.facilities.errors import UnprintableCharacters
from zaitaku.facilities.fonts import font_folder, printable_characters
from zaitaku.facilities.names import (
    HOURS_CHARACTERS,
    NAME_CHARACTERS,
    check_display_name,
    check_hours,
    check_name,
    check_phone,
)

any_text = st.text(max_size=80)


def test_the_font_comes_with_its_licence() -> None:
    licence = (font_folder() / "OFL.txt").read_text()
    assert "SIL OPEN FONT LICENSE Version 1.1" in licence
    assert "The BIZ UDGothic Project Authors" in licence


@pytest.mark.parametrize(
    "name",
    [
        "髙橋内科",
        "﨑山医院",
        "①番町クリニック☎",
        "神田（㈱）・〜",
        "Ｄｒ．Ａ’s 診療所",
    ],
)
def test_uncommon_characters_of_real_names_are_kept_as_they_are(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("𠮷田医院", "𠮷"),
        ("🏥みどり医院😀", "🏥😀"),
        ("みどり\x00医院", "\x00"),
        ("みど\u00adり", "\u00ad"),
        ("み\u0334どり", "\u0334"),
        ("★", "★"),
    ],
)
def test_characters_without_a_glyph_are_named(name: str, missing: str) -> None:
    with pytest.raises(UnprintableCharacters) as caught:
        check_name(name)
    assert caught.value.characters == "".join(sorted(missing))
    assert (caught.value.field, caught.value.rule) == ("registered_name", "unprintable-character")


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  みどり　在宅  ", "みどり　在宅"),
        ("みどり \t\r\n 在宅", "みどり 在宅"),
        ("ひばりか\u3099丘フ\u309aラザ", "ひばりが丘プラザ"),
        ("\ufa19田医院", "\ufa19田医院"),
    ],
)
def test_a_name_is_tidied_but_no_shape_is_swapped(typed: str, kept: str) -> None:
    assert check_name(typed) == kept


@pytest.mark.parametrize("name", ["", " ", "　\t"])
def test_a_registered_name_is_required_and_a_display_name_is_not(name: str) -> None:
    with pytest.raises(InvalidField) as caught:
        check_name(name)
    assert caught.value.rule == "required"
    assert check_display_name(name) == ""


def test_the_longest_texts_are_kept() -> None:
    assert check_name("あ" * NAME_CHARACTERS) == "あ" * NAME_CHARACTERS
    assert check_hours("あ" * HOURS_CHARACTERS) == "あ" * HOURS_CHARACTERS


@pytest.mark.parametrize(
    ("check", "longest", "field"),
    [
        (check_name, NAME_CHARACTERS, "registered_name"),
        (check_display_name, NAME_CHARACTERS, "display_name"),
        (check_hours, HOURS_CHARACTERS, "hours"),
    ],
)
def test_longer_texts_are_refused(check: Callable[[str], str], longest: int, field: str) -> None:
    with pytest.raises(InvalidField) as caught:
        check("あ" * (longest + 1))
    assert (caught.value.field, caught.value.rule) == (field, "too-long")


def test_hours_may_be_empty_but_must_be_printable() -> None:
    assert check_hours("  ") == ""
    with pytest.raises(UnprintableCharacters):
        check_hours("月〜金 🕘")


@given(any_text)
def test_a_kept_name_is_printable_and_checking_it_again_changes_nothing(typed: str) -> None:
    try:
        kept = check_name(typed)
    except InvalidField:
        return
    assert 0 < len(kept) <= NAME_CHARACTERS
    assert {ord(character) for character in kept} <= printable_characters()
    assert check_name(kept) == kept


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("03-1234-5678", "03-1234-5678"),
        ("０３−１２３４−５６７８", "03-1234-5678"),
        ("03ー1234ー5678", "03-1234-5678"),
        ("03（1234）5678", "03-1234-5678"),
        ("(03) 1234 5678", "03-1234-5678"),
        (" 0312345678 ", "0312345678"),
        ("0120-123-456", "0120-123-456"),
        ("090 1234 5678", "090-1234-5678"),
    ],
)
def test_telephone_numbers_are_kept_in_one_form(typed: str, kept: str) -> None:
    assert check_phone(typed) == kept


@pytest.mark.parametrize(
    "typed",
    [
        "12-3456-7890",
        "03-1234-567",
        "090-1234-56789",
        "03-1234-567x",
        "+81-3-1234-5678",
        "٠٣١٢٣٤٥٦٧٨",
    ],
)
def test_other_telephone_numbers_are_refused(typed: str) -> None:
    with pytest.raises(InvalidField) as caught:
        check_phone(typed)
    assert (caught.value.field, caught.value.rule) == ("phone", "phone")


def test_a_telephone_number_is_required() -> None:
    with pytest.raises(InvalidField) as caught:
        check_phone(" - ")
    assert caught.value.rule == "required"


@given(any_text | st.from_regex(r"[0-9０-９\- ー（）]{8,16}", fullmatch=True))
def test_a_kept_telephone_number_can_be_dialled(typed: str) -> None:
    try:
        kept = check_phone(typed)
    except InvalidField:
        return
    digits = kept.replace("-", "")
    assert digits.isascii()
    assert digits.isdigit()
    assert digits.startswith("0")
    assert len(digits) in {10, 11}
    assert check_phone(kept) == kept
