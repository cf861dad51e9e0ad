"""One administrator who registers in bulk, and the worker."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.accounts.conftest import CODE, new_facility
from tests.jobs.conftest import KEEP
from zaitaku.accounts.import_result import RowResult, results_in
from zaitaku.accounts.import_seal import PasswordSeal
from zaitaku.accounts.import_table import HEADINGS
from zaitaku.accounts.imports import AccountImports
from zaitaku.accounts.model import Account, Role
from zaitaku.accounts.passwords import Passwords
from zaitaku.accounts.service import AccountService, Staff
from zaitaku.accounts.store import AccountStore
from zaitaku.audit.model import Entry
from zaitaku.audit.store import AuditTrail
from zaitaku.core.clock import FixedClock
from zaitaku.core.database import Database
from zaitaku.core.ephemeral import EphemeralStore
from zaitaku.core.signing import Keyring
from zaitaku.jobs.model import Job, JobKind
from zaitaku.jobs.runner import Runner
from zaitaku.jobs.service import JobService

KEYS = Keyring(("k" * 16 + "0123456789abcdef",))
GOOD = ("一般", "ippan01", "みどりたろう", "ミドリタロウ", "", "")


@dataclass
class Desk:
    """One administrator who registers in bulk, and the worker."""

    database: Database
    clock: FixedClock
    imports: AccountImports
    jobs: JobService
    staff: Staff

    def hand_in(self, *rows: Sequence[str], codec: str = "utf-8-sig") -> Job:
        text = io.StringIO(newline="")
        csv.writer(text).writerows([HEADINGS, *rows])
        content = text.getvalue().encode(codec)
        return self.imports.hand_in(self.staff, content, file_name="a.csv", actor="kanri みどり")

    def done(self, *rows: Sequence[str], codec: str = "utf-8-sig") -> Job:
        held = self.hand_in(*rows, codec=codec)
        self.jobs.release(self.staff.facility.id, held.id)
        self.work()
        return self.jobs.find(self.staff.facility.id, held.id)

    @property
    def runner(self) -> Runner:
        handlers = {JobKind.ACCOUNT_IMPORT: self.imports.handle}
        return Runner(database=self.database, clock=self.clock, handlers=handlers, keep=KEEP)

    def work(self) -> None:
        self.runner.work_off()

    def results(self, job: Job) -> list[RowResult]:
        _, _, content = self.jobs.result(job.facility_id, job.id)
        return list(results_in(content))

    def told(self, job: Job) -> Mapping[int, str]:
        """Have the initial passwords told, as the console does."""
        passwords = self.imports.passwords(job)
        if passwords:
            self.imports.note_telling(job, actor="kanri みどり")
        return passwords

    def accounts(self) -> dict[str, Account]:
        with self.database.reading() as connection:
            found = AccountStore(connection, self.staff.facility.id).all()
        return {each.user_id: each for each in found}

    def user_ids(self) -> set[str]:
        return set(self.accounts())

    def entries(self) -> list[Entry]:
        with self.database.reading() as connection:
            return list(AuditTrail(connection, self.staff.facility.id).entries())


def opened(database: Database, clock: FixedClock, ephemeral: EphemeralStore) -> Desk:
    passwords = Passwords(memory_kibibytes=8, iterations=1)
    facility = new_facility(database, clock, CODE)
    admin = AccountService(
        database=database, ephemeral=ephemeral, clock=clock, passwords=passwords
    ).register(
        facility.id, role=Role.ADMIN, user_id="kanri", name="みどり", kana="ミドリ", actor="test"
    )
    jobs = JobService(database=database, clock=clock)
    imports = AccountImports(
        database=database, clock=clock, jobs=jobs, passwords=passwords, seal=PasswordSeal(KEYS)
    )
    return Desk(database, clock, imports, jobs, Staff(admin.account, facility))
