"""Where a deployment learns of revocations: what it may be told, and what it refuses."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.core.test_settings import COMPLETE, REQUIRED, refusal
from zaitaku.core.errors import SettingsError
from zaitaku.settings import RevocationService, Settings

SERVICE = {
    "ZAITAKU_REVOCATION_URL": "https://revocation.example/ask",
    "ZAITAKU_REVOCATION_KEY": "the-secret-word",
}


def test_an_operators_service_alone_is_a_source() -> None:
    settings = Settings.from_env({**REQUIRED, **SERVICE})
    assert settings.revocation_service == RevocationService(
        "https://revocation.example/ask", "the-secret-word"
    )
    assert settings.crl_file is None
    assert settings.ocsp_url is None
    assert "word" not in repr(settings.revocation_service)


def test_the_service_may_have_an_authority_of_its_own_and_must_staple_when_told() -> None:
    more = {"ZAITAKU_REVOCATION_CA_FILE": "/etc/ca.pem", "ZAITAKU_REVOCATION_STAPLED": "1"}
    service = Settings.from_env({**REQUIRED, **SERVICE, **more}).revocation_service
    assert service is not None
    assert service.ca_file == Path("/etc/ca.pem")
    assert service.is_stapled


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ZAITAKU_REVOCATION_URL", "http://revocation.example/word"),
        ("ZAITAKU_REVOCATION_URL", "word"),
        ("ZAITAKU_REVOCATION_URL", "https://:word"),
        ("ZAITAKU_REVOCATION_KEY", ""),
        ("ZAITAKU_REVOCATION_KEY", "two words"),
        ("ZAITAKU_REVOCATION_KEY", "word\r\nHost: elsewhere"),
        ("ZAITAKU_REVOCATION_KEY", "ことword"),
        ("ZAITAKU_REVOCATION_STAPLED", "2"),
        ("ZAITAKU_REVOCATION_STAPLED", "word"),
    ],
)
def test_an_unsafe_service_is_refused(name: str, value: str) -> None:
    told = refusal({**REQUIRED, **SERVICE, name: value})
    assert name in told
    assert "word" not in told.replace("the-secret-word", "")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_on_this_machine_it_needs_no_tls(host: str) -> None:
    environ = {**REQUIRED, **SERVICE, "ZAITAKU_REVOCATION_URL": f"http://{host}:9000/"}
    assert Settings.from_env(environ).revocation_service is not None


def test_the_lists_are_renewed_into_a_file() -> None:
    url = {"ZAITAKU_CRL_URL": "http://lists.example/crl.pem"}
    assert Settings.from_env({**COMPLETE, **url}).crl_url == url["ZAITAKU_CRL_URL"]
    told = refusal({**REQUIRED, **url, "ZAITAKU_OCSP_URL": "http://ocsp.example"})
    assert "ZAITAKU_CRL_FILE" in told


@pytest.mark.parametrize("url", ["ftp://word.example", "word.example", "file:///word"])
def test_the_lists_come_from_the_web(url: str) -> None:
    told = refusal({**COMPLETE, "ZAITAKU_CRL_URL": url})
    assert "ZAITAKU_CRL_URL" in told
    assert "word" not in told


@pytest.mark.parametrize(("minutes", "freshness"), [("0", None), ("1", 1), ("1440", 1440)])
def test_how_old_an_answer_without_nonce_may_be(minutes: str, freshness: int | None) -> None:
    settings = Settings.from_env({**COMPLETE, "ZAITAKU_OCSP_FRESHNESS_MINUTES": minutes})
    expected = None if freshness is None else timedelta(minutes=freshness)
    assert settings.ocsp_freshness == expected


@pytest.mark.parametrize("minutes", ["-1", "1441", "word", "99999999999999999999", ""])
def test_no_answer_may_be_older_than_a_day(minutes: str) -> None:
    told = refusal({**COMPLETE, "ZAITAKU_OCSP_FRESHNESS_MINUTES": minutes})
    assert "ZAITAKU_OCSP_FRESHNESS_MINUTES" in told
    assert "word" not in told


def test_settings_made_by_hand_are_checked_too() -> None:
    settings = Settings.from_env(COMPLETE)
    with pytest.raises(SettingsError, match="FRESHNESS"):
        replace(settings, ocsp_freshness=timedelta(days=2))
    with pytest.raises(SettingsError, match="REVOCATION_URL"):
        RevocationService("http://revocation.example/", "key")
