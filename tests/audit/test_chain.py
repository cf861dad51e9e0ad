"""The chain of a facility's acts: whatever is changed in it, the walk along it stops there."""

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from tests.conftest import NOW
from tests.consent.world import World, sandbox_with
from tests.databases import new_postgres_database
from zaitaku.audit.model import ACT_NAMES, FIRST_LINK, Act, Entry, digest_of
from zaitaku.audit.service import AuditService, check_chain, check_trail
from zaitaku.audit.store import AuditTrail, Head, append
from zaitaku.core.clock import FixedClock
from zaitaku.core.database import Database
from zaitaku.core.ids import FacilityId, new_uuid
from zaitaku.core.logs import configure_logging
from zaitaku.facilities.model import EnvironmentSettings, InstitutionCode
from zaitaku.facilities.service import FacilityService

FACILITY = FacilityId(new_uuid())
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


def chain_of(said: list[tuple[Act, str, str, dict[str, str]]]) -> list[Entry]:
    entries: list[Entry] = []
    previous = FIRST_LINK
    for number, (act, actor, subject, detail) in enumerate(said, 1):
        at = NOW + timedelta(minutes=number)
        digest = digest_of(
            FACILITY,
            number,
            at=at,
            act=act,
            actor=actor,
            subject=subject,
            detail=detail,
            previous=previous,
        )
        kept = MappingProxyType(detail)
        entries.append(Entry(FACILITY, number, at, act, actor, subject, kept, previous, digest))
        previous = digest
    return entries


CHAINS = st.lists(
    st.tuples(st.sampled_from(Act), WORDS, WORDS, st.dictionaries(WORDS, WORDS, max_size=2)),
    min_size=2,
    max_size=6,
).map(chain_of)


def end_of(entries: list[Entry]) -> Head:
    return Head(entries[-1].sequence, entries[-1].digest)


@given(CHAINS)
def test_an_untouched_chain_is_whole(entries: list[Entry]) -> None:
    check = check_chain(entries)
    assert (check.head, check.is_whole) == (end_of(entries), True)


@given(CHAINS, st.data())
def test_a_changed_entry_is_found(entries: list[Entry], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(entries) - 1))
    changed = data.draw(
        st.sampled_from(
            [
                replace(entries[at], actor=entries[at].actor + "x"),
                replace(entries[at], subject=entries[at].subject + "x"),
                replace(entries[at], at=entries[at].at + timedelta(seconds=1)),
                replace(entries[at], detail=MappingProxyType({"x": "y", "z": str(at)})),
            ]
        )
    )
    tampered = [*entries[:at], changed, *entries[at + 1 :]]
    assert check_chain(tampered).broken_at == at + 1


@given(CHAINS, st.data())
def test_a_removed_entry_is_found(entries: list[Entry], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(entries) - 2))
    assert check_chain(entries[:at] + entries[at + 1 :]).broken_at == at + 1


@given(CHAINS)
def test_a_chain_made_anew_no_longer_has_the_end_that_was_written_down(
    entries: list[Entry],
) -> None:
    said = [(each.act, each.actor, each.subject, dict(each.detail)) for each in entries]
    said[0] = (said[0][0], "somebody else" + said[0][1], *said[0][2:])
    forged = chain_of(said)
    assert check_chain(forged).is_whole
    assert end_of(forged) != end_of(entries)


def test_every_act_has_a_name() -> None:
    assert set(ACT_NAMES) == set(Act)


@pytest.fixture
def postgres(postgres_address: str) -> Iterator[Database]:
    with new_postgres_database(postgres_address) as opened:
        yield opened


@pytest.fixture
def facility_id(any_database: Database, clock: FixedClock) -> FacilityId:
    return World(any_database, clock, sandbox_with(any_database)).facility.id


def record(database: Database, facility_id: FacilityId, at: datetime = NOW) -> None:
    with database.transaction() as connection:
        append(connection, facility_id, Act.LOGIN, actor="kanri", at=at, detail={"端末": "髙﨑"})


def test_entries_form_one_chain_in_the_database(
    any_database: Database, clock: FixedClock, facility_id: FacilityId
) -> None:
    service = AuditService(database=any_database, clock=clock)
    before = service.head(facility_id)
    for minute in range(3):
        record(any_database, facility_id, NOW + timedelta(minutes=minute, microseconds=7))
    check = service.check(facility_id)
    assert check.is_whole
    assert check.head.sequence == before.sequence + 3
    assert service.holds(facility_id, before)
    assert not service.holds(facility_id, Head(check.head.sequence, FIRST_LINK))


def test_the_database_refuses_to_change_an_entry(
    any_database: Database, facility_id: FacilityId
) -> None:
    record(any_database, facility_id)
    for statement in ("UPDATE audit_entry SET actor = 'x'", "DELETE FROM audit_entry"):
        with pytest.raises(IntegrityError), any_database.transaction() as connection:
            connection.execute(text(statement))


