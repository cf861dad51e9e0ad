"""A deployment's condition: looked at, told in words, told as metrics."""

from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from tests.conftest import NOW
from tests.databases import new_postgres_database
from tests.watching.conditions import sound
from tests.watching.conftest import Watched
from zaitaku.accounts.model import Role as StaffRole
from zaitaku.core.clock import FixedClock
from zaitaku.core.database import Database
from zaitaku.core.ephemeral import EphemeralStore
from zaitaku.core.ephemeral_open import open_ephemeral
from zaitaku.core.errors import StoreUnavailable
from zaitaku.jobs.model import JobKind
from zaitaku.operator_site import build_operator_site
from zaitaku.settings import Settings
from zaitaku.watching.certificates import CertificateEnd, certificate_ends
from zaitaku.watching.condition import AuditCondition, Condition, JobsCondition, Looker
from zaitaku.watching.gauges import ConditionGauges
from zaitaku.watching.listener import MetricsPage
from zaitaku.watching.notes import Note, Notes, note_audit, note_backup
from zaitaku.watching.postgres import PostgresCondition, Standby, archive_fails, postgres_condition
from zaitaku.watching.presence import Instance, Presence, Role, instances, present
from zaitaku.watching.words import UNKNOWN, lines_of
from zaitaku.work import work_off


def look(watched: Watched) -> Condition:
    services = watched.site.services
    return Looker(services.settings, services.database, services.ephemeral, services.clock).look()


def worries(condition: Condition) -> set[str]:
    return {line.part for line in lines_of(condition) if line.worry}


def metrics(condition: Condition) -> str:
    registry = CollectorRegistry()
    registry.register(ConditionGauges(lambda: condition))
    return generate_latest(registry).decode()


