"""Bulk registration: all or nothing, duplicates left out, passwords told once (domain.md §5)."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.accounts.import_desk import GOOD, KEYS, Desk, opened
from zaitaku.accounts.errors import PasswordsLost
from zaitaku.accounts.import_result import TOLD_OUT, RowFate, RowResult, csv_lines, results_in
from zaitaku.accounts.import_seal import PasswordSeal
from zaitaku.accounts.import_table import (
    EXAMPLE_LEFT,
    HEADINGS,
    TableCheck,
    as_stream,
    template_file,
)
from zaitaku.accounts.imports import IMPORT_STATE_NAMES, FileRefused, ImportState, import_state
from zaitaku.accounts.managing import manageable_by
from zaitaku.accounts.model import INITIAL_PASSWORD_LIFETIME, Role
from zaitaku.accounts.passwords import Passwords
from zaitaku.accounts.store import AccountStore
from zaitaku.audit.model import Act
from zaitaku.core.clock import FixedClock
from zaitaku.core.database import Database
from zaitaku.core.ephemeral import EphemeralStore
from zaitaku.core.ids import new_uuid
from zaitaku.core.signing import Keyring
from zaitaku.core.spreadsheets import Codec
from zaitaku.facilities.model import FacilityKind
from zaitaku.jobs.model import Job, JobId, JobKind

TODAY = date(2026, 11, 20)


@pytest.fixture
def desk(database: Database, clock: FixedClock, ephemeral: EphemeralStore) -> Desk:
    return opened(database, clock, ephemeral)


@pytest.fixture
def any_desk(any_database: Database, clock: FixedClock, ephemeral: EphemeralStore) -> Desk:
    return opened(any_database, clock, ephemeral)


def test_everything_is_registered_with_passwords_that_are_told_once(any_desk: Desk) -> None:
    rows = [GOOD, ("WebAPI用", "A0rece1", "レセコン", "レセコン", "2026/12/01", "20271231")]
    job = any_desk.done(*rows)
    assert import_state(job) is ImportState.REGISTERED
    assert job.counts == {"rows": 2, "registered": 2, "duplicate": 0, "mistaken": 0}
    assert [each.fate for each in any_desk.results(job)] == [RowFate.REGISTERED] * 2
    assert any_desk.user_ids() == {"kanri", "ippan01", "A0rece1"}

    told = any_desk.told(job)
    assert set(told) == {2, 3}
    with any_desk.database.reading() as connection:
        store = AccountStore(connection, job.facility_id)
        accounts = {each.user_id: each for each in store.all()}
        known = store.by_id(accounts["ippan01"].id)
    *_, entry, telling = any_desk.entries()
    assert known is not None
    assert Passwords(memory_kibibytes=8, iterations=1).verify(known.password_hash, told[2])
    person, program = accounts["ippan01"], accounts["A0rece1"]
    assert (person.role, person.must_change_password) == (Role.GENERAL, True)
    assert person.is_password_over(any_desk.clock.now() + INITIAL_PASSWORD_LIFETIME)
    assert not program.is_password_over(any_desk.clock.now() + INITIAL_PASSWORD_LIFETIME)
    assert (program.starts_on, program.ends_on) == (date(2026, 12, 1), date(2027, 12, 31))
    assert (entry.act, telling.act) == (Act.IMPORT_ACCOUNTS, Act.TELL_PASSWORDS)
    assert (entry.actor, entry.detail) == ("kanri みどり", {"登録": "2件", "ID重複": "0件"})
    assert entry.subject == telling.subject == f"受付番号 {job.reference}"


def test_one_mistake_registers_nothing_and_the_result_says_so_for_each_row(desk: Desk) -> None:
    bad = ("管理", "a", "漢字", "", "2026-02-30", "2026-01-01")
    job = desk.done(GOOD, bad)
    assert import_state(job) is ImportState.INPUT_ERRORS
    assert job.counts == {"rows": 2, "registered": 0, "duplicate": 0, "mistaken": 1}
    left, mistaken = desk.results(job)
    assert (left.fate, left.message) == (RowFate.LEFT, "")
    assert mistaken.fate is RowFate.MISTAKEN
    for word in ("権限区分", "ユーザ名は", "ユーザ名（カナ）を入力", "利用開始年月日"):
        assert word in mistaken.message
    assert desk.user_ids() == {"kanri"}
    assert desk.told(job) == {}


def test_taken_ids_are_left_out_also_those_of_deleted_accounts(any_desk: Desk) -> None:
    any_desk.done(GOOD)
    with any_desk.database.transaction() as connection:
        store = AccountStore(connection, any_desk.staff.facility.id)
        (old,) = [each for each in store.all() if each.user_id == "ippan01"]
        store.update(old.id, {"deleted_at": any_desk.clock.now()})
    again = ("一般", "IPPAN01", *GOOD[2:])
    job = any_desk.done(again, ("一般", "ippan02", *GOOD[2:]))
    assert import_state(job) is ImportState.PARTLY
    assert job.counts == {"rows": 2, "registered": 1, "duplicate": 1, "mistaken": 0}
    duplicate, registered = any_desk.results(job)
    assert (duplicate.fate, registered.fate) == (RowFate.DUPLICATE, RowFate.REGISTERED)
    assert "使われて" in duplicate.message
    assert set(any_desk.told(job)) == {3}
    assert any_desk.user_ids() == {"kanri", "ippan02"}


def test_an_id_twice_in_one_file_is_a_mistake(desk: Desk) -> None:
    job = desk.done(GOOD, ("医療情報閲覧", "IPPAN01", *GOOD[2:]))
    assert import_state(job) is ImportState.INPUT_ERRORS
    assert "2行目と同じユーザIDです" in desk.results(job)[1].message


def test_the_preview_tells_what_would_happen_and_does_nothing(desk: Desk) -> None:
    taken = ("一般", "kanri", *GOOD[2:])
    preview = desk.imports.preview(desk.staff, desk.hand_in(GOOD, taken))
    assert [fate for _, fate in preview.rows] == [RowFate.REGISTERED, RowFate.DUPLICATE]
    assert preview.count(RowFate.REGISTERED) == 1
    preview = desk.imports.preview(desk.staff, desk.hand_in(GOOD, ("",) * 5 + ("x",)))
    assert [fate for _, fate in preview.rows] == [RowFate.LEFT, RowFate.MISTAKEN]
    assert preview.count(RowFate.REGISTERED) == 0
    assert desk.user_ids() == {"kanri"}


def test_shift_jis_and_half_width_are_normalised(desk: Desk) -> None:
    job = desk.done(("一般", "ｉｐｐａｎ９", "ﾐﾄﾞﾘ1", "ﾐﾄﾞﾘ1", "", ""), codec="cp932")
    assert import_state(job) is ImportState.REGISTERED
    with desk.database.reading() as connection:
        accounts = AccountStore(connection, desk.staff.facility.id).all()
    (added,) = [each for each in accounts if each.user_id != "kanri"]
    assert (added.user_id, added.name, added.kana) == ("ippan9", "ミドリ１", "ミドリ１")


def test_a_file_that_is_no_table_is_a_failed_registration_with_a_number(any_desk: Desk) -> None:
    refused: list[Job] = []
    for content in (b"PK\x03\x04", b"a,b\r\n", ",".join(HEADINGS).encode()):
        with pytest.raises(FileRefused) as caught:
            any_desk.imports.hand_in(any_desk.staff, content, file_name="x", actor="kanri")
        refused.append(caught.value.job)
        any_desk.clock.advance(timedelta(seconds=1))
    assert {import_state(job) for job in refused} == {ImportState.STRUCTURE_ERROR}
    newest = any_desk.jobs.newest(any_desk.staff.facility.id, JobKind.ACCOUNT_IMPORT)
    assert [job.reference for job in newest] == [job.reference for job in reversed(refused)]
    assert all(job.is_ended and not job.has_result for job in newest)
    assert import_state(any_desk.done(GOOD)) is ImportState.REGISTERED


def test_a_file_that_breaks_on_the_way_is_a_structure_error(desk: Desk) -> None:
    held = desk.hand_in(GOOD)
    with desk.database.transaction() as connection:
        connection.exec_driver_sql("UPDATE job_piece SET content = ?", (b"PK\x03\x04",))
    desk.jobs.release(desk.staff.facility.id, held.id)
    desk.work()
    job = desk.jobs.find(desk.staff.facility.id, held.id)
    assert (import_state(job), job.has_result) == (ImportState.STRUCTURE_ERROR, False)


def test_every_state_has_the_manuals_words() -> None:
    assert set(IMPORT_STATE_NAMES) == set(ImportState)
    assert [*IMPORT_STATE_NAMES.values()][1:] == [
        "登録待ち",
        "登録中",
        "登録完了",
        "登録完了(一部ID重複)",
        "登録失敗(入力チェックエラー)",
        "登録失敗(ファイル構造エラー)",
        "登録失敗(システムエラー)",
    ]


def test_what_goes_wrong_inside_is_a_system_error_and_registers_nothing(desk: Desk) -> None:
    held = desk.hand_in(GOOD)
    with desk.database.transaction() as connection:
        connection.exec_driver_sql("UPDATE job SET parameters = '{}'")
    desk.jobs.release(desk.staff.facility.id, held.id)
    desk.work()
    job = desk.jobs.find(desk.staff.facility.id, held.id)
    assert (import_state(job), job.has_result) == (ImportState.SYSTEM_ERROR, False)
    assert desk.user_ids() == {"kanri"}


@pytest.mark.parametrize("kind", FacilityKind)
@pytest.mark.parametrize("role", [Role.MASTER, Role.ADMIN])
@pytest.mark.parametrize("codec", Codec)
def test_the_templates_examples_keep_to_the_rules_and_are_never_registered(
    kind: FacilityKind, role: Role, codec: Codec
) -> None:
    allowed = manageable_by(role)
    content = template_file(codec, kind, allowed)
    rows = list(TableCheck(kind, allowed, TODAY).rows(as_stream([content])))
    assert [row.mistakes for row in rows] == [(EXAMPLE_LEFT,)] * len(allowed)
    assert all(row.values is None for row in rows)
    text = content.decode(codec.value if codec is Codec.SHIFT_JIS else "utf-8-sig")
    written_over = text.replace("れいの", "みどり").encode("utf-8-sig")
    rows = list(TableCheck(kind, allowed, TODAY).rows(as_stream([written_over])))
    assert {row.values.role for row in rows if row.values} == allowed


@given(
    st.lists(
        st.builds(
            RowResult,
            st.integers(2, 10_001),
            st.tuples(*[st.text(max_size=9)] * len(HEADINGS)),
            st.sampled_from(RowFate),
            st.text(max_size=9),
        ),
        max_size=9,
    ),
    st.integers(1, 40),
)
def test_kept_results_are_read_back_however_they_are_cut(
    results: list[RowResult], size: int
) -> None:
    kept = b"".join(result.line() for result in results)
    pieces = [kept[start : start + size] for start in range(0, len(kept), size)]
    assert list(results_in(pieces)) == results


def test_the_file_for_people_is_harmless_and_says_why_a_password_is_missing() -> None:
    cells = ("一般", "ippan01", "=1+1", "髙", "", "")
    result = RowResult(2, cells, RowFate.REGISTERED, "")
    told = b"".join(csv_lines([result], Codec.UTF_8, {2: "pass-word"}, TOLD_OUT)).decode()
    assert "'=1+1" in told
    assert "pass-word" in told
    later = b"".join(csv_lines([result], Codec.SHIFT_JIS, {}, TOLD_OUT)).decode("cp932")
    assert TOLD_OUT in later


def test_passwords_open_for_their_job_under_any_key_of_the_ring() -> None:
    job, other = JobId(new_uuid()), JobId(new_uuid())
    sealed = PasswordSeal(KEYS).sealed({2: "secret-word"}, job)
    assert b"secret-word" not in sealed
    rotated = Keyring(("n" * 16 + "fedcba9876543210", *KEYS.keys))
    assert PasswordSeal(rotated).opened(sealed, job) == {2: "secret-word"}
    for ring, whose in ((KEYS, other), (Keyring(rotated.keys[:1]), job)):
        with pytest.raises(PasswordsLost):
            PasswordSeal(ring).opened(sealed, whose)
