"""``zaitaku doctor``: each thing that can be wrong is found, and what is right is let be."""

import json
import re
import shutil
import socket
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Thread
from zoneinfo import ZoneInfoNotFoundError

import pytest
from click.testing import CliRunner
from flask import Flask
from redis import Redis

from tests.servers import free_port, own_folder, postgres_server, redis_server
from zaitaku.app import build_app
from zaitaku.commands.doctor import doctor
from zaitaku.core.clock import FixedClock, SystemClock
from zaitaku.core.database import Database
from zaitaku.core.ephemeral_open import open_ephemeral
from zaitaku.core.errors import SettingsError
from zaitaku.core.site_operator import SiteOperator
from zaitaku.demo.processes import serving
from zaitaku.operating.deployment import Deployment
from zaitaku.operating.doctor import EXAMINATIONS, Finding, examine
from zaitaku.operating.examinations import clocks, condition, machine, site, start, stores
from zaitaku.services import Services, build_services
from zaitaku.settings import Mode, RevocationService
from zaitaku.watching.words import Line

NOT_WHO = "利用者の名前かパスワードがちがいます"


def worries(lines: Iterable[Line]) -> dict[str, str]:
    """Return what is to be done, by its part."""
    return {line.part: line.worry for line in lines if line.worry}


def test_a_sandbox_is_not_for_patients(deployment: Deployment) -> None:
    assert list(worries(machine.mode(deployment))) == ["動かし方"]
    settings = replace(deployment.settings, mode=Mode.PRODUCTION, origin="https://zaitaku.example")
    assert worries(machine.mode(replace(deployment, settings=settings))) == {}


def test_patients_have_to_be_told_who_runs_the_site(deployment: Deployment) -> None:
    assert worries(machine.named_operator(deployment)) == {}
    real = replace(deployment.settings, mode=Mode.PRODUCTION, origin="https://zaitaku.example")
    for named, is_told in (
        (SiteOperator(), False),
        (SiteOperator("みどり医師会"), False),
        (SiteOperator("みどり医師会", "03-1234-5678"), True),
    ):
        found = replace(deployment, settings=replace(real, operator=named))
        assert (worries(machine.named_operator(found)) == {}) is is_told


def test_files_that_others_can_read_are_named_with_the_remedy(deployment: Deployment) -> None:
    key = deployment.settings.request_key_file
    Path(deployment.settings.database_url.removeprefix("sqlite:///")).chmod(0o600)
    assert worries(machine.private_files(deployment)) == {}
    key.chmod(0o644)
    assert worries(machine.private_files(deployment)) == {
        f"ファイル {key}": f"chmod 600 {key} を実行してください。"
    }
    key.unlink()
    (worry,) = worries(machine.private_files(deployment)).values()
    assert worry.startswith("ありません")


