"""The deployment's settings: what is missing or weak refuses to start, by name, never by value."""

import secrets
import traceback
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zaitaku.core.errors import SettingsError
from zaitaku.settings import Mode, Settings

REQUIRED = {
    "ZAITAKU_ORIGIN": "https://zaitaku.example",
    "ZAITAKU_DATABASE_URL": "postgresql+psycopg://user:database-word@host/name",
    "ZAITAKU_EPHEMERAL_URL": "redis://user:ephemeral-word@host/0",
    "ZAITAKU_URL_KEYS": "newest-url-key-of-32-characters-x, former-url-key-of-32-characters-x",
    "ZAITAKU_SESSION_KEYS": "session-key-of-32-characters-xxxx",
    "ZAITAKU_SUBJECT_KEYS": "subject-key-of-32-characters-xxxx",
    "ZAITAKU_SEAL_KEYS": "seal-key-of-32-characters-xxxxxxx",
    "ZAITAKU_REQUEST_KEY_FILE": "/etc/zaitaku/request.pem",
    "ZAITAKU_TRUST_ANCHORS": "/etc/zaitaku/first.pem /etc/zaitaku/second.pem",
    "ZAITAKU_TRUSTED_PROXIES": "0",
}
COMPLETE = {**REQUIRED, "ZAITAKU_CRL_FILE": "/var/lib/zaitaku/crl.der"}
KEYS = [
    "ZAITAKU_URL_KEYS",
    "ZAITAKU_SESSION_KEYS",
    "ZAITAKU_SUBJECT_KEYS",
    "ZAITAKU_SEAL_KEYS",
]
UNFIT = [
    "secret-word",
    "postgresql+psycopg://user:secret-word@host:port/name",
    "postgresql://user:secret-word@host/name",
    "postgresql+asyncpg://user:secret-word@host/name",
    "mysql://user:secret-word@host/name",
    "sqlite://",
    "sqlite:///:memory:",
    "sqlite:///file:word?mode=memory&uri=true",
    "sqlite+aiosqlite:///word.db",
]
NUMBERS = ["ZAITAKU_ONLINE_VALIDITY_DAYS", "ZAITAKU_TRUSTED_PROXIES"]


def refusal(environ: dict[str, str]) -> str:
    """Return everything that is shown when the settings are refused, traceback and all."""
    with pytest.raises(SettingsError) as caught:
        Settings.from_env(environ)
    shown = "".join(traceback.format_exception(caught.value))
    return shown + repr(caught.value) + caught.value.detail


def test_complete_settings() -> None:
    settings = Settings.from_env(COMPLETE)
    assert settings.mode is Mode.PRODUCTION
    assert settings.is_tls
    assert settings.url_keys.keys[0].startswith("newest")
    assert len(settings.url_keys.keys) == 2
    assert settings.trust_anchors == (
        Path("/etc/zaitaku/first.pem"),
        Path("/etc/zaitaku/second.pem"),
    )
    assert settings.crl_file == Path("/var/lib/zaitaku/crl.der")
    assert settings.ocsp_url is None
    assert settings.online_validity_days == 1
    assert settings.challenge_lifetime == timedelta(minutes=10)
    assert settings.trusted_proxies == 0


@pytest.mark.parametrize("text", ["", "1", "0.1.0", " 1.2.3 "])
def test_the_lowest_bridge_is_a_version_or_none(text: str) -> None:
    settings = Settings.from_env({**COMPLETE, "ZAITAKU_BRIDGE_MINIMUM": text})
    assert settings.bridge_minimum == text.strip()


@pytest.mark.parametrize("text", ["word", "1.word", "v1", "1.2.3.4.5", "01", "1,2", "-1"])
def test_what_is_no_version_is_refused(text: str) -> None:
    told = refusal({**COMPLETE, "ZAITAKU_BRIDGE_MINIMUM": text})
    assert "ZAITAKU_BRIDGE_MINIMUM" in told
    assert "word" not in told


@pytest.mark.parametrize("url", ["", "https://a.example/app", " http://127.0.0.1:1/ "])
def test_where_the_bridge_is_to_be_had(url: str) -> None:
    settings = Settings.from_env({**COMPLETE, "ZAITAKU_BRIDGE_DOWNLOAD_URL": url})
    assert settings.bridge_download == url.strip()


@pytest.mark.parametrize("url", ["word", "http://a.example/word", "javascript:word", "https://"])
def test_a_bridge_comes_by_https_alone(url: str) -> None:
    told = refusal({**COMPLETE, "ZAITAKU_BRIDGE_DOWNLOAD_URL": url})
    assert "ZAITAKU_BRIDGE_DOWNLOAD_URL" in told
    assert "word" not in told


