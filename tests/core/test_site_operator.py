"""Who runs a deployment, as its settings say."""

import pytest

from zaitaku.core.errors import SettingsError
from zaitaku.core.site_operator import SiteOperator

NAMED = {"ZAITAKU_OPERATOR_NAME": " 一般社団法人 みどり医師会 "}


def test_what_is_not_said_is_empty() -> None:
    assert SiteOperator.from_env({}) == SiteOperator("", "", "")


def test_it_is_read_as_it_is_written() -> None:
    found = SiteOperator.from_env(
        {
            **NAMED,
            "ZAITAKU_OPERATOR_PHONE": "０３-1234-5678",
            "ZAITAKU_PRIVACY_URL": "https://midori.example/privacy?lang=ja",
        }
    )
    assert found == SiteOperator(
        "一般社団法人 みどり医師会", "03-1234-5678", "https://midori.example/privacy?lang=ja"
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OPERATOR_NAME", "あ" * 101),
        ("OPERATOR_NAME", "みどり\n医師会"),
        ("OPERATOR_NAME", "みどり\u2028医師会"),
        ("OPERATOR_NAME", "みどり\u202e医師会"),
        ("OPERATOR_PHONE", "110"),
        ("OPERATOR_PHONE", "03 1234 5678"),
        ("OPERATOR_PHONE", "03-1234-5678-9012-3456"),
        ("OPERATOR_PHONE", "tel:0312345678"),
        ("PRIVACY_URL", "http://midori.example/privacy"),
        ("PRIVACY_URL", "javascript:alert(1)"),
        ("PRIVACY_URL", "https://"),
        ("PRIVACY_URL", "https://midori.example:0/"),
        ("PRIVACY_URL", "https://midori.example:x/"),
        ("PRIVACY_URL", "https://midori.example/プライバシー"),
    ],
)
def test_a_value_that_breaks_its_rule_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"ZAITAKU_{name}"):
        SiteOperator.from_env({**NAMED, f"ZAITAKU_{name}": value})


@pytest.mark.parametrize(
    "name", ["一般社団法人　みどり医師会", "Midori\u00a0Clinic", "みどり 医師会"]
)
def test_a_name_may_have_any_kind_of_space(name: str) -> None:
    assert SiteOperator.from_env({"ZAITAKU_OPERATOR_NAME": name}).name == name


@pytest.mark.parametrize("phone", ["０３ー１２３４ー５６７８", "03−1234‐5678", " 03-1234-5678　"])
def test_a_telephone_is_read_as_keyboards_write_it(phone: str) -> None:
    found = SiteOperator.from_env({**NAMED, "ZAITAKU_OPERATOR_PHONE": phone})
    assert found.phone == "03-1234-5678"


def test_a_telephone_of_nobody_is_refused() -> None:
    for name, value in (
        ("ZAITAKU_OPERATOR_PHONE", "03-1234-5678"),
        ("ZAITAKU_PRIVACY_URL", "https://midori.example/"),
    ):
        with pytest.raises(SettingsError, match=f"ZAITAKU_OPERATOR_NAME: .* {name}"):
            SiteOperator.from_env({name: value})