@pytest.mark.parametrize(
    ("total", "free", "is_low"),
    [
        (100 * 1024**3, 20 * 1024**3, False),
        (100 * 1024**3, 9 * 1024**3, True),
        (10 * 1024**3, 1024**3 * 3 // 2, True),
    ],
)
def test_a_disk_that_is_nearly_full_is_told(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, total: int, free: int, *, is_low: bool
) -> None:
    usage = shutil.disk_usage("/")._replace(total=total, free=free, used=total - free)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    found = list(machine.disk(deployment))
    assert found
    assert all(bool(line.worry) is is_low for line in found)


def test_a_python_without_time_zones_is_told(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert worries(machine.time_zone(deployment)) == {}

    def unknown(name: str) -> None:
        raise ZoneInfoNotFoundError(name)

    monkeypatch.setattr(machine, "ZoneInfo", unknown)
    assert "tzdata" in worries(machine.time_zone(deployment))["時間帯の資料"]


def test_a_damaged_file_is_told(deployment: Deployment) -> None:
    assert worries(stores.durability(deployment)) == {}
    path = Path(deployment.settings.database_url.removeprefix("sqlite:///"))
    deployment.database.close()
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 8192] = b"\xff" * 8192
    path.write_bytes(content)
    found = examine(deployment, {"durability": stores.durability})
    assert [each.is_fine for each in found] == [False]


def test_a_postgresql_that_forgets_is_told(deployment: Deployment, postgres_address: str) -> None:
    # The tests' own server does not wait for its disk.
    with closing(Database(postgres_address)) as database:
        found = worries(stores.durability(replace(deployment, database=database)))
        assert list(found) == ["PostgreSQLの fsync", "PostgreSQLの data_checksums"]
        told = clocks.clocks(replace(deployment, database=database, clock=SystemClock()))
        assert worries(told) == {}


def test_a_redis_that_drops_entries_is_told(deployment: Deployment) -> None:
    with redis_server() as server:
        settings = replace(deployment.settings, ephemeral_url=server.url)
        on_redis = replace(deployment, settings=settings, clock=SystemClock())
        assert worries(stores.redis(on_redis)) == {}
        assert worries(clocks.clocks(on_redis)) == {}
        late = FixedClock(SystemClock().now() - timedelta(seconds=clocks.MOST_SECONDS + 1))
        assert list(worries(clocks.clocks(replace(on_redis, clock=late)))) == ["Redisの時計"]
        early = FixedClock(SystemClock().now() + timedelta(seconds=clocks.MOST_SECONDS + 2))
        assert list(worries(clocks.clocks(replace(on_redis, clock=early)))) == ["Redisの時計"]
    with redis_server("--maxmemory-policy", "allkeys-lru") as server:
        settings = replace(deployment.settings, ephemeral_url=server.url)
        found = worries(stores.redis(replace(deployment, settings=settings)))
        assert list(found) == ["Redisがいっぱいのとき"]


@contextmanager
def on(deployment: Deployment, **urls: str) -> Iterator[Deployment]:
    """Give the deployment with another store."""
    settings = replace(deployment.settings, **urls)  # type: ignore[arg-type]
    with (
        closing(open_ephemeral(settings.ephemeral_url, deployment.clock)) as ephemeral,
        closing(Database(settings.database_url)) as database,
    ):
        yield replace(deployment, settings=settings, ephemeral=ephemeral, database=database)


def test_stores_that_are_away_hide_only_what_they_were_asked(deployment: Deployment) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    address = f"postgresql+psycopg://zaitaku@{nobody}/zaitaku"
    with on(deployment, ephemeral_url=f"redis://{nobody}/0", database_url=address) as away:
        findings = list(examine(away))
    assert {each.check for each in findings} == set(EXAMINATIONS) - {"names"}
    told = {each.line.part: each.line for each in findings}
    for part, setting in (("データベース", "DATABASE"), ("短期の保管場所", "EPHEMERAL")):
        assert told[part].worry.startswith("サーバーが動いていないか、場所がちがいます")
        assert f"ZAITAKU_{setting}_URL" in told[part].worry
    assert {"鍵の輪", "データベースの設定", "Redisの設定", "時計"} <= set(told)
    assert_japanese(findings)


def assert_japanese(findings: Iterable[Finding]) -> None:
    """Check that no line has a word of the program's own."""
    for each in findings:
        words = f"{each.line.part} {each.line.fact} {each.line.worry}"
        assert not re.search(r"Error|Unavailable|durability|clocks|\bis\b|\bnot\b", words), words


def test_a_wrong_password_is_told_from_a_server_that_is_away(deployment: Deployment) -> None:
    with redis_server() as server:
        with Redis.from_url(server.url) as client:
            client.config_set("requirepass", "right")
        with on(deployment, ephemeral_url=server.url.replace("//", "//:wrong@")) as wrong:
            assert reason(wrong, "短期の保管場所").startswith(NOT_WHO)
    with own_folder() as folder:
        book = folder / "hba"
        book.write_text("host all zaitaku 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 md5\n")
        with postgres_server("-c", f"hba_file={book}") as server:
            other = server.url.replace("//zaitaku@", "//other:wrong@")
            with on(deployment, database_url=other) as wrong:
                assert reason(wrong, "データベース").startswith(NOT_WHO)


def reason(deployment: Deployment, part: str) -> str:
    [line] = [line for line in condition.condition(deployment) if line.part == part]
    return line.worry


def test_one_postgresql_is_enough_for_whoever_says_so(
    deployment: Deployment, postgres_address: str
) -> None:
    part = "同期の複製"
    with on(deployment, database_url=postgres_address) as here:
        assert part in worries(condition.condition(here))
        lines = list(condition.condition(replace(here, is_alone=True)))
    assert part not in worries(lines)
    assert "ZAITAKU_SYNCHRONOUS_STANDBYS=0" in str(lines)


def test_whatever_keeps_the_site_from_starting_is_told(deployment: Deployment) -> None:
    assert worries(start.start(deployment)) == {}
    real = replace(deployment.settings, mode=Mode.PRODUCTION, origin="https://zaitaku.example")
    (root,) = real.trust_anchors
    service = RevocationService("https://desk.example", "word", root.with_name("absent.pem"))
    for broken in (
        real,  # with the test authority's root
        replace(deployment.settings, trust_anchors=(root.with_name("absent.pem"),)),
        replace(deployment.settings, trust_anchors=(real.request_key_file,)),
        replace(deployment.settings, revocation_service=service),
        replace(deployment.settings, request_key_file=root),
    ):
        with pytest.raises(SettingsError):
            build_services(broken)
        names = ("start", "keys")
        found = list(
            examine(
                replace(deployment, settings=broken), {name: EXAMINATIONS[name] for name in names}
            )
        )
        assert not all(each.is_fine for each in found)
        assert_japanese(found)


def at(deployment: Deployment, origin: str) -> Deployment:
    return replace(deployment, settings=replace(deployment.settings, origin=origin))


def test_the_site_as_strangers_see_it(deployment: Deployment, services: Services) -> None:
    port = free_port()
    here = at(deployment, f"http://127.0.0.1:{port}")
    assert "開けるか" in worries(site.site(here))["サイト"]
    mine = replace(services, settings=here.settings)
    with serving(build_app(mine), port):
        assert list(worries(site.site(here))) == ["外から見た /readyz"]
        elsewhere = at(deployment, f"http://localhost:{port}")
        assert "Host" in worries(site.site(elsewhere))["サイト"]


def test_a_site_without_good_tls_is_told(deployment: Deployment) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        answering = Thread(target=answer_in_the_clear, args=(server,))
        answering.start()
        tls = at(deployment, f"https://127.0.0.1:{server.getsockname()[1]}")
        assert "証明書" in worries(site.site(tls))["サイト"]
        answering.join()


def answer_in_the_clear(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection, suppress(OSError):  # who asked may be gone before all is said
        connection.recv(1024)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def test_a_site_behind_a_careful_proxy_has_no_worries(deployment: Deployment) -> None:
    proxy = Flask("proxy")  # like ours: it keeps even /healthz to itself
    proxy.add_url_rule("/console/login", view_func=lambda: "ok")
    port = free_port()
    with serving(proxy, port):
        assert worries(site.site(at(deployment, f"http://127.0.0.1:{port}"))) == {}


def test_a_readiness_that_strangers_see_is_told_also_when_it_says_no(
    deployment: Deployment,
) -> None:
    proxy = Flask("proxy")
    proxy.add_url_rule("/console/login", view_func=lambda: "ok")
    proxy.add_url_rule("/readyz", "readyz", lambda: ("no", 503))
    port = free_port()
    with serving(proxy, port):
        found = worries(site.site(at(deployment, f"http://127.0.0.1:{port}")))
    assert list(found) == ["外から見た /readyz"]


def test_keys_that_cannot_be_used_are_told(deployment: Deployment) -> None:
    assert worries(machine.key_files(deployment)) == {}
    key = deployment.settings.request_key_file
    key.write_text("nonsense", "utf-8")
    assert list(worries(machine.key_files(deployment))) == [f"鍵 {key}"]


def environ_of(services: Services) -> dict[str, str]:
    settings = services.settings
    return {
        "ZAITAKU_MODE": settings.mode,
        "ZAITAKU_ORIGIN": settings.origin,
        "ZAITAKU_DATABASE_URL": settings.database_url,
        "ZAITAKU_EPHEMERAL_URL": settings.ephemeral_url,
        "ZAITAKU_URL_KEYS": ",".join(settings.url_keys.keys),
        "ZAITAKU_SESSION_KEYS": ",".join(settings.session_keys.keys),
        "ZAITAKU_SUBJECT_KEYS": ",".join(settings.subject_keys.keys),
        "ZAITAKU_REQUEST_KEY_FILE": str(settings.request_key_file),
        "ZAITAKU_TRUST_ANCHORS": str(settings.trust_anchors[0]),
        "ZAITAKU_CRL_FILE": str(settings.crl_file),
    }


def test_the_command_tells_people_and_machines(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ_of(services).items():
        monkeypatch.setenv(name, value)
    told = CliRunner().invoke(doctor, [])
    assert told.exit_code == 1
    assert "！動かし方: 試験用（sandbox）" in told.output
    body = json.loads(CliRunner().invoke(doctor, ["--json", "--all"]).output)
    assert {each["check"] for each in body} == set(EXAMINATIONS) - {"redis", "clocks", "names"}
    assert all(each["fine"] is not bool(each["todo"]) for each in body)
    for secret in (*services.settings.url_keys.keys, *services.settings.subject_keys.keys):
        assert secret not in str(body)


def test_a_setting_that_was_misspelt_is_named(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    environ = environ_of(services) | {
        "ZAITAKU_TRUSTED_PROXY": "1",  # the real one is a plural
        "ZAITAKU_TRUSTED_PROXIES": "1",
        "ZAITAKU_SYNCHRONOUS_STANDBYS": "0",
        "ZAITAKU_DATA": "data",
    }
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    body = json.loads(CliRunner().invoke(doctor, ["--json", "--all"]).output)
    (line,) = [each for each in body if each["check"] == "names"]
    assert line["part"] == "設定 ZAITAKU_TRUSTED_PROXY"
    assert not line["fine"]


def test_settings_that_do_not_hold_are_the_one_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ZAITAKU_ORIGIN", raising=False)
    told = CliRunner().invoke(doctor, ["--json"])
    assert told.exit_code == 1
    (finding,) = json.loads(told.output)
    assert finding["check"] == "settings"
    assert "ZAITAKU_ORIGIN" in finding["fact"]
