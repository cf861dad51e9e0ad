"""The sheet that hands an account over: one page, and a sandbox's says what it is."""

import pytest

from tests.accounts.test_service import register
from tests.conftest import NOW
from tests.reception.test_poster import _text
from zaitaku.accounts.model import Role
from zaitaku.accounts.service import AccountService
from zaitaku.accounts.sheets import Sheet, sheet_pdf
from zaitaku.facilities.model import Facility
from zaitaku.facilities.practice import ENGLISH_MARK, MARK


@pytest.mark.parametrize(
    ("role", "user_id"), [(Role.GENERAL, "ippan01"), (Role.WEB_API, "A0rece1")]
)
@pytest.mark.parametrize("is_practice", [False, True])
def test_a_sheet_of_a_sandbox_says_so_and_no_other(
    accounts: AccountService, facility: Facility, role: Role, user_id: str, *, is_practice: bool
) -> None:
    new = register(accounts, facility, user_id, role, password=None)
    sheet = Sheet(facility, new, "https://zaitaku.example/console/login", NOW, is_practice)
    said = _text(sheet_pdf(sheet))
    assert new.password in said
    assert said.startswith(MARK + "".join(ENGLISH_MARK.split())) is is_practice
    assert (MARK in said, "SANDBOX" in said) == (is_practice, is_practice)
