"""The two accounts that come into being with their facility: マスタ and マスタリセット用."""

from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection

from zaitaku.accounts.model import NewAccount, Role, check_user_id
from zaitaku.accounts.passwords import Passwords
from zaitaku.accounts.registering import AccountValues, found_account
from zaitaku.core.clock import Clock
from zaitaku.core.errors import InvalidField
from zaitaku.core.ids import FacilityId
from zaitaku.facilities.model import FacilityKind

MASTER_ID: Final = "master"
MASTER_RESET_ID: Final = "mreset"


@dataclass
class Founders:
    """Makes both accounts in the transaction that makes the facility.

    Raises:
        InvalidField: a user ID breaks its rule, or both are the same.
    """

    passwords: Passwords
    clock: Clock
    kind: FacilityKind
    master_id: str = MASTER_ID
    master_reset_id: str = MASTER_RESET_ID
    made: list[NewAccount] = field(default_factory=list)
    """Both accounts with their initial passwords, once the transaction has run."""

    def __post_init__(self) -> None:
        self.master_id = check_user_id(Role.MASTER, self.master_id, self.kind)
        self.master_reset_id = check_user_id(Role.MASTER_RESET, self.master_reset_id, self.kind)
        if self.master_id.upper() == self.master_reset_id.upper():
            raise InvalidField("user_id", "twice")

    def __call__(self, connection: Connection, facility_id: FacilityId, actor: str) -> None:
        """Add both accounts; for ``FacilityService.add``."""
        self.made = [
            found_account(
                connection,
                facility_id,
                values,
                passwords=self.passwords,
                actor=actor,
                at=self.clock.now(),
            )
            for values in self._values()
        ]

    def _values(self) -> tuple[AccountValues, AccountValues]:
        return (
            AccountValues(Role.MASTER, self.master_id, "マスタ", "マスタ"),
            AccountValues(
                Role.MASTER_RESET, self.master_reset_id, "マスタリセットヨウ", "マスタリセットヨウ"
            ),
        )