def test_who_gets_past_the_database_is_found(database: Database, clock: FixedClock) -> None:
    facility_id = World(database, clock, sandbox_with(database)).facility.id
    record(database, facility_id)
    record(database, facility_id)
    service = AuditService(database=database, clock=clock)
    end = service.head(facility_id)
    with database.transaction() as connection:
        connection.execute(text("DROP TRIGGER audit_entry_no_update"))
        where = {"n": end.sequence - 1}
        connection.execute(text("UPDATE audit_entry SET actor='x' WHERE sequence=:n"), where)
    assert service.check(facility_id).broken_at == end.sequence - 1


def test_an_act_that_is_not_done_is_not_recorded(
    any_database: Database, facility_id: FacilityId
) -> None:
    with any_database.reading() as connection:
        before = AuditTrail(connection, facility_id).head()
    with pytest.raises(RuntimeError), any_database.transaction() as connection:
        append(connection, facility_id, Act.LOGIN, actor="kanri", at=NOW)
        raise RuntimeError
    with any_database.reading() as connection:
        assert AuditTrail(connection, facility_id).head() == before


def test_acts_at_the_same_moment_stand_one_after_the_other(
    any_database: Database, clock: FixedClock, facility_id: FacilityId
) -> None:
    service = AuditService(database=any_database, clock=clock)
    before = service.head(facility_id)
    with ThreadPoolExecutor(4) as pool:
        done = [pool.submit(record, any_database, facility_id) for _ in range(12)]
    assert [each.exception() for each in done] == [None] * 12
    check = service.check(facility_id)
    assert check.is_whole
    assert check.head.sequence == before.sequence + 12


def tampered(database: Database, *statements: str) -> None:
    with database.transaction() as connection:
        for statement in statements:
            connection.execute(text(statement))


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM audit_entry WHERE sequence = (SELECT max(sequence) FROM audit_entry)",
        "UPDATE audit_head SET sequence = sequence - 1",
        "UPDATE audit_head SET digest = 'x'",
        "DELETE FROM audit_head",
    ],
)
def test_an_end_that_does_not_fit_is_found(
    database: Database, clock: FixedClock, statement: str
) -> None:
    facility_id = World(database, clock, sandbox_with(database)).facility.id
    record(database, facility_id)
    tampered(database, "DROP TRIGGER audit_entry_no_delete", statement)
    assert not AuditService(database=database, clock=clock).check(facility_id).is_whole


def test_ends_are_logged_once_as_they_grow(database: Database, clock: FixedClock) -> None:
    facility_id = World(database, clock, sandbox_with(database)).facility.id
    service, written = AuditService(database=database, clock=clock), io.StringIO()
    configure_logging(written)
    try:
        service.log_heads()
        service.log_heads()
        record(database, facility_id)
        # A worker that starts later goes on where the one before it ended.
        later = AuditService(database=database, clock=clock)
        later.log_heads()
        service.log_heads()
    finally:
        configure_logging(io.StringIO())
    head = service.head(facility_id)
    lines = [line for line in written.getvalue().splitlines() if str(facility_id) in line]
    assert len(lines) == 2
    assert f"{head.sequence} " in lines[1]
    assert head.digest in lines[1].replace("/", "")


def test_more_ends_than_fit_into_one_transaction_are_all_told(
    any_database: Database, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zaitaku.audit.service.HEADS_AT_ONCE", 2)
    facilities = FacilityService(database=any_database, clock=clock)
    for number in range(5):
        facilities.add(
            code=InstitutionCode(f"131{number:07d}"),
            registered_name="みどり坂クリニック",
            phone="03-0000-1234",
            hours="",
            settings=EnvironmentSettings(),
            actor="test",
        )
    service = AuditService(database=any_database, clock=clock)
    assert service.log_heads() == 5
    assert service.log_heads() == 0


def test_an_end_that_is_just_growing_is_told_the_next_time(
    postgres: Database, clock: FixedClock
) -> None:
    facility_id = World(postgres, clock, sandbox_with(postgres)).facility.id
    service = AuditService(database=postgres, clock=clock)
    service.log_heads()
    with postgres.transaction() as connection:
        append(connection, facility_id, Act.LOGIN, actor="test", at=clock.now())
        assert service.log_heads() == 0
    assert service.log_heads() == 1


class Busy(AuditTrail):
    """Somebody acts in the very moment between the two statements of a check."""

    def __init__(self, connection: Connection, facility_id: FacilityId, database: Database) -> None:
        super().__init__(connection, facility_id)
        self.acts = 2
        self.database = database

    def head(self) -> Head:
        if self.acts:
            self.acts -= 1
            record(self.database, self._facility_id)
        return super().head()


def test_acts_during_a_check_are_no_tampering(postgres: Database, clock: FixedClock) -> None:
    facility_id = World(postgres, clock, sandbox_with(postgres)).facility.id
    record(postgres, facility_id)
    with postgres.reading() as connection:
        check = check_trail(Busy(connection, facility_id, postgres))
    assert check.is_whole
    assert check.head == AuditService(database=postgres, clock=clock).head(facility_id)
