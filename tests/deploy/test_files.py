"""The units, containers and examples that the product ships fit together and name what is there."""

import re
import shlex
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
DEPLOYING = (HOUSE / "docs" / "deploying.md").read_text("utf-8")
SERVER = HOUSE / "packaging" / "server"
UNITS = sorted((SERVER / "systemd").glob("*.*"))
WEB = "zaitaku-web@.service"
DAILY = "zaitaku-daily@.service"
IN_ORDER = ("config.yaml", "migrate.yaml", "zaitaku.yaml", "daily.yaml")
"""The order in which the files of the Kubernetes example are applied."""


def read_yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


def applied(name: str) -> list[dict[str, Any]]:
    """Return what one file of the example makes."""
    whole: dict[str, Any] = read_yaml(SERVER / "kubernetes" / name)
    return list(whole["items"]) if whole["kind"] == "List" else [whole]


def kubernetes() -> list[dict[str, Any]]:
    return [item for name in IN_ORDER for item in applied(name)]


def compose() -> dict[str, Any]:
    found: dict[str, Any] = read_yaml(SERVER / "compose" / "compose.yaml")
    return found


def pods() -> list[dict[str, Any]]:
    specs = [item.get("spec", {}) for item in kubernetes()]
    specs = [spec.get("jobTemplate", {}).get("spec", spec) for spec in specs]
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
        text = re.sub(r"/opt/zaitaku/(?:.venv/bin/zaitaku|\S+\.sh)", "/bin/true", path.read_text())
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


@pytest.mark.parametrize("name", [WEB, DAILY, "zaitaku-worker.service"])
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
    done = subprocess.run(run[0], env=environ, check=True, capture_output=True, text=True)
    # Before each wait it says for what.
    assert done.stdout.count("待ちます") == 5
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
        *("zaitaku", "fonts", "static", "templates"),
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


def test_what_compose_wants_on_site_is_in_its_starting_notes() -> None:
    text = (SERVER / "compose" / "compose.yaml").read_text("utf-8")
    notes, _, rest = text.partition("\nname: ")
    made = {
        source.removeprefix("./")
        for source in re.findall(r"- (\./[\w./-]+):", rest)
        if _is_made_on_site(source)
    }
    assert {"authority/roots.pem", "tls/fullchain.pem", "nginx.conf"} <= made
    assert {name for name in made if name not in notes} == set()


def test_nginx_of_debian_takes_more_than_one_address_may_ask() -> None:
    [change] = re.findall(r"^sed -i (.+) /etc/nginx/nginx\.conf$", DEPLOYING, re.MULTILINE)
    debians = "user www-data;\nevents {\n\tworker_connections 768;\n}\n"
    after = subprocess.run(
        ["sed", *shlex.split(change)], input=debians, capture_output=True, text=True, check=True
    ).stdout
    [most] = re.findall(r"worker_connections (\d+);", after)
    nginx = (SERVER / "nginx" / "zaitaku.conf").read_text("utf-8")
    [one] = re.findall(r"limit_conn zaitaku_connections (\d+);", nginx)
    assert int(most) > 3 * int(one)
    [files] = re.findall(r"^worker_rlimit_nofile (\d+);", after)
    assert int(files) > 2 * int(most)


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
    assert len(pods()) == 6
    for pod in pods():
        container = pod["containers"][0]
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert {"secretRef": {"name": "zaitaku-settings"}} in container["envFrom"]
    [plain] = [item["data"] for item in kubernetes() if item["kind"] == "ConfigMap"]
    told = {"ZAITAKU_PRIVACY_URL"}  # everybody reads it
    assert not {name for name in plain if name.endswith(("_KEYS", "_KEY", "_URL"))} - told


def test_the_kubernetes_example_can_be_applied_in_its_order() -> None:
    settings, spaces = set[str](), {"default"}
    for name in IN_ORDER:
        for item in applied(name):
            kind, meta = item["kind"], item["metadata"]
            if kind == "Namespace":
                spaces.add(meta["name"])
            elif kind == "ConfigMap":
                settings.add(meta["name"])
            assert meta.get("namespace", "default") in spaces, (name, meta)
        asked = set(re.findall(r"configMapRef: \{name: (\w+)\}", text_of(name)))
        assert asked <= settings, name
    steps = "\n".join(line for line in text_of("config.yaml").splitlines() if line[:1] == "#")
    assert re.findall(r"apply -f (\S+)", steps) == list(IN_ORDER)
    waits = re.findall(r"kubectl [^&\n]*(?:wait|rollout status)[^&\n]*", steps)
    # kubectl gives up after thirty seconds unless it is told otherwise.
    assert [line for line in waits if "--timeout=" not in line] == []
    assert len(waits) == 2


def text_of(name: str) -> str:
    return (SERVER / "kubernetes" / name).read_text("utf-8")


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
