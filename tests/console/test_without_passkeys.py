"""A site whose address is a number: browsers make no passkeys for it, so nothing offers one."""

import pytest

from tests.console.office import Office
from zaitaku.accounts.own_sign_in import OwnSignInService

NUMBER = "この受付のアドレスは数字（IPアドレス）のため、パスキーを使えません"


@pytest.fixture(autouse=True)
def number_for_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OwnSignInService, "can_have_passkeys", property(lambda _: False))


def test_the_login_page_leads_to_none(office: Office) -> None:
    browser = office.browser()
    browser.get("/console/login")
    assert "パスキー" not in browser.text


@pytest.mark.parametrize("path", ["own-sign-in", "second-factor"])
def test_the_reason_is_told_once_and_no_button_offered(office: Office, path: str) -> None:
    browser = office.logged_in()
    browser.get(f"/console/{path}")
    assert browser.text.count(NUMBER) == 1
    assert "パスキーを登録する" not in browser.links()