class TestLooking:
    def test_what_was_noted_and_what_waits_is_found(
        self, watched: Watched, clock: FixedClock
    ) -> None:
        services = watched.site.services
        notes = Notes(services.ephemeral)
        note_backup(notes, clock.now())
        note_audit(notes, clock.now(), facilities=1, is_whole=True)
        for role in Role:
            Presence(notes, clock, role).beat()
        account = watched.office.register(StaffRole.GENERAL, "betsu", watched.site.facility)
        services.jobs.submit(
            watched.site.facility.id,
            kind=JobKind.POSTER_ARCHIVE,
            account_id=account.id,
            actor="test",
            parameters={},
        )
        clock.advance(timedelta(minutes=2))
        found = look(watched)
        assert found.database_answers
        assert found.ephemeral_answers
        assert found.schema_fits
        assert found.jobs == JobsCondition(1, 0, 0, NOW)
        assert found.backup_at == NOW
        assert found.audit
        assert found.audit.is_whole
        assert found.instances
        assert {each.role for each in found.instances} <= set(Role)
        assert found.crl_ends
        assert found.postgres is None
        assert {each.name for each in found.certificates} == {"root"}
        work_off(services)
        assert 'zaitaku_job_runs_total{kind="poster-archive",outcome="' in watched.metrics()
        assert look(watched).jobs != found.jobs

    def test_nothing_noted_is_unknown_and_no_guess(self, watched: Watched) -> None:
        found = look(watched)
        assert (found.backup_at, found.audit, found.instances) == (None, None, ())
        told = metrics(found)
        assert "zaitaku_backup" not in told
        assert "zaitaku_audit" not in told

    def test_a_database_that_is_away_hides_nothing_else(
        self, settings: Settings, ephemeral: EphemeralStore, clock: FixedClock, tmp_path: Path
    ) -> None:
        (tmp_path / "damaged.db").write_bytes(b"no database at all " * 1000)
        with closing(Database(f"sqlite:///{tmp_path / 'damaged.db'}")) as database:
            found = Looker(settings, database, ephemeral, clock).look()
        assert not found.database_answers
        assert found.ephemeral_answers
        assert (found.jobs, found.schema, found.schema_fits) == (None, None, None)
        assert found.crl_ends
        assert "データベース" in worries(found)
        assert 'zaitaku_store_up{store="database"} 0.0' in metrics(found)

    def test_a_short_lived_store_that_is_away_neither(
        self, watched: Watched, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def away(*_: object) -> None:
            raise StoreUnavailable("OperationalError")

        monkeypatch.setattr(Notes, "read", away)
        found = look(watched)
        assert not found.ephemeral_answers
        assert found.instances is None
        assert found.jobs
        assert "短期の保管場所" in worries(found)


class TestPostgres:
    def test_a_single_server_promises_nothing(self, postgres_address: str) -> None:
        with (
            new_postgres_database(postgres_address) as database,
            database.reading() as connection,
        ):
            found = postgres_condition(connection)
        assert found == PostgresCondition(
            is_primary=True,
            is_synchronous=False,
            standbys=(),
            archived_at=None,
            archive_fails=False,
        )
        assert worries(sound(NOW, postgres=found)) == {"同期の複製"}

    @pytest.mark.parametrize(
        ("change", "part"),
        [
            ({"is_primary": False}, "PostgreSQL"),
            ({"is_synchronous": False}, "同期の複製"),
            ({"standbys": ()}, "待機系"),
            ({"archive_fails": True}, "ログ（WAL）の保管"),
            ({"standbys": (Standby("b", "streaming", True, 1 << 30, None),)}, "待機系 b"),
        ],
    )
    def test_what_breaks_the_promise_is_told(self, change: dict[str, Any], part: str) -> None:
        whole = sound(NOW).postgres
        assert whole
        assert part in worries(sound(NOW, postgres=replace(whole, **change)))

    def test_a_failure_to_archive_is_over_when_the_next_one_succeeds(self) -> None:
        later = NOW + timedelta(minutes=1)
        assert archive_fails(None, NOW)
        assert archive_fails(NOW, later)
        assert not archive_fails(later, NOW)
        assert not archive_fails(NOW, None)

    def test_without_the_right_to_know_nothing_is_made_up(self) -> None:
        whole = sound(NOW).postgres
        assert whole
        blind = replace(whole, standbys=(Standby("b", None, None, None, None),))
        assert blind.worst_lag_bytes is None
        told = metrics(sound(NOW, postgres=blind))
        assert "zaitaku_replication_lag_bytes" not in told
        assert "zaitaku_standbys{" not in told
        assert worries(sound(NOW, postgres=blind)) == set()
        facts = [line.fact for line in lines_of(sound(NOW, postgres=blind))]
        assert any(fact.startswith(UNKNOWN) for fact in facts)


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"database_answers": False}, "データベース"),
        ({"ephemeral_answers": False}, "短期の保管場所"),
        ({"schema_fits": False}, "データベースの形"),
        ({"instances": ()}, "プロセス（裏の処理）"),
        ({"backup_at": None}, "最後の控え"),
        ({"backup_at": NOW - timedelta(hours=27)}, "最後の控え"),
        ({"audit": None}, "操作の記録の確認"),
        ({"crl_ends": NOW + timedelta(hours=23)}, "失効リストの期限"),
        ({"crl_ends": None, "crl_is_readable": False}, "失効リスト"),
        ({"certificates": (CertificateEnd("tls", None),)}, "サイトのTLS証明書の期限"),
        (
            {"certificates": (CertificateEnd("root", NOW + timedelta(days=29)),)},
            "認証局のルート証明書の期限",
        ),
        (
            {"jobs": JobsCondition(1, 0, 0, NOW - timedelta(minutes=11))},
            "裏の処理",
        ),
        ({"jobs": JobsCondition(0, 0, 2, None)}, "失敗した処理（24時間）"),
    ],
)
def test_what_needs_care_is_told_and_else_nothing(changes: dict[str, Any], part: str) -> None:
    assert worries(sound(NOW)) == set()
    assert part in worries(sound(NOW, **changes))