@pytest.mark.parametrize("name", REQUIRED)
@pytest.mark.parametrize("value", [None, "", "  \t"])
def test_what_is_missing_is_named(name: str, value: str | None) -> None:
    environ = {key: text for key, text in COMPLETE.items() if key != name}
    if value is not None:
        environ[name] = value
    assert f"{name} is not set" in refusal(environ)


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize(
    "weak",
    [
        "short-and-secret-word",
        "long-enough-newest-key-of-32-chars,short-and-secret-word",
        "wwwwooooorrrrddddwwwwooooorrrrdddd",
        "0" * 64,
        "changeme-changeme-changeme-changeme-changeme",
        "correct-horse1correct-horse1correct-horse1",
        "abcabcabdabcabcabdabcabcabdabcabcabd",
        "password1password2password3password4",
        "0123456789abcdef0123456789abcdef",
    ],
)
def test_weak_keys_are_refused_without_being_shown(name: str, weak: str) -> None:
    told = refusal({**COMPLETE, name: weak})
    assert name in told
    assert all(key not in told for key in weak.split(","))


@given(st.sampled_from(KEYS), st.text(st.characters(codec="ascii", categories=["L", "N"])))
def test_a_key_of_fewer_than_32_characters_never_passes(name: str, key: str) -> None:
    assert name in refusal({**COMPLETE, name: key[:31]})


@pytest.mark.parametrize(
    "origin",
    [
        "zaitaku.example",
        "ftp://zaitaku.example",
        "https://",
        "https://zaitaku.example/path-word",
        "https://zaitaku.example?query-word",
        "https://zaitaku.example#fragment-word",
        "https://user:secret-word@zaitaku.example",
        "https://[::1",
        "https://zaitaku.example:port-word",
        "HTTPS://zaitaku.example",
        "https://Zaitaku.example",
        "//zaitaku.example",
        "javascript:word",
        "https://a b",
        "https://word;evil",
        "https://*.word.example",
        "https://word_example",
        "https://-word.example",
        "https://word..example",
        "https://word.example,evil",
        "https://word'example",
        "https://zaitaku.example:0",
        "https://zaitaku.example:65536",
        "https://zaitaku.example:443",
        "https://zaitaku.example:",
        "https://[::1]word",
        "https://みどり-word.example",
    ],
)
def test_what_is_no_origin_is_refused(origin: str) -> None:
    told = refusal({**COMPLETE, "ZAITAKU_ORIGIN": origin})
    assert "ZAITAKU_ORIGIN" in told
    assert "word" not in told


@pytest.mark.parametrize(
    "origin",
    [
        "https://zaitaku.example:8443",
        "https://a.b-c.example",
        "https://127.0.0.1",
        "https://[::1]:8443",
        "https://xn--q9jyb4c.example",
    ],
)
def test_what_is_an_origin_is_taken_as_it_is(origin: str) -> None:
    assert Settings.from_env({**COMPLETE, "ZAITAKU_ORIGIN": origin}).origin == origin


@pytest.mark.parametrize("draw", [secrets.token_urlsafe, secrets.token_hex])
@pytest.mark.parametrize("size", [32, 64])
def test_random_keys_are_taken(draw: Callable[[int], str], size: int) -> None:
    for _ in range(100):
        key = draw(size)
        assert Settings.from_env({**COMPLETE, "ZAITAKU_URL_KEYS": key}).url_keys.keys == (key,)


@pytest.mark.parametrize("one", KEYS)
@pytest.mark.parametrize("other", KEYS)
def test_no_two_rings_share_a_key(one: str, other: str) -> None:
    shared = "one-key-of-the-deployment-1234567890"
    environ = {**COMPLETE, one: shared, other: f"{COMPLETE[other]},{shared}"}
    if one == other:
        Settings.from_env(environ)
        return
    told = refusal(environ)
    assert one in told
    assert other in told
    assert shared not in told


@pytest.mark.parametrize("name", ["ZAITAKU_DATABASE_URL", "ZAITAKU_EPHEMERAL_URL"])
@pytest.mark.parametrize("value", UNFIT)
def test_stores_that_cannot_be_shared_are_refused_by_name(name: str, value: str) -> None:
    told = refusal({**COMPLETE, name: value})
    assert name in told
    assert "word" not in told


@pytest.mark.parametrize("ports", ["0", "65536", "18231 70000", "-1", "a-word", "18231.5"])
def test_bridge_ports_are_ports(ports: str) -> None:
    told = refusal({**COMPLETE, "ZAITAKU_BRIDGE_PORTS": ports})
    assert "ZAITAKU_BRIDGE_PORTS" in told
    assert "word" not in told


def test_all_bridge_ports_of_an_address_can_be_meant() -> None:
    settings = Settings.from_env({**COMPLETE, "ZAITAKU_BRIDGE_PORTS": "1, 65535"})
    assert settings.bridge_ports == (1, 65535)


@pytest.mark.parametrize(
    "url",
    ["ftp://word.example", "word.example", "http://", "http://word.example:port", "file:///w"],
)
def test_the_responder_is_on_the_web(url: str) -> None:
    told = refusal({**COMPLETE, "ZAITAKU_OCSP_URL": url})
    assert "ZAITAKU_OCSP_URL" in told
    assert "word" not in told


def test_an_online_consent_holds_a_year_at_most() -> None:
    longest = Settings.from_env({**COMPLETE, "ZAITAKU_ONLINE_VALIDITY_DAYS": "366"})
    assert longest.online_validity_days == 366
    told = refusal({**COMPLETE, "ZAITAKU_ONLINE_VALIDITY_DAYS": "367"})
    assert "ZAITAKU_ONLINE_VALIDITY_DAYS" in told


