"""アカウント一括登録: checked first, then done by a worker, all or nothing (domain.md §5)."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, BinaryIO, Final, Self

from sqlalchemy import Connection

from zaitaku.accounts.errors import PasswordsLost, PasswordsNotTold, SubmitterGone
from zaitaku.accounts.import_result import LINES, RowFate, RowResult
from zaitaku.accounts.import_seal import PasswordSeal
from zaitaku.accounts.import_table import CheckedRow, TableCheck, as_stream
from zaitaku.accounts.managing import manageable_by
from zaitaku.accounts.model import PERMISSIONS, Permission, Role, UserKey, user_key
from zaitaku.accounts.passwords import Passwords
from zaitaku.accounts.registering import (
    AccountValues,
    account_row,
    initial_columns,
    registration_detail,
)
from zaitaku.accounts.service import Staff
from zaitaku.accounts.store import AccountStore
from zaitaku.audit.model import Act
from zaitaku.audit.store import Record, append, append_many
from zaitaku.core.clock import JST, Clock, japan_date
from zaitaku.core.database import Database
from zaitaku.core.errors import NotFound, ZaitakuError
from zaitaku.core.ids import FacilityId
from zaitaku.core.sealing import SealBroken
from zaitaku.core.tables_in import TableUnreadable
from zaitaku.facilities.model import Facility
from zaitaku.facilities.store import FacilityStore, lock_facility
from zaitaku.jobs.context import JobContext
from zaitaku.jobs.model import Job, JobKind, JobState
from zaitaku.jobs.service import JobService

INSERTED_AT_ONCE: Final = 500


class ImportState(StrEnum):
    """How a bulk registration stands or ended (domain.md §5)."""

    HELD = "held"
    WAITING = "waiting"
    RUNNING = "running"
    REGISTERED = "registered"
    PARTLY = "partly-duplicate"
    INPUT_ERRORS = "input-errors"
    STRUCTURE_ERROR = "structure-error"
    SYSTEM_ERROR = "system-error"


IMPORT_STATE_NAMES: Final = MappingProxyType(
    {
        ImportState.HELD: "確認待ち",
        ImportState.WAITING: "登録待ち",
        ImportState.RUNNING: "登録中",
        ImportState.REGISTERED: "登録完了",
        ImportState.PARTLY: "登録完了(一部ID重複)",
        ImportState.INPUT_ERRORS: "登録失敗(入力チェックエラー)",
        ImportState.STRUCTURE_ERROR: "登録失敗(ファイル構造エラー)",
        ImportState.SYSTEM_ERROR: "登録失敗(システムエラー)",
    }
)
"""The manual's words."""

_BEFORE_END: Final = {
    JobState.HELD: ImportState.HELD,
    JobState.WAITING: ImportState.WAITING,
    JobState.RUNNING: ImportState.RUNNING,
    JobState.FAILED: ImportState.SYSTEM_ERROR,
}


def import_state(job: Job) -> ImportState:
    """Return how the bulk registration of ``job`` stands."""
    return _BEFORE_END.get(job.state) or ImportState(job.outcome)


@dataclass(frozen=True)
class Preview:
    """What would become of a file now, row by row."""

    rows: tuple[tuple[CheckedRow, RowFate], ...]

    @classmethod
    def of(cls, rows: Sequence[CheckedRow], taken: Collection[UserKey]) -> Self:
        """Decide for each row; one mistake, and nothing is registered."""
        is_refused = any(row.values is None for row in rows)
        good = RowFate.LEFT if is_refused else RowFate.REGISTERED
        return cls(tuple((row, _fate(row, taken, good)) for row in rows))

    def count(self, fate: RowFate) -> int:
        """Return how many rows would end so."""
        return sum(each is fate for _, each in self.rows)


def _fate(row: CheckedRow, taken: Collection[UserKey], good: RowFate) -> RowFate:
    if row.values is None:
        return RowFate.MISTAKEN
    return RowFate.DUPLICATE if user_key(row.values.user_id) in taken else good


class Secret(StrEnum):
    """How the initial passwords of a bulk registration stand."""

    NONE = "none"
    """There are none, or none any more."""
    KEPT = "kept"
    LOST = "lost"
    """Kept, but the key under which they were sealed is gone."""


class FileRefused(ZaitakuError):
    """A file is no table; ``job`` is the registration that it failed with, ``reason`` says why."""

    code = "file-refused"
    status = HTTPStatus.UNPROCESSABLE_ENTITY

    def __init__(self, job: Job, reason: TableUnreadable) -> None:
        super().__init__(reason.detail)
        self.job = job
        self.reason = reason


@dataclass(frozen=True, repr=False)
class _Drawn:
    """An account with its initial password. Never printed."""

    row: CheckedRow
    values: AccountValues
    password: str
    columns: Mapping[str, Any]

    @property
    def key(self) -> UserKey:
        return user_key(self.values.user_id)


