"""Readers' names for people."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zaitaku.cardbridge.web.readernames import friendly, friendly_names

LETTERS = st.text(alphabet="AB 0()[]7f\u3042", max_size=12)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Sony FeliCa Port/PaSoRi 4.0 00 00", "Sony FeliCa Port/PaSoRi 4.0"),
        ("Sony FeliCa Port/PaSoRi 4.0 0", "Sony FeliCa Port/PaSoRi 4.0"),
        (
            "SCM Microsystems Inc. SCR 3310 [CCID Interface] (21120924213412) 00 00",
            "SCM Microsystems Inc. SCR 3310",
        ),
        ("Gemalto PC Twin Reader (A1B2C3) 01 00", "Gemalto PC Twin Reader"),
        ("ACS ACR1252 Dual Reader [ACR1252 Dual Reader PICC] 00 00", "ACS ACR1252 Dual Reader"),
        ("Zaitaku Virtual Reader", "Zaitaku Virtual Reader"),
        ("(123)", "(123)"),
        ("  ", "?"),
    ],
)
def test_a_name_is_what_is_printed_on_the_reader(name: str, told: str) -> None:
    assert friendly(name) == told


def test_two_of_the_same_make_are_numbered() -> None:
    names = ["Same 00 00", "Other 01 00", "Same 02 00"]
    assert list(friendly_names(names).values()) == ["Same (1)", "Other", "Same (2)"]


@given(st.lists(LETTERS, max_size=6))
def test_each_reader_has_a_name_of_its_own(names: list[str]) -> None:
    told = friendly_names(names)
    assert set(told) == set(names)
    assert len(set(told.values())) == len(told)
    assert all(name.strip() for name in told.values())


@given(st.text(alphabet="0123456789ABCDEF", min_size=3, max_size=16))
def test_a_serial_number_is_not_shown(serial: str) -> None:
    assert serial not in friendly(f"Make Model [CCID] ({serial}) 00 00")