def test_files_of_jobs_are_kept_a_month_or_as_long_as_wanted_up_to_a_year() -> None:
    assert Settings.from_env(COMPLETE).job_result_days == 30
    name = "ZAITAKU_JOB_RESULT_DAYS"
    assert Settings.from_env({**COMPLETE, name: "366"}).job_result_days == 366
    for wrong in ("0", "367", "-1", "many"):
        assert name in refusal({**COMPLETE, name: wrong})


def test_limits_on_patients_can_be_raised_a_thousand_times() -> None:
    assert Settings.from_env(COMPLETE).crowd_factor == 1
    name = "ZAITAKU_CROWD_FACTOR"
    assert Settings.from_env({**COMPLETE, name: "1000"}).crowd_factor == 1000
    for wrong in ("0", "1001", "-1", "many"):
        assert name in refusal({**COMPLETE, name: wrong})


def test_traffic_is_kept_so_that_a_year_can_be_compared() -> None:
    assert Settings.from_env(COMPLETE).traffic_days == 400
    name = "ZAITAKU_TRAFFIC_DAYS"
    for days in (31, 3660):
        assert Settings.from_env({**COMPLETE, name: str(days)}).traffic_days == days
    for wrong in ("0", "30", "3661", "-1", "many"):
        assert name in refusal({**COMPLETE, name: wrong})


def test_synchronous_standbys_are_a_number_of_postgresqls() -> None:
    assert Settings.from_env(COMPLETE).synchronous_standbys == 0
    name = "ZAITAKU_SYNCHRONOUS_STANDBYS"
    for standbys in (1, 8):
        assert Settings.from_env({**COMPLETE, name: str(standbys)}).synchronous_standbys == standbys
    for wrong in ("-1", "9", "all"):
        assert name in refusal({**COMPLETE, name: wrong})
    embedded = {**COMPLETE, "ZAITAKU_DATABASE_URL": "sqlite:////var/lib/zaitaku/zaitaku.db"}
    assert "needs PostgreSQL" in refusal({**embedded, name: "1"})


def test_the_proxies_are_counted_by_whoever_deploys() -> None:
    environ = {k: v for k, v in COMPLETE.items() if k != "ZAITAKU_TRUSTED_PROXIES"}
    assert "ZAITAKU_TRUSTED_PROXIES is not set" in refusal(environ)
    assert Settings.from_env({**environ, "ZAITAKU_MODE": "sandbox"}).trusted_proxies == 0


def test_production_needs_tls() -> None:
    environ = {**COMPLETE, "ZAITAKU_ORIGIN": "http://127.0.0.1:8000"}
    assert "ZAITAKU_ORIGIN must be https" in refusal(environ)
    sandbox = Settings.from_env({**environ, "ZAITAKU_MODE": "sandbox"})
    assert sandbox.mode is Mode.SANDBOX
    assert not sandbox.is_tls


@pytest.mark.parametrize("mode", ["", "test-word", "Production", "debug-word"])
def test_unknown_modes_are_refused(mode: str) -> None:
    told = refusal({**COMPLETE, "ZAITAKU_MODE": mode})
    assert "ZAITAKU_MODE" in told
    assert "word" not in told


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", ["-1", "one-word", "1.5", ""])
def test_numbers_are_whole_and_not_negative(name: str, value: str) -> None:
    told = refusal({**COMPLETE, name: value})
    assert name in told
    assert "word" not in told


def test_some_source_of_revocation_is_needed() -> None:
    told = refusal({**REQUIRED, "ZAITAKU_CRL_FILE": "", "ZAITAKU_OCSP_URL": ""})
    assert "ZAITAKU_CRL_FILE" in told
    assert "ZAITAKU_OCSP_URL" in told
    ocsp = Settings.from_env({**REQUIRED, "ZAITAKU_OCSP_URL": "http://ocsp.example"})
    assert ocsp.ocsp_url == "http://ocsp.example"
    assert ocsp.crl_file is None


def test_only_separators_are_no_trust_anchor() -> None:
    assert "ZAITAKU_TRUST_ANCHORS" in refusal({**COMPLETE, "ZAITAKU_TRUST_ANCHORS": " , "})


def test_a_closing_slash_of_the_origin_is_forgiven() -> None:
    settings = Settings.from_env({**COMPLETE, "ZAITAKU_ORIGIN": "https://zaitaku.example/"})
    assert settings.origin == "https://zaitaku.example"


def test_settings_made_by_hand_are_checked_too() -> None:
    settings = Settings.from_env(COMPLETE)
    with pytest.raises(SettingsError, match="ZAITAKU_ORIGIN"):
        replace(settings, origin="http://zaitaku.example")


@pytest.mark.parametrize("show", [repr, str])
def test_printing_the_settings_shows_no_secret(show: Callable[[object], str]) -> None:
    shown = show(Settings.from_env(COMPLETE))
    assert "zaitaku.example" in shown
    assert "word" not in shown
    assert "32-characters" not in shown