class AccountImports:
    """Bulk registration by one person, and the worker's part of it."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        jobs: JobService,
        passwords: Passwords,
        seal: PasswordSeal,
    ) -> None:
        self._database = database
        self._clock = clock
        self._jobs = jobs
        self._passwords = passwords
        self._seal = seal

    def hand_in(self, staff: Staff, content: bytes, *, file_name: str, actor: str) -> Job:
        """Check that the file can be read and keep it until the person confirms it.

        Raises:
            FileRefused: it is no such table: 登録失敗(ファイル構造エラー). Only that was kept.
            StoreUnavailable: the database is away; nothing was kept.
        """
        parameters = {"role": staff.account.role.value, "file_name": file_name}
        rows = self._check(staff.facility, staff.account.role, as_stream([content]))
        try:
            parameters["rows"] = str(sum(1 for _ in rows))
        except TableUnreadable as error:
            raise self._refused(staff, parameters, error, actor) from error
        return self._jobs.submit(
            staff.facility.id,
            kind=JobKind.ACCOUNT_IMPORT,
            account_id=staff.account.id,
            actor=actor,
            parameters=parameters,
            input=content,
            is_held=True,
        )

    def _refused(
        self, staff: Staff, parameters: Mapping[str, str], error: TableUnreadable, actor: str
    ) -> FileRefused:
        job = self._jobs.submit_ended(
            staff.facility.id,
            kind=JobKind.ACCOUNT_IMPORT,
            account_id=staff.account.id,
            actor=actor,
            parameters={**parameters, "rule": error.rule, "row": str(error.row or "")},
            outcome=ImportState.STRUCTURE_ERROR,
        )
        return FileRefused(job, error)

    def preview(self, staff: Staff, job: Job) -> Preview:
        """Return what would become of the rows of a held file at this moment."""
        stream = as_stream(self._jobs.input(job.facility_id, job.id))
        rows = tuple(self._check(staff.facility, staff.account.role, stream))
        return self._preview(staff.facility.id, rows)

    def _preview(self, facility_id: FacilityId, rows: Sequence[CheckedRow]) -> Preview:
        keys = [user_key(row.values.user_id) for row in rows if row.values]
        with self._database.reading() as connection:
            taken = AccountStore(connection, facility_id).taken(keys)
        return Preview.of(rows, taken)

    def secret(self, job: Job) -> Secret:
        """Tell how the initial passwords of an ended registration stand.

        Raises:
            StoreUnavailable: the database is away.
        """
        try:
            return Secret.KEPT if self.passwords(job) else Secret.NONE
        except PasswordsLost:
            return Secret.LOST

    def passwords(self, job: Job) -> Mapping[int, str]:
        """Return the initial passwords by row number; none once they were thrown away.

        Whoever hands them out calls ``note_telling`` first, when there is a file of them.

        Raises:
            PasswordsLost: the key under which they were sealed is gone; they stay as they are.
            StoreUnavailable: the database is away; they are still there.
        """
        try:
            sealed = self._jobs.secret(job.facility_id, job.id)
        except SealBroken as error:
            raise PasswordsLost from error
        return self._seal.opened(sealed, job.id) if sealed else {}

    def note_telling(self, job: Job, *, actor: str) -> None:
        """Record that the initial passwords are told.

        They can be had again until ``forget_passwords``, at most ``TOLD_FOR`` long; then there
        are none.

        Raises:
            StoreUnavailable: the database is away; nobody may get them, and they are still there.
        """
        with self._database.transaction() as connection:
            self._jobs.note_telling(connection, job.facility_id, job.id)
            self._note(connection, job, Act.TELL_PASSWORDS, actor)

    def forget_passwords(self, job: Job, *, actor: str) -> None:
        """Throw the initial passwords away at the word of whoever has them; else do nothing.

        Raises:
            PasswordsNotTold: nobody has fetched them; they stay.
            StoreUnavailable: the database is away; they are still there.
        """
        with self._database.transaction() as connection:
            if self._jobs.drop_told_secret(connection, job.facility_id, job.id):
                self._note(connection, job, Act.FORGET_PASSWORDS, actor)
                return
        if self._jobs.secret(job.facility_id, job.id):
            raise PasswordsNotTold

    def _note(self, connection: Connection, job: Job, act: Act, actor: str) -> None:
        at, subject = self._clock.now(), _reference(job)
        append(connection, job.facility_id, act, actor=actor, at=at, subject=subject)

    def _check(self, facility: Facility, role: Role, stream: BinaryIO) -> Iterator[CheckedRow]:
        today = japan_date(self._clock.now())
        return TableCheck(facility.code.kind, manageable_by(role), today).rows(stream)

    def handle(self, context: JobContext) -> None:
        """Do one bulk registration (a ``Handler`` of jobs).

        Raises:
            NotFound: the facility is gone.
            SubmitterGone: whoever handed it in may not register accounts any more.
            JobLost: another worker has the job now; nothing was registered here.
            StoreUnavailable: the database is away; nothing was registered.
        """
        job = context.job
        facility = self._facility(job.facility_id)
        try:
            stream = as_stream(context.read_input())
            rows = self._check(facility, Role(context.parameters["role"]), stream)
            checked = [_counted(context, row, done) for done, row in enumerate(rows)]
        except TableUnreadable:
            context.outcome(ImportState.STRUCTURE_ERROR)
            return
        values = [(row, row.values) for row in checked if row.values]
        if len(values) < len(checked):
            _refuse_all(context, self._preview(facility.id, checked))
            return
        self._register(context, facility, [self._drawn(*each) for each in values])

    def _facility(self, facility_id: FacilityId) -> Facility:
        with self._database.reading() as connection:
            found = FacilityStore(connection).by_id(facility_id)
        if found is None:
            raise NotFound("facility")
        return found

    def _drawn(self, row: CheckedRow, values: AccountValues) -> _Drawn:
        now = self._clock.now()
        password, columns = initial_columns(self._passwords, values.role, now)
        return _Drawn(row, values, password, account_row(values, columns, now))

    def _register(self, context: JobContext, facility: Facility, drawn: Sequence[_Drawn]) -> None:
        # Accounts, result, passwords, the job's end and the record are one: a worker that is
        # killed in between has registered nothing, and the next begins anew.
        with context.transaction() as connection:
            lock_facility(connection, facility.id)
            store = AccountStore(connection, facility.id)
            self._check_submitter(store, context.job)
            taken = store.taken([each.key for each in drawn])
            fresh = [each for each in drawn if each.key not in taken]
            for start in range(0, len(fresh), INSERTED_AT_ONCE):
                store.insert_many([each.columns for each in fresh[start:][:INSERTED_AT_ONCE]])
            self._write(context, connection, drawn, taken)
            counts = _counts(rows=len(drawn), registered=len(fresh), duplicate=len(taken))
            context.outcome(ImportState.PARTLY if taken else ImportState.REGISTERED, counts)
            context.finish(connection)
            done = _records(context.job, fresh, counts)
            actor, at = context.job.actor, self._clock.now()
            append_many(connection, facility.id, done, actor=actor, at=at)

    def _check_submitter(self, store: AccountStore, job: Job) -> None:
        # Its role never changes; what it may do ends with the account.
        known = store.by_id(job.account_id)
        if known is None or not known.account.is_usable(self._clock.now()):
            raise SubmitterGone
        if Permission.IMPORT_ACCOUNTS not in PERMISSIONS[known.account.role]:
            raise SubmitterGone

    def _write(
        self,
        context: JobContext,
        connection: Connection,
        drawn: Sequence[_Drawn],
        taken: frozenset[UserKey],
    ) -> None:
        fates = ((each.row, _fate(each.row, taken, RowFate.REGISTERED)) for each in drawn)
        lines = (RowResult.of(row, fate).line() for row, fate in fates)
        context.write_result(_file_name(context.job), LINES, lines, connection=connection)
        passwords = {each.row.number: each.password for each in drawn if each.key not in taken}
        if passwords:
            sealed = self._seal.sealed(passwords, context.job.id)
            context.write_secret(sealed, connection=connection)


def _counted(context: JobContext, row: CheckedRow, done: int) -> CheckedRow:
    context.progress(done, int(context.parameters["rows"]))
    return row


def _refuse_all(context: JobContext, preview: Preview) -> None:
    lines = (RowResult.of(row, fate).line() for row, fate in preview.rows)
    context.write_result(_file_name(context.job), LINES, lines)
    counts = _counts(
        rows=len(preview.rows),
        duplicate=preview.count(RowFate.DUPLICATE),
        mistaken=preview.count(RowFate.MISTAKEN),
    )
    context.outcome(ImportState.INPUT_ERRORS, counts)


def _counts(
    *, rows: int, registered: int = 0, duplicate: int = 0, mistaken: int = 0
) -> dict[str, int]:
    return {
        "rows": rows,
        "registered": registered,
        "duplicate": duplicate,
        "mistaken": mistaken,
    }


def _file_name(job: Job) -> str:
    return f"アカウント一括登録結果_{job.reference}_{job.submitted_at.astimezone(JST):%Y%m%d}.csv"


def _reference(job: Job) -> str:
    return f"受付番号 {job.reference}"


def _records(job: Job, fresh: Sequence[_Drawn], counts: Mapping[str, int]) -> list[Record]:
    reference = {"登録方法": f"アカウント一括登録（{_reference(job)}）"}
    made = [
        Record(
            Act.REGISTER_ACCOUNT,
            each.values.user_id,
            registration_detail(each.values.role, each.values.name) | reference,
        )
        for each in fresh
    ]
    detail = {"登録": f"{counts['registered']}件", "ID重複": f"{counts['duplicate']}件"}
    return [*made, Record(Act.IMPORT_ACCOUNTS, _reference(job), detail)]