@pytest.mark.parametrize("left", [None, b"no list at all"])
def test_a_list_that_is_lost_or_broken_is_seen(
    settings: Settings,
    database: Database,
    ephemeral: EphemeralStore,
    clock: FixedClock,
    tmp_path: Path,
    *,
    left: bytes | None,
) -> None:
    path = tmp_path / "revoked.crl"
    if left is not None:
        path.write_bytes(left)
    found = Looker(replace(settings, crl_file=path), database, ephemeral, clock).look()
    assert "失効リスト" in worries(found)
    assert "zaitaku_crl_readable 0.0" in metrics(found)
    without = Looker(
        replace(settings, crl_file=None, ocsp_url="http://127.0.0.1:1/"), database, ephemeral, clock
    ).look()
    assert "失効リスト" not in worries(without)
    assert "zaitaku_crl_readable" not in metrics(without)


def test_what_was_noted_by_a_clock_that_was_ahead_is_not_fresh() -> None:
    ahead = NOW + timedelta(days=3)
    lost = (Instance("two:2", Role.WORKER, "1.2.3", ahead),)
    found = sound(NOW, instances=lost, backup_at=ahead, audit=AuditCondition(ahead, is_whole=True))
    assert {"最後の控え", "操作の記録の確認"} <= worries(found)
    assert "zaitaku_instances{" not in metrics(found)


def test_processes_that_cannot_be_asked_after_are_unknown_and_not_gone() -> None:
    lines = [
        line
        for line in lines_of(sound(NOW, ephemeral_answers=False, instances=None))
        if line.part.startswith("プロセス")
    ]
    assert [(line.fact, line.worry) for line in lines] == [(UNKNOWN, "")] * 2


class TestPresence:
    def test_who_is_there_who_left_and_who_is_forgotten(
        self, ephemeral: EphemeralStore, clock: FixedClock
    ) -> None:
        notes = Notes(ephemeral)
        former = '["web", "1.0", "2026-11-20T00:30:00+00:00"]'
        notes.write(Note.INSTANCES, {"old:1": former, "odd:2": "[1"})
        (old,) = instances(notes)
        assert old == Instance(
            "old:1", Role.WEB, "1.0", datetime.fromisoformat("2026-11-20T00:30:00+00:00")
        )
        assert not old.is_there(clock.now())
        presence = Presence(notes, clock, Role.WORKER)
        presence.beat()
        assert len(instances(notes)) == 2
        clock.advance(timedelta(minutes=59))
        presence.beat()
        (own,) = instances(notes)
        assert own.is_there(clock.now())
        presence.leave()
        assert instances(notes) == ()

    def test_a_process_says_so_from_its_beginning_to_its_end(
        self, ephemeral: EphemeralStore, clock: FixedClock
    ) -> None:
        notes, beaten = Notes(ephemeral), list[Instance]()
        presence = Presence(notes, clock, Role.WEB)
        presence.beat()
        with present(presence):
            beaten.extend(instances(notes))
        assert len(beaten) == 1
        assert instances(notes) == ()


def test_the_listener_looks_once_for_many_who_ask() -> None:
    looked, now = [], [0.0]

    def look_again() -> Condition:
        looked.append(1)
        return sound(NOW)

    page = MetricsPage([ConditionGauges(look_again)], clock=lambda: now[0])
    environ = {"PATH_INFO": "/metrics", "REQUEST_METHOD": "GET"}
    for moment in (0.0, 4.9, 5.0):
        now[0] = moment
        assert b"zaitaku_store_up" in page(environ, lambda *_: None)[0]  # type: ignore[arg-type]
    assert len(looked) == 2


def test_the_end_of_what_cannot_be_read_is_unknown(settings: Settings, tmp_path: Path) -> None:
    broken = replace(settings, trust_anchors=(tmp_path / "nothing.pem",))
    assert certificate_ends(broken) == (CertificateEnd("root", None),)


def test_the_operator_sees_it_on_one_page(watched: Watched) -> None:
    office = watched.office
    office.app = build_operator_site(watched.site.services, "key")
    browser = office.browser()
    browser.get("/operator/enter?key=key")
    browser.send(key="key")
    assert browser.follow("状態") == 200
    assert browser.heading == "状態"
    assert "最後の控え" in browser.text
    assert "操作の記録の確認" in browser.text
    with closing(open_ephemeral(watched.site.services.settings.ephemeral_url, office.clock)) as e:
        note_backup(Notes(e), office.clock.now())
    browser.follow("新しくする")
    assert ["最後の控え", "2026/11/20 10:00"] in browser.rows()
