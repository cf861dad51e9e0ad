"""One facility's people and all ways in, for tests of logins."""

from dataclasses import dataclass
from datetime import datetime

from tests.accounts.conftest import CODE, PASSWORD, attempt, new_facility
from tests.accounts.software_key import SoftwareKey
from tests.accounts.test_service import register
from zaitaku.accounts.own_sign_in import NewPasskey, OwnSignInService
from zaitaku.accounts.passkeys import Ceremonies, RelyingParty
from zaitaku.accounts.passwords import Passwords
from zaitaku.accounts.second_factor import (
    SecondFactorService,
)
from zaitaku.accounts.service import AccountService, Staff
from zaitaku.accounts.sessions import (
    PASSWORD_ONLY,
    Entrance,
    Session,
    Sessions,
)
from zaitaku.accounts.sign_in_model import (
    Stage,
)
from zaitaku.accounts.store import account as account_table
from zaitaku.audit.model import Act
from zaitaku.audit.store import AuditTrail
from zaitaku.core.clock import FixedClock
from zaitaku.core.database import Database
from zaitaku.core.ephemeral import EphemeralStore

ORIGIN = "http://localhost:8000"
ADDRESS = "192.0.2.1"


@dataclass
class Door:
    """One facility's people, and all ways in."""

    own: OwnSignInService
    second: SecondFactorService
    sessions: Sessions
    accounts: AccountService
    database: Database
    clock: FixedClock
    staff: Staff

    def session(self, entrance: Entrance = PASSWORD_ONLY) -> Session:
        version = self.staff.facility.settings_version
        name = self.sessions.open(self.staff.account, version, entrance)
        return self.sessions.resume(name, by_person=True)

    def register(
        self, key: SoftwareKey, name: str = "受付", entrance: Entrance = PASSWORD_ONLY
    ) -> NewPasskey:
        session = self.session(entrance)
        ceremony = self.own.begin(self.staff.account, session)
        return self.own.register(
            self.staff.account,
            session,
            ceremony=ceremony.name,
            answer=key.create(ceremony.options),
            name=name,
        )

    def log_in(self, key: SoftwareKey, address: str = ADDRESS) -> Staff:
        ceremony = self.second.begin_login()
        answer = key.get(ceremony.options)
        return self.second.log_in(ceremony=ceremony.name, answer=answer, address=address)

    def step(self, key: SoftwareKey) -> None:
        account, session = self.staff.account, self.session()
        ceremony = self.second.begin_second_step(account, session)
        answer = key.get(ceremony.options)
        self.second.pass_by_passkey(account, session, ceremony=ceremony.name, answer=answer)

    def stage(self) -> Stage:
        return self.second.stage_after_password(self.staff.account)

    def last_login(self) -> datetime | None:
        (account,) = self.accounts.all_of(self.staff.facility.id)
        return account.last_login_at

    def change_account(self, **values: object) -> None:
        with self.database.transaction() as connection:
            connection.execute(account_table.update().values(values))

    def acts(self) -> list[Act]:
        with self.database.reading() as connection:
            trail = AuditTrail(connection, self.staff.facility.id)
            return [entry.act for entry in trail.entries()]


def door(
    database: Database, ephemeral: EphemeralStore, clock: FixedClock, passwords: Passwords
) -> Door:
    facility = new_facility(database, clock, CODE)
    accounts = AccountService(
        database=database, ephemeral=ephemeral, clock=clock, passwords=passwords
    )
    register(accounts, facility)
    sessions = Sessions(ephemeral=ephemeral, clock=clock)
    ceremonies = Ceremonies(ephemeral=ephemeral, relying_party=RelyingParty.of(ORIGIN))
    return Door(
        OwnSignInService(database=database, ceremonies=ceremonies, sessions=sessions, clock=clock),
        SecondFactorService(
            database=database, ephemeral=ephemeral, ceremonies=ceremonies, clock=clock
        ),
        sessions,
        accounts,
        database,
        clock,
        accounts.authenticate(attempt(PASSWORD)),
    )
