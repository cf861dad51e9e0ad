"""The sealed columns: unreadable in the database, sealed anew while the site runs."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import pytest
from click.testing import CliRunner
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from tests.consent.conftest import any_world, founded_template, wordings, world
from tests.consent.test_id_token_evidence import TOKENS, recorded
from tests.consent.world import World
from zaitaku.commands.seal import seal
from zaitaku.consent.audit import RecordAudit
from zaitaku.consent.model import TOKEN_PLACE
from zaitaku.consent.tables import ID_TOKEN, consent_record
from zaitaku.core.clock import SystemClock
from zaitaku.core.database import Database
from zaitaku.core.ids import AccountId, FacilityId
from zaitaku.core.resealing import Found, look, reseal
from zaitaku.core.sealing import PLAIN, Seal, SealBroken, SealRing
from zaitaku.jobs.model import JobKind
from zaitaku.jobs.service import JobService
from zaitaku.jobs.store import CONTENT, PIECE_BYTES, job_piece
from zaitaku.operating.rings import SEALED

__all__ = ["any_world", "founded_template", "wordings", "world"]

OLD = "an-old-key-that-seals-columns-0123456"
NEW = "a-new-key-that-seals-columns-98765432"
FILE = "氏名,山田太郎\r\n".encode() * 40_000


def ring(*keys: str) -> Seal:
    return Seal(SealRing(keys))


def verdict(world: World, reference: str) -> str:
    audit = RecordAudit(world.database, world.wordings, TOKENS.trust)
    return audit.one(world.facility.id, reference).broken


def kept_token(database: Database) -> str:
    with database.reading() as connection:
        return str(connection.execute(text("SELECT id_token FROM consent_record")).scalar_one())


def hand_in(database: Database, facility_id: FacilityId) -> Callable[[], bytes]:
    jobs = JobService(database=database, clock=SystemClock())
    handed = jobs.submit(
        facility_id,
        kind=JobKind.ACCOUNT_IMPORT,
        account_id=AccountId(uuid4()),
        actor="test",
        parameters={},
        input=FILE,
    )
    return lambda: b"".join(jobs.input(facility_id, handed.id))


def pieces(database: Database) -> list[bytes]:
    with database.reading() as connection:
        return list(connection.execute(job_piece.select()).scalars("content"))


def test_id_tokens_and_files_are_sealed_and_prove_themselves(any_world: World) -> None:
    database = any_world.database
    database.seal = ring(NEW)
    reference = recorded(any_world).reference
    read = hand_in(database, any_world.facility.id)
    assert kept_token(database).startswith("zs1.")
    assert "eyJ" not in kept_token(database)
    assert all("山田".encode() not in piece for piece in pieces(database))
    assert max(map(len, pieces(database))) == PIECE_BYTES + 40
    assert read() == FILE
    assert verdict(any_world, reference) == ""
    database.seal = ring(OLD)
    assert verdict(any_world, reference) == "seal"
    with pytest.raises(SealBroken):
        read()


def test_a_ring_is_turned_in_steps_and_nothing_is_lost(any_world: World) -> None:
    database = any_world.database
    reference = recorded(any_world).reference
    read = hand_in(database, any_world.facility.id)
    for step in ((PLAIN, OLD), (OLD, PLAIN), (OLD,), (OLD, NEW), (NEW, OLD), (NEW,)):
        database.seal = ring(*step)
        if step in {(OLD, PLAIN), (NEW, OLD)}:
            assert reseal(database, ID_TOKEN) == 1
            assert reseal(database, CONTENT) == len(pieces(database)) == 4
        assert read() == FILE
        assert verdict(any_world, reference) == ""
    assert look(database, CONTENT) == Found(newest=4)
    assert [reseal(database, each) for each in SEALED] == [0, 0]


def test_what_is_removed_or_changed_meanwhile_is_left_alone(any_world: World) -> None:
    database = any_world.database
    hand_in(database, any_world.facility.id)
    database.seal = _Meddling(SealRing((NEW, PLAIN)), database)
    assert reseal(database, CONTENT) == 0
    assert pieces(database) == [b"changed meanwhile"] * 4


class _Meddling(Seal):
    """Somebody changes everything between the reading and the writing."""

    def __init__(self, ring: SealRing, database: Database) -> None:
        super().__init__(ring)
        self._database = database

    def sealed(self, content: bytes, *place: object) -> bytes:
        with self._database.transaction() as connection:
            connection.execute(job_piece.update().values(content=b"changed meanwhile"))
        return super().sealed(content, *place)


FORBIDDEN = {
    "another column": "UPDATE consent_record SET id_token = id_token, origin = 'x'",
    "another column with a seal": "UPDATE consent_record SET id_token = 'zs1.x', origin = 'x'",
    "a plain token": "UPDATE consent_record SET id_token = 'eyJ'",
    "no token": "UPDATE consent_record SET id_token = NULL",
    "a removal": "DELETE FROM consent_record",
}


@pytest.mark.parametrize("statement", FORBIDDEN.values(), ids=FORBIDDEN)
def test_a_record_changes_in_nothing_but_its_seal(any_world: World, statement: str) -> None:
    any_world.database.seal = ring(NEW)
    recorded(any_world)
    before = any_world.rows(consent_record)
    with (
        pytest.raises(IntegrityError, match="append-only"),
        any_world.database.transaction() as connection,
    ):
        connection.execute(text(statement))
    assert any_world.rows(consent_record) == before


def test_a_card_s_record_gets_no_token_later(world: World) -> None:
    world.register()
    with (
        pytest.raises(IntegrityError, match="append-only"),
        world.database.transaction() as connection,
    ):
        connection.execute(text("UPDATE consent_record SET id_token = 'zs1.x'"))


def test_sqlite_compares_every_column(database: Database) -> None:
    query = "SELECT sql FROM sqlite_master WHERE name = 'consent_record_no_update'"
    with database.reading() as connection:
        trigger = connection.exec_driver_sql(query).scalar_one()
    others = {each.name for each in consent_record.columns} - {"id_token"}
    assert {name for name in others if f"OR OLD.{name} IS NOT NEW.{name}" in trigger} == others


def test_the_place_of_a_token_is_its_column() -> None:
    assert ID_TOKEN.place == TOKEN_PLACE


@pytest.fixture
def operator(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    url = world.database.url.render_as_string(hide_password=False)
    for name, value in {
        "MODE": "sandbox",
        "ORIGIN": "http://localhost:8000",
        "DATABASE_URL": url,
        "EPHEMERAL_URL": f"sqlite:///{tmp_path / 'ephemeral.db'}",
        "URL_KEYS": "a-url-key-for-the-tests-of-seals-1234567",
        "SESSION_KEYS": "a-session-key-for-the-tests-of-seals-2345678",
        "SUBJECT_KEYS": "a-subject-key-for-the-tests-of-seals-3456789",
        "REQUEST_KEY_FILE": "unused.pem",
        "TRUST_ANCHORS": "unused.pem",
        "CRL_FILE": "unused.der",
    }.items():
        monkeypatch.setenv(f"ZAITAKU_{name}", value)
    yield


@pytest.mark.usefixtures("operator")
def test_the_operator_turns_the_ring(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded(world)
    hand_in(world.database, world.facility.id)

    def run(keys: str, word: str) -> SimpleNamespace:
        monkeypatch.setenv("ZAITAKU_SEAL_KEYS", keys)
        result = CliRunner().invoke(seal, [word])
        return SimpleNamespace(code=result.exit_code, told=result.output)

    before = run(f"{OLD} plain", "status")
    assert before.code == 1
    assert "封なし: 1件" in before.told
    assert run(f"{OLD} plain", "rotate").code == 0
    assert run(OLD, "status").code == 0
    lost = run(NEW, "rotate")
    assert lost.code == 1
    assert "ZAITAKU_SEAL_KEYS" in lost.told
    assert OLD not in lost.told
    assert run(f"{NEW} {OLD}", "rotate").code == 0
    assert run(NEW, "status").code == 0
