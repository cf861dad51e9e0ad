"""A deployment whose keys are not those of its database does not start, and says what to do."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.operations.test_doctor import environ_of, worries
from zaitaku.cli import root
from zaitaku.commands.starting import check_database
from zaitaku.core.sealing import PLAIN, SealRing
from zaitaku.core.signing import Keyring
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

    def with_ring(*words: str, ring: str = "", keys: str = OTHER) -> Result:
        changed = {f"ZAITAKU_{ring.upper()}_KEYS": keys} if ring else {}
        return CliRunner().invoke(root, words, env=changed)

    return with_ring


@pytest.mark.parametrize("ring", RINGS)
@pytest.mark.parametrize("command", ["serve", "worker"])
def test_a_wrong_ring_is_told_before_anything_is_done(
    run: Run, services: Services, ring: str, command: str
) -> None:
    check_database(services.settings)
    refused = run(command, ring=ring).exception
    assert isinstance(refused, WrongKeys)
    assert f"ZAITAKU_{ring.upper()}_KEYS" in refused.detail
    assert f"zaitaku keys accept {ring}" in refused.detail
    assert OTHER not in refused.detail


@pytest.mark.parametrize("ring", RINGS)
def test_an_operator_can_say_that_it_is_meant(run: Run, services: Services, ring: str) -> None:
    check_database(services.settings)
    accepted = run("keys", "accept", ring, ring=ring)
    assert accepted.exit_code == 0, accepted.output
    [line] = [json.loads(line) for line in accepted.output.splitlines() if line.startswith("{")]
    assert line["message"] == "keys accepted"
    assert line["ring"] == ring
    assert line["by"].startswith("operator:")
    assert OTHER not in accepted.output
    made = SealRing((OTHER,)) if ring == "seal" else Keyring((OTHER,))
    check_database(changed(services.settings, **{f"{ring}_keys": made}))
    with pytest.raises(WrongKeys):
        check_database(services.settings)


def test_no_seal_stands_in_its_ring_as_a_key_does(services: Services) -> None:
    before = services.settings
    key = before.seal_keys.keys[0]
    for ring in ((key,), (key, PLAIN), (PLAIN, key), (PLAIN,)):
        check_database(replace(before, seal_keys=SealRing(ring)))


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
