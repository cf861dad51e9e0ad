"""A deployment whose keys are not those of its database does not start, and says what to do."""

import logging
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from tests.operations.test_doctor import environ_of, worries
from tests.patient.conftest import Cards
from tests.patient.site import Site, Visitor
from zaitaku.cli import root
from zaitaku.commands.starting import check_database
from zaitaku.core.ids import AccountId
from zaitaku.core.key_checks import key_check, notes_of
from zaitaku.core.sealing import PLAIN, SealRing
from zaitaku.core.signing import Keyring
from zaitaku.jobs.model import JobKind
from zaitaku.operating.deployment import Deployment
from zaitaku.operating.examinations.rings import rings
from zaitaku.operating.rings import RINGS, WrongKeys
from zaitaku.services import Services
from zaitaku.settings import Settings

OTHER = "another-key-that-nobody-has-seen-0123456789"
Run = Callable[..., Result]


def changed(settings: Settings, **rings: Any) -> Settings:
    return replace(settings, **rings)


@pytest.fixture
def run(services: Services, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command with the clinic's settings and one ring changed."""
    for name, value in environ_of(services).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ZAITAKU_SEAL_KEYS", ",".join(services.settings.seal_keys.keys))

    def with_ring(
        *words: str, ring: str = "", keys: str = OTHER, typed: str | None = None
    ) -> Result:
        changed = {f"ZAITAKU_{ring.upper()}_KEYS": keys} if ring else {}
        return CliRunner().invoke(root, words, input=typed, env=changed)

    return with_ring


@pytest.fixture
def consented(visitor: Visitor, cards: Cards) -> None:
    """Somebody has consented already."""
    visitor.read_card(visitor.walk_to_card(), cards.good)


@pytest.fixture
def kept_file(site: Site) -> None:
    """A sealed file lies in the database already."""
    site.services.jobs.submit(
        site.facility.id,
        kind=JobKind.ACCOUNT_IMPORT,
        account_id=AccountId(uuid4()),
        actor="test",
        parameters={},
        input=b"name",
    )


@pytest.mark.parametrize("ring", RINGS)
@pytest.mark.parametrize("command", ["serve", "worker", "operate"])
def test_a_wrong_ring_is_told_before_anything_is_done(
    run: Run, services: Services, ring: str, command: str
) -> None:
    check_database(services.settings)
    refused = run(command, ring=ring).exception
    assert isinstance(refused, WrongKeys)
    assert f"ZAITAKU_{ring.upper()}_KEYS" in refused.detail
    assert f"zaitaku keys accept {ring}" in refused.detail
    assert re.search(r"覚えている鍵は、\d{4}-\d\d-\d\d \d\d:\d\d（起動）のもの", refused.detail)
    assert refused.detail.startswith(f"ZAITAKU_{ring.upper()}_KEYS：")
    assert OTHER not in refused.detail


@pytest.mark.parametrize("ring", RINGS)
def test_an_operator_can_say_that_it_is_meant(run: Run, services: Services, ring: str) -> None:
    check_database(services.settings)
    accepted = run("keys", "accept", ring, "--yes", ring=ring)
    assert accepted.exit_code == 0, accepted.output
    name = f"ZAITAKU_{ring.upper()}_KEYS"
    assert accepted.output == f"{name} の1個を認めました。前の鍵 1個を忘れました。\n"
    made = SealRing((OTHER,)) if ring == "seal" else Keyring((OTHER,))
    check_database(changed(services.settings, **{f"{ring}_keys": made}))
    with pytest.raises(WrongKeys):
        check_database(services.settings)


@pytest.mark.parametrize("answer", ["n\n", "\n", ""])
def test_no_key_is_forgotten_unless_the_operator_says_yes(
    run: Run, services: Services, answer: str
) -> None:
    check_database(services.settings)
    refused = run("keys", "accept", "url", ring="url", typed=answer)
    assert refused.exit_code == 1
    assert "ZAITAKU_URL_KEYS：使ってきた鍵のうち、いまの設定にない1個を忘れます。" in refused.output
    assert re.search(r"覚えた日時: \d{4}-\d\d-\d\d \d\d:\d\d（起動）\n", refused.output)
    assert "やめました。何も変更していません。" in refused.output
    check_database(services.settings)
    accepted = run("keys", "accept", "url", ring="url", typed="y\n")
    assert accepted.exit_code == 0, accepted.output
    assert [note.by.partition(":")[0] for note in notes_of(services.database, "url")] == [
        "operator"
    ]


def test_nothing_is_asked_where_no_key_is_forgotten(run: Run, services: Services) -> None:
    check_database(services.settings)
    both = ",".join((OTHER, *services.settings.url_keys.keys))
    accepted = run("keys", "accept", "url", ring="url", keys=both)
    assert accepted.exit_code == 0
    assert accepted.output == "ZAITAKU_URL_KEYS の2個を認めました。忘れる鍵はありませんでした。\n"


def test_sealing_ends_only_when_it_is_meant(services: Services) -> None:
    before = services.settings
    key = before.seal_keys.keys[0]
    for ring in ((key,), (key, PLAIN)):
        check_database(replace(before, seal_keys=SealRing(ring)))
    for ring in ((PLAIN, key), (PLAIN,)):
        with pytest.raises(WrongKeys, match=r"封をやめる設定.*zaitaku keys accept seal"):
            check_database(replace(before, seal_keys=SealRing(ring)))


def test_a_ring_that_opens_no_seal_is_not_believed_at_first(
    services: Services, kept_file: None
) -> None:
    wrong = replace(services.settings, seal_keys=SealRing((OTHER, PLAIN)))
    with pytest.raises(WrongKeys, match=r"ZAITAKU_SEAL_KEYS .*job_piece.content"):
        check_database(wrong)
    with services.database.reading() as connection:
        assert connection.scalar(select(key_check.c.ring)) is None
    check_database(services.settings)


def test_rings_that_are_believed_beside_consents_are_named(
    services: Services, consented: None, caplog: pytest.LogCaptureFixture
) -> None:
    check_database(services.settings)
    [told] = [each for each in caplog.records if each.message == "keys believed unseen"]
    assert told.levelno == logging.WARNING
    assert vars(told)["rings"] == ", ".join(f"ZAITAKU_{ring.upper()}_KEYS" for ring in RINGS)
    check_database(services.settings)
    assert [each.message for each in caplog.records].count("keys believed unseen") == 1


def test_nothing_is_told_where_there_is_no_consent(
    services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    check_database(services.settings)
    assert not [each for each in caplog.records if each.name == "zaitaku.operating.rings"]


@pytest.mark.parametrize("typed", [(), (OTHER,)])
def test_a_start_without_a_key_of_card_holders_is_an_error_in_the_log(
    services: Services, caplog: pytest.LogCaptureFixture, typed: tuple[str, ...]
) -> None:
    old = services.settings.subject_keys.keys
    new = "the-newest-key-of-card-holders-0123456789"
    check_database(changed(services.settings, subject_keys=Keyring((new, *old))))
    assert not [each for each in caplog.records if each.message == "keys left out"]
    check_database(changed(services.settings, subject_keys=Keyring((*typed, *old))))
    [told] = [each for each in caplog.records if each.message == "keys left out"]
    assert told.levelno == logging.ERROR
    assert vars(told)["missing"] == 1
    assert "ZAITAKU_SUBJECT_KEYS" in vars(told)["detail"]


def test_the_doctor_names_the_ring(deployment: Deployment) -> None:
    assert worries(rings(deployment)) == {}  # a new database knows none yet
    check_database(deployment.settings)
    assert worries(rings(deployment)) == {}
    settings = replace(deployment.settings, subject_keys=Keyring((OTHER,)))
    found = worries(rings(replace(deployment, settings=settings)))
    assert list(found) == ["ZAITAKU_SUBJECT_KEYS"]
    assert "zaitaku keys accept subject" in found["ZAITAKU_SUBJECT_KEYS"]


def test_the_doctor_misses_a_key_that_is_needed_for_ever(deployment: Deployment) -> None:
    before = deployment.settings
    check_database(before)
    for ring in ("url_keys", "subject_keys"):
        both = Keyring((OTHER + ring, *getattr(before, ring).keys))
        check_database(changed(before, **{ring: both}))
        settings = changed(before, **{ring: Keyring((OTHER + ring,))})
        check_database(settings)
        found = worries(rings(replace(deployment, settings=settings)))
        assert list(found) == (["ZAITAKU_SUBJECT_KEYS"] if ring == "subject_keys" else [])
