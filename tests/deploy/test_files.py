"""The units, containers and examples that the product ships fit together and name what is there."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from zaitaku.cli import root
from zaitaku.commands.web_server import KEEP_ALIVE_SECONDS, LINGER_SECONDS
from zaitaku.core.store_addresses import check_ephemeral_address, check_sql_address, is_redis

HOUSE = Path(__file__).parents[2]
SERVER = HOUSE / "packaging" / "server"
UNITS = sorted((SERVER / "systemd").glob("*.*"))
WEB = "zaitaku-web@.service"


def read_yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


def kubernetes() -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = read_yaml(SERVER / "kubernetes" / "zaitaku.yaml")["items"]
    return [*items, read_yaml(SERVER / "kubernetes" / "migrate.yaml")]


def compose() -> dict[str, Any]:
    found: dict[str, Any] = read_yaml(SERVER / "compose" / "compose.yaml")
    return found


def pods() -> list[dict[str, Any]]:
    specs = [item.get("spec", {}) for item in kubernetes()]
    return [spec["template"]["spec"] for spec in specs if "template" in spec]


def commands() -> list[list[str]]:
    """Return every command line of ours that a file starts."""
    units = "\n".join((SERVER / "systemd" / unit.name).read_text("utf-8") for unit in UNITS)
    found = [line.split() for line in re.findall(r"/bin/zaitaku (.+)", units.replace("%i", "8001"))]
    found += [pod["containers"][0]["args"] for pod in pods()]
    found += [
        service["command"] for service in compose()["services"].values() if "command" in service
    ]
    image = (SERVER / "container" / "Containerfile").read_text("utf-8")
    found += [yaml.safe_load(words) for words in re.findall(r"^CMD (\[.+\])$", image, re.MULTILINE)]
    return found


def test_every_command_that_is_started_exists() -> None:
    started = commands()
    assert len(started) >= 8
    for words in started:
        result = CliRunner().invoke(root, [*words, "--help"])
        assert result.exit_code == 0, (words, result.output)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_reads_the_units(unit: Path, tmp_path: Path) -> None:
    for path in UNITS:
        text = path.read_text("utf-8").replace("/opt/zaitaku/.venv/bin/zaitaku", "/bin/true")
        (tmp_path / path.name).write_text(text, "utf-8")
    name = unit.name.replace("@", "@8001")
    if name != unit.name:
        shutil.copy(tmp_path / unit.name, tmp_path / name)
    result = subprocess.run(
        ["systemd-analyze", "verify", "--recursive-errors=no", "--man=no", str(tmp_path / name)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("name", [WEB, "zaitaku-worker.service"])
def test_a_service_may_do_little(name: str) -> None:
    # Of 100 points, for what a service could do to its machine; without any of it, 96.
    options = "--offline=yes", "--threshold=20", "--no-pager"
    result = subprocess.run(
        ["systemd-analyze", "security", *options, str(SERVER / "systemd" / name)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout[-400:]


def test_instances_are_told_apart_and_end_in_order() -> None:
    text = (SERVER / "systemd" / WEB).read_text("utf-8")
    drain = int(re.findall(r"--drain-seconds (\d+)", text)[0])
    nginx = (SERVER / "nginx" / "zaitaku.conf").read_text("utf-8")
    away = {int(seconds) for seconds in re.findall(r"fail_timeout=(\d+)s", nginx)}
    # nginx must not try an instance again until it is gone, and the next must wait for nginx.
    assert {drain + LINGER_SECONDS < seconds for seconds in away} == {True}
    restart = (SERVER / "rolling-restart.sh").read_text("utf-8")
    assert int(re.findall(r"AWAY_SECONDS:-(\d+)", restart)[0]) > max(away) + 2
    assert "KillMode=mixed" in text
    # Whoever asks is the one to close a connection on which nothing is under way.
    kept = re.findall(r"zone zaitaku .+?keepalive_timeout (\d+)s", nginx, re.DOTALL)
    assert [int(seconds) < KEEP_ALIVE_SECONDS for seconds in kept] == [True]
    servers = re.findall(r"^    server (\S+) max_fails=(\d)", nginx, re.MULTILINE)
    # Whoever is believed to rest is asked once more before a patient is sent away.
    assert {name for name, fails in servers if fails == "0"} == {name for name, _ in servers}
    assert "non_idempotent" not in re.sub(r"#.*", "", nginx)


def test_a_rolling_restart_goes_one_by_one(tmp_path: Path) -> None:
    told = tmp_path / "told"
    stand_in = tmp_path / "systemctl"
    stand_in.write_text(f'#!/bin/sh\necho "$@" >>{told}\n[ "$2" != zaitaku-web@8003.service ]\n')
    stand_in.chmod(0o755)
    script = str(SERVER / "rolling-restart.sh")
    environ = {"PATH": "/usr/bin:/bin", "AWAY_SECONDS": "0", "SYSTEMCTL": str(stand_in)}
    run = [script, "8001", "8002"], [script, "8003", "8004"]
    assert subprocess.run(run[0], env=environ, check=False).returncode == 0
    assert told.read_text().split() == [
        *("restart", "zaitaku-web@8001.service", "restart", "zaitaku-web@8002.service"),
        *("restart", "zaitaku-worker.service"),
    ]
    told.unlink()
    # One that does not come back stops it: the others go on serving.
    assert subprocess.run(run[1], env=environ, check=False).returncode != 0
    assert told.read_text().split() == ["restart", "zaitaku-web@8003.service"]


def test_images_run_as_nobody_and_hold_no_secret() -> None:
    image = (SERVER / "container" / "Containerfile").read_text("utf-8")
    assert "\nUSER 10001:10001\n" in image
    assert "--require-hashes" in image
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", image, re.MULTILINE)
    assert {name for words in copied for name in words.split()} == {
        *("requirements.lock", "pyproject.toml", "README.md", "LICENSE"),
        *("zaitaku", "static", "templates"),
    }
    for name in (name for words in copied for name in words.split()):
        assert (HOUSE / name).exists()


def test_no_file_names_a_registry() -> None:
    texts = {path.name: path.read_text("utf-8") for path in SERVER.rglob("*") if path.is_file()}
    named = re.compile(r"(?:image|FROM|ARG \w+)[:= ]+([\w.-]+\.[a-z]{2,}|localhost)[:/]")
    assert {name for name, text in texts.items() if named.search(text)} == set()
    assert not re.search(r"index-url|://(?:pypi|deb|registry)", "\n".join(texts.values()))


def test_patroni_is_the_one_that_was_tried() -> None:
    locked = (HOUSE / "requirements-dev.lock").read_text("utf-8")
    taken = (SERVER / "container" / "patroni.lock").read_text("utf-8")
    wanted = re.findall(r"^(\S+==\S+)", taken, re.MULTILINE)
    assert any(name.startswith("patroni==") for name in wanted)
    assert [name for name in wanted if name not in locked] == []
    hashes = set(re.findall(r"sha256:\w{64}", taken))
    assert len(hashes) >= len(wanted)
    assert hashes <= set(re.findall(r"sha256:\w{64}", locked))


def test_compose_has_everything_that_it_says() -> None:
    whole = compose()
    services, folder = whole["services"], SERVER / "compose"
    kinds = {re.sub(r"\d", "", name) for name in services}
    assert kinds == {
        *("nginx", "web", "worker", "migrate", "backup"),
        *("etcd", "etcd-users", "postgres", "redis", "sentinel"),
    }
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert "no-new-privileges:true" in service["security_opt"], name
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert (
                source in whole["volumes"] or _is_made_on_site(source) or (folder / source).exists()
            )


def test_the_addresses_of_the_example_are_such_as_a_site_takes() -> None:
    site = compose()["services"]["web1"]["environment"]
    database, ephemeral = (
        re.sub(r"\$\{\w+:\?\}", "word", site[f"ZAITAKU_{name}_URL"])
        for name in ("DATABASE", "EPHEMERAL")
    )
    check_sql_address("ZAITAKU_DATABASE_URL", database)
    check_ephemeral_address(ephemeral)
    assert database.count("host=") == 3
    assert is_redis(ephemeral)


def _is_made_on_site(source: str) -> bool:
    return source.startswith(("./tls/", "./authority/")) or source == "./nginx.conf"


def test_compose_changes_the_shipped_nginx() -> None:
    changes = (SERVER / "compose" / "nginx.sed").read_text("utf-8").splitlines()
    shipped = str(SERVER / "nginx" / "zaitaku.conf")
    before = Path(shipped).read_text("utf-8")
    for change in (line for line in changes if not line.startswith("#")):
        after = subprocess.run(
            ["sed", "-e", change, shipped], capture_output=True, text=True, check=True
        ).stdout
        assert after != before, change


def test_consents_wait_for_a_second_machine_in_the_example() -> None:
    shared = read_yaml(SERVER / "compose" / "patroni.yaml")["bootstrap"]["dcs"]
    assert shared["synchronous_mode"] == "quorum"
    assert shared["synchronous_mode_strict"] is True
    assert shared["postgresql"]["parameters"]["synchronous_commit"] == "on"
    assert shared["postgresql"]["parameters"]["fsync"] == "on"


def test_pods_are_locked_down_and_take_secrets_from_secrets() -> None:
    assert len(pods()) == 3
    for pod in pods():
        container = pod["containers"][0]
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert {"secretRef": {"name": "zaitaku-settings"}} in container["envFrom"]
    [plain] = [item["data"] for item in kubernetes() if item["kind"] == "ConfigMap"]
    assert not {name for name in plain if name.endswith(("_KEYS", "_KEY", "_URL"))}


def test_pods_end_after_they_were_left_alone() -> None:
    items = {
        (item["kind"], item["metadata"]["name"]): item["spec"]
        for item in kubernetes()
        if "spec" in item
    }
    web = items["Deployment", "zaitaku-web"]
    pod = web["template"]["spec"]
    words = pod["containers"][0]["args"]
    drain = int(words[words.index("--drain-seconds") + 1])
    probe = pod["containers"][0]["readinessProbe"]
    assert drain > probe["periodSeconds"] * probe["failureThreshold"]
    assert pod["terminationGracePeriodSeconds"] >= drain + 30
    assert web["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert items["PodDisruptionBudget", "zaitaku-web"]["minAvailable"] < web["replicas"]
    denied = items["NetworkPolicy", "deny-all"]
    assert (denied["podSelector"], sorted(denied["policyTypes"])) == ({}, ["Egress", "Ingress"])
